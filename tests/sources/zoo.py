"""Small models in every format, made by code and saved where a test asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

CODE = """
import os, signal, subprocess, time
import keras


class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x


class Answers(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3)

    def call(self, features):
        return {"z": self.dense(features), "a": features}


def build():
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(2, name="d")])


def number():
    return 3


def abort():
    os.abort()


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    os._exit(3)


def hang():
    subprocess.Popen(["sleep", "600"])
    time.sleep(600)

def endless():
    signal.raise_signal(signal.SIGALRM)
"""


def two_by_two(keras: Any, *, as_dict: bool = False) -> Any:
    """Inputs zebra, apple and outputs zz, aa: neither is in alphabetical order."""
    zebra, apple = keras.Input((4,), name="zebra"), keras.Input((3,), name="apple")
    both = keras.layers.Concatenate()([zebra, apple])
    zz, aa = keras.layers.Dense(2, name="zz")(both), keras.layers.Dense(2, name="aa")(both)
    if as_dict:
        return keras.Model({"zebra": zebra, "apple": apple}, {"zz": zz, "aa": aa})
    return keras.Model([zebra, apple], [zz, aa])


def convolutional(keras: Any) -> Any:
    """A Sequential image model."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, name="scores"),
        ]
    )


def recurrent(keras: Any) -> Any:
    """LSTM and Dense over 12 steps."""
    return keras.Sequential(
        [keras.Input((12, 5), name="steps"), keras.layers.LSTM(8), keras.layers.Dense(3, name="d")]
    )


def _answers(folder: Path) -> Any:
    import importlib.util

    import numpy as np

    spec = importlib.util.spec_from_file_location("zoo_code", write_code(folder))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Answers()
    model(np.zeros((2, 5), "float32"))
    return model


def write_code(folder: Path) -> Path:
    """Write the user's code that goes with the models."""
    path = folder / "code_of_user.py"
    path.write_text(CODE)
    return path


def _mixed(keras: Any) -> Any:
    policy = "mixed_float16"
    dense = keras.layers.Dense(4, dtype=policy)
    return keras.Sequential([keras.Input((6,), name="x"), dense, keras.layers.Dense(2, name="d")])


def _signatures(folder: Path, keys: tuple[str, ...]) -> Path:
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            self.weight = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

        @tf.function(input_signature=[tf.TensorSpec([None, 2])])
        def double(self, x: Any) -> Any:
            return {f"output_{i}": x @ self.weight * float(i) for i in (10, 2, 1)}

        @tf.function(input_signature=[tf.TensorSpec([None, 2])])
        def gamma(self, x: Any) -> Any:
            return tf.math.igamma(tf.abs(x) + 1.0, tf.abs(x) + 1.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def text(self, x: Any) -> Any:
            return tf.strings.length(x)

    module = Module()
    tf.saved_model.save(module, str(folder), {key: getattr(module, key) for key in keys})
    return folder


def _k3(build: Callable[..., Any], save: str = "save", **options: Any) -> Callable[[Path], Any]:
    def make(path: Path) -> None:
        import keras

        keras.utils.set_random_seed(1)
        more = {"verbose": False} if save == "export" else {}
        getattr(build(keras, **options), save)(str(path), **more)

    return make


def _k2(build: Callable[..., Any], **options: Any) -> Callable[[Path], Any]:
    def make(path: Path) -> None:
        import tf_keras

        tf_keras.utils.set_random_seed(1)
        build(tf_keras, **options).save(str(path))

    return make


def _unknown_size(keras: Any) -> Any:
    layers = [keras.Input((None, None, 3), name="image"), keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential([*layers, keras.layers.Dense(2, name="d")])


def _custom(keras: Any) -> Any:
    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    return keras.Sequential([keras.Input((6,), name="x"), Twice(), keras.layers.Dense(2, name="d")])


def _lambda(keras: Any) -> Any:
    return keras.Sequential(
        [keras.Input((6,), name="x"), keras.layers.Lambda(lambda x: 2 * x, name="code_inside")]
    )


def _fixed_batch(keras: Any) -> Any:
    return keras.Sequential(
        [keras.Input(batch_shape=(4, 6), name="x"), keras.layers.Dense(2, name="d")]
    )


def _stateful(keras: Any) -> Any:
    return keras.Sequential(
        [keras.Input(batch_shape=(1, 5, 3), name="x"), keras.layers.LSTM(4, stateful=True)]
    )


def _plain(keras: Any) -> Any:
    return keras.Sequential([keras.Input((6,), name="x"), keras.layers.Dense(2, name="d")])


MODELS: dict[str, Callable[[Path], Any]] = {
    "functional.keras": _k3(two_by_two),
    "dict.keras": _k3(two_by_two, as_dict=True),
    "sequential.keras": _k3(convolutional),
    "keras3.h5": _k3(convolutional),
    "lstm.keras": _k3(recurrent),
    "lstm_export": _k3(recurrent, "export"),
    "export": _k3(two_by_two, "export"),
    "unknown.keras": _k3(_unknown_size),
    "custom.h5": _k3(_custom),
    "lambda.keras": _k3(_lambda),
    "fixed.keras": _k3(_fixed_batch),
    "stateful.keras": _k3(_stateful),
    "mixed.keras": _k3(_mixed),
    "only.weights.h5": _k3(_plain, "save_weights"),
    "subclassed.keras": lambda path: _answers(path.parent).save(str(path)),
    "old_functional.h5": _k2(two_by_two),
    "old_dict.keras": _k2(two_by_two, as_dict=True),
    "old_saved_model": _k2(two_by_two),
    "old_lstm.h5": _k2(recurrent),
    "old_lstm_saved_model": _k2(recurrent),
    "old_lambda.h5": _k2(_lambda),
    "one_signature": lambda path: _signatures(path, ("double",)),
    "two_signatures": lambda path: _signatures(path, ("double", "gamma")),
    "gamma": lambda path: _signatures(path, ("gamma",)),
    "text": lambda path: _signatures(path, ("text",)),
    "no_signature": lambda path: _signatures(path, ()),
}
