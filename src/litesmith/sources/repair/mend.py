"""A repaired copy of a Keras file: the configuration rewritten, the weights under today's keys."""

from __future__ import annotations

import copy
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litesmith.sources.detect import SourceFormat
from litesmith.sources.repair.modules import add_modules
from litesmith.sources.repair.nodes import nodes
from litesmith.sources.repair.repair import Config, Repair
from litesmith.sources.repair.weights import MEMBER, is_by_layer_name, keys_to_repair, with_keys

_MOVED = "Weights were found under the keys that the file's release used."
_REARRANGED = ("CuDNNLSTM", "CuDNNGRU")


@dataclass
class Mended:
    """A configuration under repair and where its weights are.

    Attributes:
        config: of the model; a private copy.
        notes: what was repaired.
        rearranged: weights are transposed, joined or summed on their way into variables.
        keras_1: the weights are those of Keras 1.
        keras: `keras` or `tf_keras`, which is to load it.
    """

    config: Config
    notes: list[str]
    rearranged: bool
    keras_1: bool
    keras: str


def mend(config: Config, repairs: tuple[Repair, ...], keras: str, version: str | None) -> Mended:
    """Return the configuration with every known defect repaired that this Keras trips over.

    Args:
        config: as stored; not changed.
        repairs: tried in order.
        keras: `keras` or `tf_keras`.
        version: of the Keras that saved it.
    """
    own = copy.deepcopy(config)
    cudnn = any(node["class_name"] in _REARRANGED for node in nodes(own))
    notes = [
        note for repair in repairs if keras in repair.keras and (note := repair(own)) is not None
    ]
    keras_1 = version is None or version.startswith("1.")
    keras_1 = keras_1 and any("Keras 1" in note for note in notes)
    return Mended(own, notes, cudnn or keras_1, keras_1, keras)


def write_hdf5(source: Path, mended: Mended, target: Path) -> None:
    """Write an HDF5 model of the mended configuration and the weights of `source`."""
    import h5py

    with h5py.File(source, "r") as file:
        whole = "model_weights" in file
    if whole:
        shutil.copyfile(source, target)
    else:
        with h5py.File(source, "r") as file, h5py.File(target, "w") as made:
            file.copy(file["/"], made, "model_weights")
    with h5py.File(target, "r+") as file:
        for attribute in ("training_config", "model_config"):
            if attribute in file.attrs:
                del file.attrs[attribute]
        file.attrs["model_config"] = json.dumps(mended.config)
        if mended.keras_1:
            file["model_weights"].attrs["keras_version"] = b"1"


def write_archive(source: Path, form: SourceFormat, mended: Mended, target: Path) -> None:
    """Write a `.keras` archive of the mended configuration and the weights of `source`.

    Adds to the notes when weights had to be put under other keys.
    """
    if form is SourceFormat.HDF5:
        add_modules(mended.keras, mended.config)
    with zipfile.ZipFile(target, "w") as made:
        made.writestr("config.json", json.dumps(mended.config))
        if form is SourceFormat.HDF5:
            made.writestr("metadata.json", "{}")
            with source.open("rb") as weights:
                made.writestr(MEMBER, _weights(weights, mended))
            return
        with zipfile.ZipFile(source) as archive:
            for name in archive.namelist():
                if name == "config.json" or name.endswith("/"):
                    continue
                with archive.open(name) as member:
                    data = _weights(member, mended) if name == MEMBER else member.read()
                made.writestr(name, data)


def moved_keys(source: Path, form: SourceFormat) -> bool:
    """Return True when the weights of a file are under keys that no loader looks for."""
    import h5py

    if form is SourceFormat.HDF5:
        with h5py.File(source, "r") as file:
            return bool(keys_to_repair(file))
    with zipfile.ZipFile(source) as archive:
        if MEMBER not in archive.namelist():
            return False
        with archive.open(MEMBER) as member, h5py.File(member, "r") as file:
            return bool(keys_to_repair(file))


def by_layer_name(path: Path) -> bool:
    """Return True for HDF5 weights in the layout of Keras 1 and 2."""
    import h5py

    with h5py.File(path, "r") as file:
        return is_by_layer_name(file.get("model_weights", file))


def extract_weights(path: Path, form: SourceFormat, work: Path) -> tuple[Path, tuple[str, ...]]:
    """Return an HDF5 file of a file's weights, named as Keras wants its layout; what was repaired.

    Raises:
        KeyError: the archive holds no weights in HDF5.
    """
    if form is SourceFormat.HDF5 and by_layer_name(path):
        target = work / "weights.h5"
        if not target.exists():
            target.symlink_to(path.resolve())
        return target, ()
    mended = Mended({}, [], rearranged=False, keras_1=False, keras="")
    target = work / "extracted.weights.h5"
    if form is SourceFormat.HDF5:
        with path.open("rb") as stream:
            target.write_bytes(_weights(stream, mended))
    else:
        with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as member:
            target.write_bytes(_weights(member, mended))
    return target, tuple(mended.notes)


def _weights(stream: Any, mended: Mended) -> bytes:
    import h5py

    with h5py.File(stream, "r") as file:
        keys = keys_to_repair(file)
        if keys:
            if _MOVED not in mended.notes:
                mended.notes.append(_MOVED)
            return with_keys(file, keys)
    stream.seek(0)
    data: bytes = stream.read()
    return data
