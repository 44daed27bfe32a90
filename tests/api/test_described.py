"""Metadata through `export`: what options ask for, what a source brings along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.errors import ConversionError, InputError
from litesmith.forge.described import with_metadata
from litesmith.forge.options import ExportOptions
from litesmith.graph import Graph, read, write
from litesmith.interface.metadata import Describe, summarize
from litesmith.quantize import Quantize
from tests.interface.metadata import models


def _file(graph: Graph, folder: Path) -> Path:
    path = folder / "source.tflite"
    path.write_bytes(write(graph))
    return path


def _labels(folder: Path, count: int = 4) -> Path:
    path = folder / "labels.txt"
    path.write_text("".join(f"{name}\n" for name in models.LABELS[:count]), "utf-8")
    return path


def test_labels_and_c_array_are_written(tmp_path: Path) -> None:
    out = tmp_path / "out.tflite"
    report = litesmith.export(
        _file(models.classifier(), tmp_path), out, quantize="none", preprocess="unit",
        labels=_labels(tmp_path), c_array=tmp_path / "out.cc", save_recipe=tmp_path / "r.toml",
    )  # fmt: skip
    said = summarize(read(out.read_bytes()))
    assert said is not None
    assert (said.inputs[0].std, said.outputs[0].labels) == ((255.0,), models.LABELS)
    assert [step.name for step in report.steps][-1] == "metadata"
    assert (tmp_path / "out.h").exists() and (tmp_path / "out.cc").exists()
    again = tmp_path / "again.tflite"
    litesmith.export(tmp_path / "source.tflite", again, recipe=tmp_path / "r.toml")
    assert again.read_bytes() == out.read_bytes()
    checked = litesmith.check(out)
    assert checked.metadata == said


def test_wrong_labels_leave_no_file(tmp_path: Path) -> None:
    out = tmp_path / "out.tflite"
    with pytest.raises(InputError, match="3 labels, but the output 'scores' has 4 classes"):
        litesmith.export(_file(models.classifier(), tmp_path), out, labels=_labels(tmp_path, 3))
    assert not out.exists()


def test_a_task_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    out = tmp_path / "out.tflite"
    with pytest.raises(ConversionError, match="ImageSegmenter would not take this file"):
        litesmith.export(_file(models.classifier(), tmp_path), out, task="image-segmenter")
    assert not out.exists()
    with pytest.raises(InputError, match="--task segmenter is not known"):
        litesmith.export(_file(models.classifier(), tmp_path), out, task="segmenter")


def test_a_sources_own_metadata_survives(tmp_path: Path) -> None:
    source = _file(Describe(labels=models.LABELS)(models.classifier()).graph, tmp_path)
    out = tmp_path / "out.tflite"
    report = litesmith.export(source, out, quantize="float16")
    assert dict(read(out.read_bytes()).files) == dict(read(source.read_bytes()).files)
    said = summarize(read(out.read_bytes()))
    assert said is not None and said.outputs[0].labels == models.LABELS
    assert not [w for w in report.warnings if w.code.startswith(("metadata", "files"))]


def test_metadata_of_another_graph_is_left_out(tmp_path: Path) -> None:
    described = Describe(labels=models.LABELS)(models.classifier()).graph
    more = described.with_(outputs=(*described.outputs, described.ops[0].outputs[0]), signatures=())
    out = tmp_path / "out.tflite"
    report = litesmith.export(_file(more, tmp_path), out, quantize="none")
    assert "metadata_left_out" in [w.code for w in report.warnings]
    assert summarize(read(out.read_bytes())) is None
    assert not read(out.read_bytes()).files


def test_lost_files_are_told(tmp_path: Path) -> None:
    described = Describe(labels=models.LABELS)(models.classifier()).graph.with_(files=())
    out = tmp_path / "out.tflite"
    report = litesmith.export(_file(described, tmp_path), out, quantize="none")
    assert "files_missing" in [w.code for w in report.warnings]


def test_folders_of_images_name_the_classes(tmp_path: Path) -> None:
    from PIL import Image

    for name in models.LABELS:
        (tmp_path / "images" / name).mkdir(parents=True)
        pixels = np.full((16, 16, 3), 100, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / name / "1.png")
    (step,) = with_metadata((), ExportOptions(data=str(tmp_path / "images"), metadata=True))
    outcome = step(models.classifier())
    said = summarize(outcome.graph)
    assert said is not None and said.outputs[0].labels == tuple(sorted(models.LABELS))
    assert [notice.code for notice in outcome.notices] == ["labels_from_folders"]
    # Of another number of classes they are no names.
    assert not step(models.audio()).graph.files


def test_nothing_is_described_unasked() -> None:
    assert with_metadata((Quantize(),), ExportOptions()) == (Quantize(),)


def test_the_step_comes_last_whatever_a_recipe_says() -> None:
    steps = with_metadata((Describe(), Quantize()), ExportOptions(labels=("a", "b")))
    assert steps == (Quantize(), Describe(labels=("a", "b")))


def test_what_is_built_in_is_not_said_twice() -> None:
    options = ExportOptions(preprocess=("unit",), embed_preprocess=True, metadata=True)
    assert with_metadata((), options) == (Describe(raw=True),)
    bgr = ExportOptions(metadata=True, input_channels=("image:bgr,bgr",))
    assert with_metadata((), bgr) == (Describe(colors="bgr"),)
    with pytest.raises(ConversionError, match="fed BGR"):
        Describe(kind="image-classifier", colors="bgr")(models.classifier())
