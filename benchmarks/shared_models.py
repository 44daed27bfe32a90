"""The real models of the shared folder, and the data that goes with each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import natural_images


@dataclass(frozen=True)
class SharedModel:
    """One model.

    Attributes:
        path: below the shared folder.
        data: .npz below it with x_train, y_train, x_test, y_test; None where there is no data.
        preprocess: what the model expects of the raw examples.
    """

    path: str
    data: str | None
    preprocess: str = "none"


SHARED = {
    "resnet8": SharedModel("models/resnet8_cifar10.h5", "data/cifar10_jpeg_7k.npz"),
    "ds_cnn_kws": SharedModel("models/ds_cnn_kws", "data/kws_mfcc.npz"),
    "hand_keypoint": SharedModel("models/hand_keypoint.hdf5", "data/hand_keypoint.npz"),
    "emotion": SharedModel("models/emotion_mini_xception.hdf5", None, "tf"),
}


def representative(model: SharedModel, shared: Path, count: int, out: Path) -> Path:
    """Write `count` raw examples, evenly spaced over x_train, as .npy (without data: made up)."""
    if model.data is None:
        np.save(out, natural_images(count, 64, channels=1))
        return out
    with np.load(shared / model.data) as arrays:
        x = arrays["x_train"]
    np.save(out, x[np.linspace(0, len(x) - 1, min(count, len(x))).astype(int)])
    return out


def as_float(model: SharedModel, raw: np.ndarray) -> np.ndarray:
    """Turn raw examples into what the model reads, float32."""
    x = raw.astype(np.float32)
    return x / 127.5 - 1 if model.preprocess == "tf" else x
