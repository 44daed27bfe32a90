from __future__ import annotations

from pathlib import Path

import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.forge import bench as flow
from litesmith.graph import write
from litesmith.quantize import Quantize
from tests.api.fakes import FakeSource, classifier, features
from tests.support.graphs import examples

DATA = examples(classifier(), [features()[:, None]])
GRAPHS = {
    "float.tflite": classifier(),
    "int8.tflite": Quantize("int8", "int8", "int8")(classifier(), DATA).graph,
}


@pytest.fixture
def files(monkeypatch):
    def open_source(path, options=None):
        form = "tflite" if path.suffix == ".tflite" else "keras"
        return FakeSource(GRAPHS.get(str(path), classifier()), form=form)

    monkeypatch.setattr(flow, "open_source", open_source)
    return list(GRAPHS)


def test_every_file_has_sizes_and_a_latency(files):
    report = litesmith.bench(*files, seconds=0.05)
    assert [row.path for row in report.files] == files
    for row in report.files:
        assert row.latency_ms > 0
        assert row.size_gzip_bytes > 0
        assert row.size_bytes == len(write(GRAPHS[row.path]))
    assert report.runs > 0
    assert report.threads == 1
    assert report.machine is not None
    assert report.machine.cores > 0


def test_threads_reach_the_runtime(files, monkeypatch):
    seen = []
    session = flow.Session
    monkeypatch.setattr(flow, "Session", lambda m, t: seen.append(t) or session(m, t))
    assert litesmith.bench(files[0], threads=2, seconds=0.05).threads == 2
    assert seen == [2]


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ([], {}, "No file"),
        (["a.tflite", "a.tflite"], {}, "named twice"),
        (["a.tflite"], {"threads": 0}, "--threads 0"),
        (["a.tflite"], {"seconds": 0}, "seconds above 0"),
        (["a.keras"], {}, "is not a .tflite"),
    ],
)
def test_what_cannot_be_measured(files, given, options, message):
    with pytest.raises(InputError, match=message):
        litesmith.bench(*map(Path, given), **options)
