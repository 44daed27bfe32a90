"""TensorFlow calls, dtype policies, shapes, functions: what configurations say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import LoadError
from litesmith.sources.repair.tensorflow_ops import function
from tests.sources.repair import broken
from tests.sources.repair.conftest import Bench


def _with_ops(keras: Any, *, whole: bool) -> Any:
    import tensorflow as tf

    image = keras.Input((8, 8, 3), name="image")
    x = image / 127.5 - 1.0
    x = keras.layers.Conv2D(4, 3, name="c")(x)
    y = tf.nn.relu(x)[:, 1:, :, :2] if whole else tf.nn.relu(x)[:, 1:, ..., :2]
    z = tf.concat([y, tf.image.resize(x, (5, 6))[:, :, :, 1:3]], axis=-1)
    z = tf.reshape(z, (-1, 5 * 6 * 4))
    z = tf.math.l2_normalize(z, axis=1) + tf.reduce_mean(z, axis=1, keepdims=True)
    return broken.randomized(keras.Model(image, keras.layers.Dense(3, name="scores")(z)))


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_tensorflow_calls(bench: Bench, tmp_path: Path, ending: str) -> None:
    import tf_keras

    model, path = _with_ops(tf_keras, whole=ending == ".keras"), tmp_path / f"m{ending}"
    model.save(path)
    bench.same(bench.load(path), model)
    newer = bench.repaired_by("keras", path)
    assert "TensorFlow calls" in " ".join(newer.notes)
    bench.same(newer, model)


@pytest.mark.parametrize(
    "path", ["io.write_file", "py_function", "numpy_function", "raw_ops.WriteFile", "load_library"]
)
def test_tensorflow_calls_that_reach_outside(path: str) -> None:
    with pytest.raises(ValueError, match="not called"):
        function(path)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
def test_mixed_precision(bench: Bench, tmp_path: Path, keras: str, ending: str) -> None:
    import importlib

    package = importlib.import_module(keras)
    layers = package.layers
    image = package.Input((6,), name="x")
    x = layers.Dense(4, dtype="mixed_float16", name="a")(image)
    model = broken.randomized(package.Model(image, layers.Dense(2, dtype="float32", name="b")(x)))
    path = tmp_path / f"m{ending}"
    model.save(path)
    loaded = bench.load(path)
    assert "float32" in " ".join(loaded.notes)
    bench.same(loaded, model, atol=1e-2)


def test_policy_of_keras_2_in_keras_3(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model, path = broken.image_model(tf_keras), tmp_path / "m.h5"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        for entry in broken.layers(config).values():
            if "dtype" in entry["config"] and entry["class_name"] != "InputLayer":
                entry["config"]["dtype"] = {
                    "class_name": "PolicyV1",
                    "config": {"name": "mixed_float16", "loss_scale": {"class_name": "Gone"}},
                }

    loaded = bench.load(broken.edit_hdf5(path, edit))
    bench.same(loaded, model)


def test_extra_dimension(bench: Bench, tmp_path: Path) -> None:
    """A Sequential of Keras 2 without InputLayer, which Keras 3 reads with one dimension more."""
    import tf_keras

    model = broken.sequence_model(tf_keras)
    path = tmp_path / "m.h5"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        entries = config["config"]["layers"]
        shape = entries.pop(0)["config"]["batch_input_shape"]
        entries[0]["config"]["batch_input_shape"] = shape

    broken.edit_hdf5(path, edit)
    for loaded in (bench.load(path), bench.repaired_by("keras", path)):
        assert loaded.inputs[0].shape == (None, 6, 4)
        bench.same(loaded, model)


def test_batch_shape_in_tf_keras(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model = broken.image_model(tf_keras)
    path = tmp_path / "m.h5"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        inner = broken.layers(config)["image"]["config"]
        inner["batch_shape"] = inner.pop("batch_input_shape")

    loaded = bench.load(broken.edit_hdf5(path, edit))
    bench.same(loaded, model)


@pytest.mark.parametrize("name", ["relu6", "hard_swish", "swish", "mish"])
@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
def test_functions_everyone_means_alike(
    bench: Bench, tmp_path: Path, keras: str, name: str
) -> None:
    import importlib

    import tensorflow as tf

    meaning = {
        "relu6": tf.nn.relu6,
        "hard_swish": lambda x: x * tf.nn.relu6(x + 3) / 6,
        "swish": tf.nn.silu,
        "mish": lambda x: x * tf.tanh(tf.nn.softplus(x)),
    }[name]
    package = importlib.import_module(keras)

    def build(activation: Any) -> Any:
        layers = package.layers
        image = package.Input((6,), name="x")
        x = layers.Dense(4, name="a", activation=activation)(image)
        return broken.randomized(package.Model(image, layers.Dense(2, name="b")(x)))

    path = tmp_path / "m.h5"
    build("linear").save(path)

    def edit(config: dict[str, Any]) -> None:
        broken.layers(config)["a"]["config"]["activation"] = name

    bench.same(bench.load(broken.edit_hdf5(path, edit)), build(meaning))


@pytest.mark.parametrize("saved_by", ["keras", "tf_keras"])
def test_hard_sigmoid_is_that_of_who_saved(bench: Bench, tmp_path: Path, saved_by: str) -> None:
    import importlib

    package = importlib.import_module(saved_by)
    image = package.Input((6,), name="x")
    x = package.layers.Dense(4, name="a", activation="hard_sigmoid")(image)
    model = broken.randomized(package.Model(image, package.layers.Dense(2, name="b")(x)))
    path = tmp_path / "m.h5"
    model.save(path)
    other = "tf_keras" if saved_by == "keras" else "keras"
    if saved_by == "tf_keras":
        bench.same(bench.repaired_by(other, path), model)
    bench.same(bench.load(path), model)


def test_unknown_custom_layer_names_the_option(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model, path = broken.image_model(tf_keras), tmp_path / "m.h5"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        broken.layers(config)["hidden"]["class_name"] = "MyDense"

    with pytest.raises(LoadError) as caught:
        bench.load(broken.edit_hdf5(path, edit))
    assert "MyDense" in caught.value.message
    assert "--custom-objects py:file.py:MyDense" in caught.value.hint
    assert "tf_keras" in caught.value.message and "Keras 3" in caught.value.message


def test_missing_weights_are_noticed(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    from litesmith.sources.repair import check_filled

    model = broken.image_model(tf_keras)
    stored = [np.asarray(w) for w in model.get_weights()]
    check_filled("it", model, stored, rearranged=False)
    with pytest.raises(LoadError, match="1 of 14 variables"):
        check_filled("it", model, stored[1:], rearranged=False)
    with pytest.raises(LoadError, match="no place"):
        check_filled("it", model, [*stored, stored[0] + 1], rearranged=False)
    with pytest.raises(LoadError, match="variables"):
        check_filled("it", model, [stored[0] + 1, *stored[1:]], rearranged=True)
