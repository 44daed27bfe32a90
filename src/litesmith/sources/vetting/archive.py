"""The zip of a `.keras` file: names that leave it, entries that unpack to far more than they are.

Names are those of the central directory, which is what Keras and Python read by.
"""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.errors import LoadError
from litesmith.sources.detect import ARCHIVE_DAMAGE

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENTRIES = 100_000
_RATIO = 1_040  # deflate cannot do better than 1,032 : 1
_SMALL = 1 << 20
# Weights of zeros pack well, whole models do not: beyond both of these it is a bomb.
_TOTAL_RATIO, _TOTAL = 100, 1 << 30
_CONFIG = 256 << 20
_ENCRYPTED = 0x1


def vet_archive(path: Path) -> None:
    """Refuse a zip that could harm the one who unpacks it.

    Raises:
        LoadError: hostile, or damaged.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            why = next(_dangers(archive.infolist(), size), None) or _pickled(archive)
            damaged = None if why else archive.testzip()  # who jumps in an entry checks no sum
    except ARCHIVE_DAMAGE as error:
        text = " ".join(str(error).split())[:120] or type(error).__name__
        raise LoadError(
            f"{path} is a damaged .keras archive: {text}.", "Copy or save it again."
        ) from error
    if damaged is not None:
        raise LoadError(
            f"{path} is a damaged .keras archive: the checksum of '{_shown(damaged)}' is wrong.",
            "Copy or save it again.",
        )
    if why:
        raise LoadError(f"{path} is not opened: {why}.", "Ask its author for a file without that.")


def _dangers(entries: list[zipfile.ZipInfo], size: int) -> Iterator[str]:
    """Yield what is wrong with the entries of an archive of `size` bytes."""
    if len(entries) > _ENTRIES:
        yield f"its archive has {len(entries)} entries"
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        parts = re.split(r"[/\\]", name)
        if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in parts:
            yield f"its archive has the entry '{_shown(name)}', which leads out of it"
        if name in seen:
            yield f"its archive has the entry '{_shown(name)}' twice"
        seen.add(name)
        if stat.S_ISLNK(entry.external_attr >> 16):
            yield f"its archive has the link '{_shown(name)}'"
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
            yield f"its entry '{_shown(name)}' is packed in a way that Keras does not write"
        if entry.file_size > entry.compress_size * _RATIO + _SMALL:
            yield f"its entry '{_shown(name)}' says it unpacks to {_bytes(entry.file_size)}"
        if name.endswith(".json") and entry.file_size > _CONFIG:
            yield f"its '{_shown(name)}' is {_bytes(entry.file_size)} large"
    total = sum(entry.file_size for entry in entries)
    if total > max(_TOTAL, size * _TOTAL_RATIO):
        yield f"it is {_bytes(size)} large and unpacks to {_bytes(total)}"
    if sum(entry.compress_size for entry in entries) > size:
        yield "entries of its archive overlap"


def _pickled(archive: zipfile.ZipFile) -> str:
    """Return which NumPy weights are pickled Python objects, "" for none."""
    for name in archive.namelist():
        if not name.endswith(".npz"):
            continue
        with archive.open(name) as file, zipfile.ZipFile(file) as inner:
            for member in inner.namelist():
                with inner.open(member) as array:
                    if _holds_objects(array):
                        return f"its '{_shown(name)}' holds pickled Python objects"
    return ""


def _holds_objects(file: Any) -> bool:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    return bool(read(file)[2].hasobject)


def _shown(name: str) -> str:
    return name.encode("unicode_escape").decode("ascii")[:80]


def _bytes(size: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size} {unit}"
        size //= 1000
    return ""
