"""The Python code runs, and answers as our own run of the file does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith import snippet
from litesmith.graph import Graph, write
from litesmith.runtime import Session
from litesmith.snippets import view_of
from tests.snippets.files import FILES


def _loaded(graph: Graph, folder: Path) -> Any:
    """Return the code's namespace, and the path of the file that it is for."""
    path = folder / "model.tflite"
    path.write_bytes(write(graph))
    code = snippet(path, "python")
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(code, "snippet.py", "exec"), space)
    return space, path


def _inputs(graph: Graph, seed: int) -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    found = []
    for port in view_of(graph, "m.tflite").inputs:
        low, high = (0, 3) if port.real.value.startswith("int") else (-60.0, 200.0)
        found.append(random.uniform(low, high, port.shape).astype(port.real.numpy))
    return found


@pytest.mark.parametrize("name", FILES)
def test_answers_as_our_own_run(name: str, tmp_path: Path) -> None:
    graph = FILES[name]()
    space, path = _loaded(graph, tmp_path)
    model = space["Model"](str(path))
    session = Session(write(graph))
    for seed in range(3):
        fed = _inputs(graph, seed)
        found = model.run(*fed)
        own = session.run([x[np.newaxis] for x in fed])
        assert list(found) == list(graph.output_names())
        # A detector leaves what it did not find as it was.
        rows = int(own[3].item()) if name == "detector" else None
        for value, expected in zip(found.values(), own, strict=True):
            same = np.atleast_1d(value.reshape(expected[0].shape) == expected[0])
            assert np.all(same[:rows])
            assert value.dtype == expected.dtype


def test_sizes_are_the_applications(tmp_path: Path) -> None:
    graph = FILES["open"]()
    space, path = _loaded(graph, tmp_path)
    model = space["Model"](str(path))
    x = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    for size in (7, 2, 5):
        (found,) = model.run(x[:size]).values()
        np.testing.assert_allclose(found, Session(write(graph)).run([x[:size]])[0], rtol=1e-6)


def test_raw_values_are_prepared_as_the_metadata_says(tmp_path: Path) -> None:
    space, _ = _loaded(FILES["plain"](), tmp_path)
    raw = np.full((1, 16, 16, 3), 7, np.uint8)
    np.testing.assert_allclose(space["prepare_image"](raw)[0, 0, 0], [6 / 4, 5 / 5, 4 / 6])
    assert space["SCORES_LABELS"] == ["cat", "dog", "bird", "fish"]


def test_pixels_go_in_as_they_are(tmp_path: Path) -> None:
    graph = FILES["pixels"]()
    space, path = _loaded(graph, tmp_path)
    assert not [name for name in space if name.startswith("prepare")]
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), np.uint8)
    (found,) = space["Model"](str(path)).run(pixels).values()
    assert np.array_equal(found, Session(write(graph)).run([pixels])[0])


@pytest.mark.parametrize("name", ["plain", "detector", "several"])
def test_runs_as_a_program(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(write(FILES[name]()))
    (tmp_path / "run.py").write_text(snippet(path, "python"), "utf-8")
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if name == "plain":
        assert done.stdout.split("\n")[1] in ("cat", "dog", "bird", "fish")
