"""Networks from the front door: recurrent, attention, custom layers in a SavedModel, a .tflite."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import litesmith
from litesmith.graph import read
from litesmith.runtime import Session
from litesmith.train.distill import distill
from litesmith.train.nouns import Settings

pytestmark = pytest.mark.slow


def _lstm():
    x = keras.Input((12, 6))
    h = keras.layers.LSTM(16, return_sequences=True)(x)
    h = keras.layers.LSTM(12)(h)
    h = keras.layers.Dense(32, activation="relu")(h)
    return keras.Model(x, keras.layers.Dense(5, activation="softmax")(h))


def _attention():
    x = keras.Input((16, 8))
    h = keras.layers.Dense(16)(x)
    a = keras.layers.MultiHeadAttention(2, 8)(h, h)
    h = keras.layers.LayerNormalization()(keras.layers.Add()([h, a]))
    f = keras.layers.Dense(16)(keras.layers.Dense(32, activation="gelu")(h))
    h = keras.layers.LayerNormalization()(keras.layers.Add()([h, f]))
    h = keras.layers.GlobalAveragePooling1D()(h)
    return keras.Model(x, keras.layers.Dense(5, activation="softmax")(h))


class Gate(keras.layers.Layer):
    """A layer that no converter knows by name."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")
        self.bias = self.add_weight(shape=(shape[-1],), name="bias")

    def call(self, x):
        return x * tf.sigmoid(tf.matmul(x, self.kernel) + self.bias)


def _custom():
    x = keras.Input((20,))
    h = keras.layers.Dense(24, activation="relu")(x)
    h = Gate()(h)
    h = keras.layers.Dense(24, activation="relu")(h)
    return keras.Model(x, keras.layers.Dense(3, activation="softmax")(h))


def _saved_model(folder: Path) -> Path:
    _custom().export(folder / "saved", verbose=False)
    return folder / "saved"


def _file(folder: Path) -> Path:
    x = keras.Input((16, 16, 3))
    h = keras.layers.Conv2D(12, 3, activation="relu", padding="same")(x)
    h = keras.layers.DepthwiseConv2D(3, padding="same")(h)
    h = keras.layers.Conv2D(16, 1, activation="relu")(h)
    h = keras.layers.GlobalAveragePooling2D()(h)
    model = keras.Model(x, keras.layers.Dense(4, activation="softmax")(h))
    path = folder / "net.tflite"
    litesmith.export(model, path, quantize="none")
    return path


def _kept(make):
    def made(folder: Path) -> Path:
        make().save(folder / "net.keras")
        return folder / "net.keras"

    return made


_CASES = {
    "lstm": (_kept(_lstm), (12, 6)),
    "attention": (_kept(_attention), (16, 8)),
    "saved_model": (_saved_model, (20,)),
    "tflite": (_file, (16, 16, 3)),
}


@pytest.mark.parametrize("name", _CASES)
def test_trains_improves_and_goes_back(name, tmp_path):
    keras.utils.set_random_seed(1)
    make, shape = _CASES[name]
    x = np.float32(np.random.default_rng(0).normal(size=(256, *shape)))
    made = litesmith.annotate(make(tmp_path), data=x, quantize="int4")
    trained = distill(made.teacher, made.graph, x, Settings(steps=60))
    assert trained.done and trained.loss[1] < trained.loss[0]

    model = litesmith.trainable(trained.graph)
    same = litesmith.from_trainable(model)
    assert all(a is b for a, b in zip(trained.graph.tensors(), same.tensors(), strict=True))
    file = made.tflite(same)
    found = Session(file).run([x])[0]
    assert np.abs(found - model.predict(x, verbose=0)).mean() < 0.03
    assert read(file).inputs[0].shape[1:] == shape
