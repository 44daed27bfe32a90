"""The undamaged models: small, with several kinds of layers, in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FORMATS = ("keras", "keras_old", "h5", "h5_old", "saved_model", "pb", "tflite")


def make(form: str, folder: Path) -> Path:
    """Save the original of a format; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return _MAKERS[form](folder)


def _model(package: Any) -> Any:
    package.utils.set_random_seed(5)
    layers = package.layers
    image, extra = package.Input((6, 6, 2), name="image"), package.Input((3,), name="extra")
    x = layers.Conv2D(3, 3, activation="relu", name="conv")(image)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Concatenate(name="both")([x, layers.Dense(2, name="wide")(extra)])
    return package.Model([image, extra], layers.Dense(2, activation="softmax", name="out")(x))


def _saved(package: str, name: str) -> Any:
    def make(folder: Path) -> Path:
        import keras
        import tf_keras

        path = folder / name
        _model({"keras": keras, "tf_keras": tf_keras}[package]).save(str(path))
        return path

    return make


def _function() -> Any:
    import tensorflow as tf

    weight = tf.Variable(tf.reshape(tf.range(12.0), (4, 3)) / 7 - 0.8)
    bias = tf.Variable([0.1, -0.2, 0.3])

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def call(x: Any) -> dict[str, Any]:
        hidden = tf.nn.relu(x @ weight + bias)
        return {"scores": tf.nn.softmax(hidden), "total": tf.reduce_sum(hidden, 1)}

    return call, (weight, bias)


def _saved_model(folder: Path) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.call, module.kept = _function()
    path = folder / "saved_model"
    tf.saved_model.save(module, str(path), {"serving_default": module.call})
    return path


def _frozen(folder: Path) -> Path:
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    call, _ = _function()
    frozen = convert_variables_to_constants_v2(call.get_concrete_function())
    path = folder / "frozen.pb"
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    return path


def _tflite(folder: Path) -> Path:
    import keras
    import tensorflow as tf

    model = _model(keras)
    inputs = [tf.TensorSpec((1, *t.shape[1:]), t.dtype, t.name) for t in model.inputs]
    function = tf.function(lambda a, b: model([a, b])).get_concrete_function(*inputs)
    path = folder / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    return path


_MAKERS = {
    "keras": _saved("keras", "new.keras"),
    "keras_old": _saved("tf_keras", "old.keras"),
    "h5": _saved("keras", "new.h5"),
    "h5_old": _saved("tf_keras", "old.h5"),
    "saved_model": _saved_model,
    "pb": _frozen,
    "tflite": _tflite,
}
