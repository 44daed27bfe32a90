"""Arguments, names and modules that one Keras writes and the other refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litesmith.sources.repair.arguments import drop_unknown
from tests.sources.repair import broken
from tests.sources.repair.conftest import Bench


def _says(notes: tuple[str, ...], words: str) -> bool:
    return any(words in note for note in notes)


def test_groups(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model, path = broken.image_model(tf_keras), tmp_path / "m.h5"
    model.save(path)
    loaded = bench.repaired_by("keras", path)
    assert _says(loaded.notes, "'groups'")
    bench.same(loaded, model)
    bench.same(bench.load(path), model)


def test_groups_that_mean_something_stay(tmp_path: Path) -> None:
    config = {"class_name": "DepthwiseConv2D", "config": {"groups": 2}}
    assert drop_unknown("Unrecognized keyword arguments: {'groups': 2}", config) is None
    assert config["config"] == {"groups": 2}


def test_time_major_and_trainable(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model, path = broken.sequence_model(tf_keras), tmp_path / "m.h5"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        entries = broken.layers(config)
        entries["last"]["config"]["time_major"] = False
        entries["drop"]["config"]["trainable"] = True

    broken.edit_hdf5(path, edit)
    loaded = bench.repaired_by("keras", path)
    assert _says(loaded.notes, "'time_major'") and _says(loaded.notes, "'trainable'")
    bench.same(loaded, model)
    bench.same(bench.load(path), model)


@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
def test_argument_of_a_later_release(bench: Bench, tmp_path: Path, keras: str) -> None:
    import importlib

    model = broken.image_model(importlib.import_module(keras))
    path = tmp_path / "m.keras"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        entries = broken.layers(config)
        entries["hidden"]["config"]["of_tomorrow"] = None
        entries["scores"]["config"]["of_the_day_after"] = False

    broken.edit_archive(path, edit)
    loaded = bench.load(path)
    assert _says(loaded.notes, "of_tomorrow") and _says(loaded.notes, "of_the_day_after")
    bench.same(loaded, model)


def test_slash_in_names(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    image = tf_keras.Input((4,), name="in/put")
    x = tf_keras.layers.Dense(3, name="block/a")(image)
    y = tf_keras.layers.Dense(3, name="block_a")(x)
    model = broken.randomized(tf_keras.Model(image, [x, y]))
    path = tmp_path / "m.h5"
    model.save(path)
    loaded = bench.repaired_by("keras", path)
    assert _says(loaded.notes, "'/' in their names")
    assert [name for name, _ in loaded.call(_ones(4))] == [
        "block_a_1",
        "block_a",
    ]
    bench.same(loaded, model)
    first = bench.load(path)
    assert first.inputs[0].name == "in/put"
    bench.same(first, model)


def _ones(size: int) -> list[Any]:
    import numpy as np

    return [np.ones((1, size), "float32")]


@pytest.mark.parametrize("root", ["keras.engine", "keras.src.engine", "tensorflow.python.keras"])
def test_module_paths(bench: Bench, tmp_path: Path, root: str) -> None:
    import tf_keras

    model, path = broken.image_model(tf_keras), tmp_path / "m.keras"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        config["module"] = f"{root}.functional"
        broken.layers(config)["hidden"]["module"] = f"{root}.layers.core.dense"

    broken.edit_archive(path, edit, metadata={"keras_version": "2.12.0"})
    loaded = bench.load(path)
    bench.same(loaded, model)
    newer = bench.repaired_by("keras", path)
    assert _says(newer.notes, "Modules")
    bench.same(newer, model)


def test_custom_initializer(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model, path = broken.image_model(tf_keras), tmp_path / "m.h5"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        hidden = broken.layers(config)["hidden"]["config"]
        hidden["kernel_initializer"] = {"class_name": "EfficientDenseKernel", "config": {}}

    loaded = bench.load(broken.edit_hdf5(path, edit))
    assert _says(loaded.notes, "only training uses")
    bench.same(loaded, model)


def test_old_training_settings(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model, path = broken.image_model(tf_keras), tmp_path / "m.h5"
    model.compile("adam", "mse")
    model.save(path)
    old = '{"optimizer_config": {"class_name": "Adam", "config": {"lr": 1, "decay": 0}},'
    old += '"loss": {"class_name": "Gone", "config": {"reduction": "auto"}}, "metrics": [null]}'

    def edit(file: Any) -> None:
        file.attrs["training_config"] = old

    bench.same(bench.load(broken.edit_hdf5(path, file=edit)), model)
    path = tmp_path / "m.keras"
    model.save(path)

    def compiled(config: dict[str, Any]) -> None:
        config["compile_config"] = {"loss": {"class_name": "Gone", "config": {"reduction": "auto"}}}

    bench.same(bench.load(broken.edit_archive(path, compiled)), model)
