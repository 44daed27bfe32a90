"""Recurrent models, batches and open dimensions from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.graph import read

_MAKE = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
keras.utils.set_random_seed(3)
L, folder = keras.layers, sys.argv[1]
def save(x, y, name):
    keras.Model(x, L.Dense(3, name="scores")(y)).save(os.path.join(folder, name))
x = keras.Input((None, 4), name="x")
save(x, L.LSTM(16)(x), "lstm.keras")
x = keras.Input((9, 4), name="x")
save(x, L.GRU(16)(x), "gru.keras")
x = keras.Input((4, 6, 6, 2), name="x")
save(x, L.Flatten()(L.ConvLSTM2D(3, 3)(x)), "conv.keras")
x = keras.Input(batch_shape=(1, 3, 4), name="x")
save(x, L.LSTM(8, stateful=True, name="lstm")(x), "stateful.keras")
"""


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recurrent")
    words = [sys.executable, "-c", _MAKE, str(folder)]
    subprocess.run(words, check=True, capture_output=True)
    random = np.random.default_rng(0)
    for name, shape in (("sequence", (9, 4)), ("clip", (4, 6, 6, 2)), ("steps", (3, 4))):
        np.savez(folder / f"{name}.npz", x=random.normal(size=(24, *shape)).astype("float32"))
    return folder


def _export(*args: object) -> dict[str, Any]:
    words = [sys.executable, "-m", "litesmith", "export", *map(str, args), "--json", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["none", "float16", "dynamic", "int8"])
@pytest.mark.parametrize(("model", "data"), [("gru", "sequence"), ("conv", "clip")])
def test_every_scheme(recurrent: Path, tmp_path: Path, model: str, data: str, scheme: str) -> None:
    found = _export(
        recurrent / f"{model}.keras", "-o", tmp_path / "o.tflite", "--quantize", scheme,
        "--data", recurrent / f"{data}.npz", "--batch", "dynamic",
    )  # fmt: skip
    assert found["artifact"]["inputs"][0]["shape_signature"][0] == -1
    assert found["parity"]["float_max_abs_error"] < 1e-5
    assert found["parity"]["max_abs_error"] < 0.05
    told = [w["message"] for w in found["warnings"] if w["code"] == "float_op"]
    assert bool(told) == (scheme == "int8")


def test_int8_keeps_a_loop_float_and_says_so(recurrent: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.tflite"
    data = recurrent / "sequence.npz"
    found = _export(recurrent / "gru.keras", "-o", out, "--data", data, "--batch", 4)
    assert found["artifact"]["inputs"][0]["shape"] == [4, 9, 4]
    assert found["artifact"]["weights_bits"]["8"] >= 16 * 48  # what the loop multiplies by
    told = " ".join(w["message"] for w in found["warnings"])
    assert "inside a loop" in told
    assert found["parity"]["max_abs_error"] < 0.05


def test_any_length(recurrent: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.tflite"
    shape = ["--input-shape", "x=1x?x4", "--batch", "dynamic"]
    found = _export(recurrent / "lstm.keras", "-o", out, *shape)
    assert found["artifact"]["inputs"][0]["shape_signature"] == [-1, -1, 4]
    words = [sys.executable, "-m", "litesmith", "compare", recurrent / "lstm.keras", out]
    data = ["--input-shape", "x=1x?x4", "--data", recurrent / "sequence.npz", "--json"]
    done = subprocess.run([*map(str, words), *map(str, data)], capture_output=True, timeout=300)
    assert json.loads(done.stdout)["parity"]["max_abs_error"] < 0.05


def test_a_stream_of_steps(recurrent: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.tflite"
    found = _export(recurrent / "stateful.keras", "-o", out, "--data", recurrent / "steps.npz")
    names = [port["name"] for port in found["artifact"]["inputs"]]
    assert names == ["x", "lstm_state_h", "lstm_state_c"]
    assert list(read(out.read_bytes()).output_names()) == ["scores", *names[1:]]
    assert "state_carried" in [w["code"] for w in found["warnings"]]
    assert found["parity"]["synthetic"] is False
