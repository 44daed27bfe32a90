"""Small real models, made once in a process of their own so that tests need no TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

_MAKE = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, tf_keras
folder = sys.argv[1]
for api, name in ((keras, "tiny.keras"), (tf_keras, "tiny.h5")):
    api.utils.set_random_seed(3)
    x = api.Input((8, 8, 1), name="image")
    y = api.layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    y = api.layers.GlobalAveragePooling2D(name="pool")(y)
    y = api.layers.Dense(3, activation="softmax", name="scores")(y)
    model = api.Model(x, y)
    model.save(os.path.join(folder, name))
    if api is keras:
        model.export(os.path.join(folder, "tiny_saved"), verbose=False)
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with tiny.keras, tiny.h5, tiny_saved/, data.npz (x: float32[40, 8, 8, 1], y)."""
    folder = tmp_path_factory.mktemp("models")
    words = [sys.executable, "-c", _MAKE, str(folder)]
    subprocess.run(words, check=True, capture_output=True)
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (40, 8, 8, 1)).astype(np.float32)
    np.savez(folder / "data.npz", x=x, y=random.integers(0, 3, 40), flat=x.reshape(40, 64))
    return folder
