"""Real models from Keras to the file: what the application feeds is proved against Keras itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith import api
from litesmith.runtime import Session

pytestmark = pytest.mark.slow


def classifier(padding: str, channels: int = 3) -> Any:
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((16, 20, channels), name="image"),
            layers.Conv2D(8, 3, strides=2, padding=padding, activation="relu"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )


def raw(count: int = 24, shape: tuple[int, ...] = (16, 20, 3)) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kind", ["float32", "uint8", "int8"])
@pytest.mark.parametrize("scheme", ["none", "int8"])
def test_embedded(padding: str, kind: str, scheme: str, tmp_path: Path) -> None:
    model, x, file = classifier(padding), raw(), tmp_path / "a.tflite"
    report = api.export(
        model,
        file,
        quantize=scheme,
        data=x,
        preprocess="tf",
        embed_preprocess=True,
        input_type=kind,
    )
    assert report.artifact is not None and report.parity is not None
    assert report.parity.float_relative_error < 1e-5
    (port,) = report.artifact.inputs
    assert port.dtype == kind and port.feeds == "raw values" + " minus 128" * (kind == "int8")
    fed = x.astype(np.int16) - 128 if kind == "int8" else x
    found = Session(file.read_bytes()).run([fed.astype(kind)])[0]
    wanted = np.asarray(model(x / np.float32(127.5) - 1))
    limit = 1e-5 if scheme == "none" else 0.08
    assert np.abs(found - wanted).max() < limit * np.abs(wanted).max()
    if scheme == "int8" and (kind != "float32" or padding == "valid"):
        assert report.artifact.ops.get("ADD", 0) == 0


def test_without_data_raw_values_are_generated(tmp_path: Path) -> None:
    report = api.export(
        classifier("same"),
        tmp_path / "a.tflite",
        preprocess="caffe",
        embed_preprocess=True,
        input_type="uint8",
        input_size="32x40",
        input_channels="gray",
        input_layout="nchw",
    )
    assert report.parity is not None and report.parity.synthetic
    assert report.artifact is not None
    assert report.artifact.inputs[0].shape == (1, 1, 32, 40)
    assert any("generated" in w.message and "0 to 255" in w.message for w in report.warnings)


def test_several_inputs_one_by_one(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    image, row = keras.Input((12, 12, 3), name="image"), keras.Input((4,), name="row")
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, padding="same")(image))
    y = keras.layers.Dense(3)(keras.layers.Concatenate()([x, row]))
    model = keras.Model([image, row], y)
    data = {
        "image": raw(20, (12, 12, 3)),
        "row": np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32),
    }
    report = api.export(
        model,
        tmp_path / "a.tflite",
        data=data,
        preprocess="image:torch",
        embed_preprocess=True,
        input_type=["image:uint8", "row:int8"],
    )
    assert report.artifact is not None and report.parity is not None
    assert [p.dtype for p in report.artifact.inputs] == ["uint8", "int8"]
    assert [p.feeds for p in report.artifact.inputs] == ["raw values", None]
    assert report.artifact.float_ops == 0 and report.parity.cosine > 0.999
