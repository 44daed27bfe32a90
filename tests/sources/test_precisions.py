"""Keras 3 models of other precisions, and quantized by Keras itself: float32 files of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from litesmith.sources import open_source
from tests.sources.proof import prove

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

_MAKE = """
import sys, numpy as np, keras
from keras import layers
path, how = sys.argv[1:]
keras.utils.set_random_seed(0)
if "float" in how and "8" not in how:
    keras.config.set_dtype_policy(how)
if how == "names":
    a, b = keras.Input((12,), name="my input (1)"), keras.Input((12,), name="x:0")
    x = layers.Dense(3, name="out put #1")(layers.Concatenate(name="größe")([a, b]))
    keras.Model([a, b], x).save(path)
    sys.exit()
model = keras.Sequential([keras.Input((12,)), layers.Dense(16, activation="relu"), layers.Dense(4)])
if "8" in how or "4" in how.replace("float64", ""):
    model.quantize(how.split("+")[0])
if how.endswith("lora"):
    model.layers[0].enable_lora(3)
    model.layers[0].lora_kernel_b.assign(np.random.default_rng(0).normal(0, 0.3, (3, 16)))
model.save(path)
x = np.random.default_rng(0).normal(size=(5, 12)).astype("float32")
np.savez(path + ".npz", x=x, y=np.asarray(keras.ops.cast(model(x), "float32")))
"""
# How the model is made → error of its float32 file, relative to the largest answer of the original,
# whose layers round to that precision as they run.
_WORST = {
    "float64": 1e-6,
    "float16": 5e-3,
    "bfloat16": 3e-2,
    "mixed_bfloat16": 3e-2,
    "int8": 3e-2,
    "int8+lora": 3e-2,
    "int4": 1e-5,
    "float8": 0.15,
}


def _made(folder: Path, how: str) -> Path:
    path = folder / "m.keras"
    subprocess.run([sys.executable, "-c", _MAKE, path, how], check=True, capture_output=True)
    return path


@pytest.mark.parametrize("how", _WORST)
def test_precisions(tmp_path: Path, how: str) -> None:
    path = _made(tmp_path, how)
    with np.load(f"{path}.npz") as known:
        x, y = known["x"], known["y"]
    with open_source(path) as source:
        assert source.info.inputs[0].dtype == "float32"
        lowered = prove(source, batch=[x])[0]
        notes = " ".join(source.info.notes)
    assert np.abs(lowered - y).max() <= _WORST[how] * np.abs(y).max()
    assert ("float32" in notes) == ("float" in how and how != "float8")
    assert ("Keras quantized this model" in notes) == (how in ("int8", "int8+lora", "float8"))


def test_names_that_are_no_scopes(tmp_path: Path) -> None:
    with open_source(_made(tmp_path, "names")) as source:
        prove(source)
        assert [spec.name for spec in source.info.inputs] == ["my input (1)", "x:0"]
        assert [spec.name for spec in source.info.outputs] == ["out put #1"]
