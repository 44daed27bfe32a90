"""Layouts of weights: other keys, other names of the file, weights without their model."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from litesmith.errors import LoadError
from tests.sources.repair import broken
from tests.sources.repair.conftest import Bench

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _saved(folder: Path, name: str = "m.keras") -> tuple[Any, Path]:
    import tf_keras

    model, path = broken.image_model(tf_keras), folder / name
    model.save(path)
    return model, path


def test_backslashes(bench: Bench, tmp_path: Path) -> None:
    model, path = _saved(tmp_path)
    broken.edit_archive(path, keys=lambda key: key.replace("/", "\\"))
    loaded = bench.load(path)
    assert "keys" in loaded.notes[-1]
    bench.same(loaded, model)


def test_backslashes_but_for_the_last(bench: Bench, tmp_path: Path) -> None:
    model, path = _saved(tmp_path)
    broken.edit_archive(path, keys=lambda key: re.sub("/(?!vars|[0-9])", r"\\", key))
    bench.same(bench.load(path), model)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("name", ["image", "sequence"])
def test_layer_checkpoint_dependencies(bench: Bench, tmp_path: Path, gaps: bool, name: str) -> None:
    import tf_keras

    model = getattr(broken, f"{name}_model")(tf_keras)
    path = tmp_path / "m.keras"
    model.save(path)

    def old(key: str) -> str:
        key = key.replace("layers/", "_layer_checkpoint_dependencies/")
        return re.sub(r"dense_1/", "dense_2/", key) if gaps else key

    loaded = bench.load(broken.edit_archive(path, keys=old))
    assert "keys" in loaded.notes[-1]
    bench.same(loaded, model)


def test_names_that_lie(bench: Bench, tmp_path: Path) -> None:
    model, path = _saved(tmp_path, "m.h5")
    shutil.move(path, tmp_path / "was_hdf5.keras")
    bench.same(bench.load(tmp_path / "was_hdf5.keras"), model)
    _, path = _saved(tmp_path, "m.keras")
    shutil.move(path, tmp_path / "was_zip.h5")
    bench.same(bench.load(tmp_path / "was_zip.h5"), model)


@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
@pytest.mark.parametrize("weights", ["m.weights.h5", "m_weights.h5"])
@pytest.mark.parametrize("architecture", ["m.json", "model.json", "other.json"])
def test_json_beside(
    bench: Bench, tmp_path: Path, keras: str, weights: str, architecture: str
) -> None:
    import importlib

    model = broken.image_model(importlib.import_module(keras))
    model.save_weights(*([tmp_path / weights] if keras == "tf_keras" else [_h5(tmp_path, weights)]))
    found = tmp_path / weights
    if not found.exists():
        shutil.move(tmp_path / "as.weights.h5", found)
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / architecture).write_text(model.to_json())
    loaded = bench.load(found)
    assert architecture in loaded.notes[0]
    bench.same(loaded, model)


def _h5(folder: Path, name: str) -> Path:
    return folder / (name if name.endswith(".weights.h5") else "as.weights.h5")


def test_yaml_beside(bench: Bench, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    import tf_keras

    model = broken.image_model(tf_keras)
    model.save_weights(tmp_path / "w.h5")
    text = yaml.safe_dump(json.loads(model.to_json()))
    text += "extra: !!python/tuple [3, 3]\n"
    (tmp_path / "w.yaml").write_text(text)
    bench.same(bench.load(tmp_path / "w.h5"), model)


def test_yaml_that_runs_code(bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    import tf_keras

    broken.image_model(tf_keras).save_weights(tmp_path / "w.h5")
    touched = tmp_path / "touched"
    (tmp_path / "w.yaml").write_text(
        f"class_name: !!python/object/apply:os.system ['touch {touched}']\nconfig: {{}}\n"
    )
    with pytest.raises(LoadError, match="weights only"):
        bench.load(tmp_path / "w.h5")
    assert not touched.exists()


def test_weights_that_do_not_fit_the_architecture(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    broken.image_model(tf_keras).save_weights(tmp_path / "w.h5")
    (tmp_path / "w.json").write_text(broken.sequence_model(tf_keras).to_json())
    with pytest.raises(LoadError, match="tf_keras"):
        bench.load(tmp_path / "w.h5")


@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
@pytest.mark.parametrize("saved_by", ["keras", "tf_keras"])
@pytest.mark.parametrize("layout", ["m.weights.h5", "m.keras", "m.h5"])
def test_builder(bench: Bench, tmp_path: Path, keras: str, saved_by: str, layout: str) -> None:
    import importlib

    model = broken.image_model(importlib.import_module(saved_by))
    path = tmp_path / layout
    (model.save_weights if layout == "m.weights.h5" else model.save)(path)
    code = tmp_path / f"built_with_{keras}.py"
    code.write_text(
        f"import {keras}\nfrom tests.sources.repair import broken\n\n\n"
        f"def build():\n    return broken.image_model({keras})\n"
    )
    bench.same(bench.load(path, builder=f"py:{code}:build"), model)
