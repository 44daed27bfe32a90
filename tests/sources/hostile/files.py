"""Makes `.keras` and HDF5 files, and edits what is inside them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Config = dict[str, Any]


def dense(path: Path, which: str = "keras") -> Path:
    """Save a model of one input `x`, a Dense and an activation."""
    import keras
    import tf_keras

    package = keras if which == "keras" else tf_keras
    layers = package.layers
    x = package.Input((4,), name="x")
    y = layers.Dense(3, activation="relu", name="d")(x)
    package.Model(x, layers.Dense(2, name="e")(y)).save(str(path))
    return path


def entries(path: Path) -> dict[str, bytes]:
    """Return the entries of an archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive; names are taken as they are."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def change(path: Path, edit: Callable[[Config], None]) -> Path:
    """Edit the configuration inside a `.keras` or HDF5 file."""
    if path.suffix == ".keras":
        parts = entries(path)
        config = json.loads(parts["config.json"])
        edit(config)
        parts["config.json"] = json.dumps(config).encode()
        return write(path, parts)
    import h5py

    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        edit(config)
        file.attrs["model_config"] = json.dumps(config)
    return path


def layer(config: Config, name: str = "d") -> Config:
    """Return a layer of a configuration."""
    layers = config["config"]["layers"]
    found: Config = next(x for x in layers if x["config"].get("name") == name)
    return found
