"""Which format a path holds, told by its content; names and endings lie."""

from __future__ import annotations

import struct
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path

from litesmith.errors import InputError, LoadError
from litesmith.sources.wire import is_graph_def

_FORMATS = ".keras, .h5/.hdf5, a SavedModel directory, a frozen .pb or a .tflite"


# What Python's zipfile raises on bytes that are no archive.
ARCHIVE_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, KeyError),
    *(OverflowError, NotImplementedError, MemoryError, RuntimeError),
)


class SourceFormat(StrEnum):
    """The formats that can be loaded."""

    KERAS = "keras"
    HDF5 = "hdf5"
    SAVED_MODEL = "saved_model"
    FROZEN_GRAPH = "frozen_graph"
    TFLITE = "tflite"
    MEMORY = "memory"


def detect(path: Path) -> SourceFormat:
    """Return the format of a file or directory.

    Raises:
        InputError: nothing is there.
        LoadError: it cannot be read, is empty, or is no model in a known format.
    """
    try:
        if not path.exists():
            raise InputError(f"There is no model at {path}.", "Check the path.")
        if path.is_dir():
            return _directory(path)
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _file(path, head)


def size_bytes(path: Path) -> int:
    """Return the bytes of a file, or of all files below a directory."""
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return path.stat().st_size


def _directory(path: Path) -> SourceFormat:
    if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
        return SourceFormat.SAVED_MODEL
    hint = "A SavedModel directory holds saved_model.pb and variables/."
    inside = sorted(p.parent for p in path.glob("*/saved_model.pb"))
    if inside:
        hint = f"Did you mean {inside[0]}?"
    raise LoadError(f"The directory {path} holds no saved_model.pb.", hint)


def _file(path: Path, head: bytes) -> SourceFormat:
    if not head:
        raise LoadError(f"{path} is empty.")
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return SourceFormat.HDF5
    if head[4:8] == b"TFL3":
        return SourceFormat.TFLITE
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if path.name == "saved_model.pb":
        hint = f"Give its directory: {path.parent}"
        raise LoadError(f"{path} is one file of a SavedModel.", hint)
    if is_graph_def(path):
        return SourceFormat.FROZEN_GRAPH
    raise LoadError(f"{path} is not a model in a known format.", f"Known are {_FORMATS}.")


def _archive(path: Path) -> SourceFormat:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except ARCHIVE_DAMAGE as error:
        raise LoadError(
            f"{path} is a damaged .keras archive: {error}.", "Copy or save it again."
        ) from error
    if "config.json" in names:
        return SourceFormat.KERAS
    if any(name.endswith("saved_model.pb") for name in names):
        raise LoadError(f"{path} is a zipped SavedModel.", "Unpack it and give the directory.")
    if any(name.endswith("data.pkl") for name in names):
        raise LoadError(f"{path} is a PyTorch file.", f"Known are {_FORMATS}.")
    raise LoadError(f"{path} is a zip archive without a Keras model.", f"Known are {_FORMATS}.")
