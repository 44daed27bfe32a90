"""The Python API with a model and data in memory, in a process that has TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import json, sys
import keras
import numpy as np
import tensorflow as tf
import litesmith

class Scale(keras.layers.Layer):  # a class that no other process can import
    def call(self, x):
        return x * 2.0

keras.utils.set_random_seed(1)
inputs = keras.Input((6,), name="features")
hidden = keras.layers.Dense(8, activation="relu")(Scale()(inputs))
model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="scores")(hidden))
x = np.random.default_rng(0).normal(0, 1, (50, 6)).astype("float32")
y = model.predict(x, verbose=0).argmax(axis=1)
data = tf.data.Dataset.from_tensor_slices(x).batch(7)
report = litesmith.export(model, sys.argv[1], data=data, eval=(x, y), max_drop=0.2)
try:
    litesmith.export(model, sys.argv[1], data=x[:, :4])
except litesmith.InputError as error:
    message = error.message
print(json.dumps([report.status, report.source.path, report.source.format, report.score.source,
                  report.parity.examples, report.artifact.float_ops, message]))
"""


def test_a_model_with_a_class_of_its_own(tmp_path):
    words = [sys.executable, "-c", _PROGRAM, str(tmp_path / "o.tflite")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    status, path, form, score, examples, float_ops, message = json.loads(
        done.stdout.strip().splitlines()[-1]
    )
    assert (status, path, form, score, float_ops) == ("ok", None, "memory", 1.0, 0)
    assert examples == 50
    assert "(6,)" in message
    assert [p.name for p in tmp_path.iterdir()] == ["o.tflite"]
