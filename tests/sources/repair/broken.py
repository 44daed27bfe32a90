"""Models of either Keras, saved and then edited into files that are broken in one known way."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = "model.weights.h5"


def randomized(model: Any, seed: int = 1) -> Any:
    """Give every weight a value of its own, variances positive ones."""
    rng = np.random.default_rng(seed)
    values = [np.asarray(w) for w in model.get_weights()]
    model.set_weights([rng.uniform(0.05, 0.6, v.shape).astype(v.dtype) for v in values])
    return model


def edit_hdf5(
    path: Path,
    config: Callable[[dict[str, Any]], Any] | None = None,
    file: Callable[[Any], None] | None = None,
) -> Path:
    """Rewrite the stored configuration (in place or by what is returned), then the file."""
    import h5py

    with h5py.File(path, "r+") as opened:
        if config is not None:
            stored = json.loads(opened.attrs["model_config"])
            changed = config(stored)
            opened.attrs["model_config"] = json.dumps(stored if changed is None else changed)
        if file is not None:
            file(opened)
    return path


def edit_archive(
    path: Path,
    config: Callable[[dict[str, Any]], Any] | None = None,
    keys: Callable[[str], str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Rewrite a `.keras` archive's configuration, the keys of its weights, its metadata."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if config is not None:
        stored = json.loads(parts["config.json"])
        changed = config(stored)
        parts["config.json"] = json.dumps(stored if changed is None else changed).encode()
    if keys is not None:
        memory = io.BytesIO()
        with h5py.File(io.BytesIO(parts[WEIGHTS])) as old, h5py.File(memory, "w") as new:
            for key, value in leaves(old):
                new[keys(key)] = value
        parts[WEIGHTS] = memory.getvalue()
    if metadata is not None:
        parts["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def leaves(group: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return the datasets of an HDF5 group by path; empty groups as arrays of no elements."""
    found: list[tuple[str, Any]] = []
    for key in group:
        path = f"{prefix}/{key}".strip("/")
        if hasattr(group[key], "keys"):
            found += leaves(group[key], path)
        else:
            found.append((path, np.asarray(group[key])))
    return found


def layers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the layer entries of a model's configuration by name."""
    return {entry["config"]["name"]: entry for entry in config["config"]["layers"]}


def image_model(keras: Any) -> Any:
    """Convolutions of several kinds, batch norm, a nested model."""
    inner = keras.Sequential(
        [keras.Input((6, 6, 3)), keras.layers.Conv2D(4, 3, name="c"), keras.layers.Flatten()],
        name="inner",
    )
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2DTranspose(3, 3, padding="same", name="up")(x)
    x = inner(x)
    x = keras.layers.Dense(5, activation="relu", name="hidden")(x)
    return randomized(keras.Model(image, keras.layers.Dense(3, name="scores")(x), name="whole"))


def sequence_model(keras: Any) -> Any:
    """Recurrent layers over 6 steps."""
    return randomized(
        keras.Sequential(
            [
                keras.Input((6, 4), name="steps"),
                keras.layers.SpatialDropout1D(0.2, name="drop"),
                keras.layers.Bidirectional(
                    keras.layers.LSTM(3, return_sequences=True), name="both"
                ),
                keras.layers.LSTM(3, name="last"),
                keras.layers.Dense(2, name="d"),
            ]
        )
    )
