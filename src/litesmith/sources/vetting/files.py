"""`vet`: the containers of one file, outermost first."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

from litesmith.errors import LoadError
from litesmith.sources.detect import ARCHIVE_DAMAGE, SourceFormat
from litesmith.sources.vetting.archive import vet_archive
from litesmith.sources.vetting.hdf5 import dangers

_HINT = "Ask its author for a file without that."


def vet(path: Path, form: SourceFormat) -> None:
    """Refuse a file that could harm the one who opens it.

    Raises:
        LoadError: hostile, or damaged.
    """
    if form is SourceFormat.HDF5:
        _vet_hdf5(path, path, path.stat().st_size)
    elif form is SourceFormat.KERAS:
        vet_archive(path)
        _vet_weights(path)


def _vet_weights(path: Path) -> None:
    """Look at the HDF5 files inside an archive, in place where they are stored as they are."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith((".h5", ".hdf5")):
                continue
            try:
                if entry.compress_type == zipfile.ZIP_STORED:
                    with path.open("rb") as file:
                        part = _Part(file, _start(file, entry), entry.file_size)
                        _vet_hdf5(path, part, entry.file_size)
                else:
                    data = archive.read(entry)
                    _vet_hdf5(path, io.BytesIO(data), len(data))
            except ARCHIVE_DAMAGE as error:
                raise _damaged(path, error) from error


def _vet_hdf5(path: Path, file: Any, size: int) -> None:
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            why = next(dangers(opened, size), "")
    except (*ARCHIVE_DAMAGE, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from error
    if why:
        raise LoadError(f"{path} is not opened: {why}.", _HINT)


def _damaged(path: Path, error: Exception) -> LoadError:
    text = " ".join(str(error).split())[:160] or type(error).__name__
    return LoadError(f"{path} is damaged: {text}.", "Copy or save it again.")


def _start(file: Any, entry: zipfile.ZipInfo) -> int:
    """Return where an entry's bytes begin, by its local header."""
    file.seek(entry.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("an entry's header is missing")
    name, extra = struct.unpack("<HH", header[26:30])
    return int(entry.header_offset + 30 + name + extra)


class _Part(io.RawIOBase):
    """A range of an open file as a file of its own."""

    def __init__(self, file: Any, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """HDF5 jumps."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move within the range."""
        base = {0: 0, 1: self._at, 2: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read no further than the range goes."""
        count = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
