"""`.npy` (memory-mapped) and `.npz` (streamed row by row out of the zip)."""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from litesmith.data.dataset import Dataset
from litesmith.data.keys import Keys, choose_arrays, partner
from litesmith.data.rows import Block, Rows, pick, rows_per_block
from litesmith.data.specs import Array, TensorSpec
from litesmith.errors import InputError, LitesmithError

_CLASS_KEYS = ("classes", "class_names")


@dataclass(frozen=True)
class Header:
    """What stands before the values of an array in NumPy's format."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        """Bytes of one example."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def read_header(stream: IO[bytes], where: str) -> Header:
    """Return the header at the start of `stream`, which is left at the first value.

    Raises:
        InputError: not an array, one of Python objects or records, or a single number.
        ValueError: a malformed header.
    """
    version = np.lib.format.read_magic(stream)
    if version > (2, 0):
        raise InputError(f"{where} holds records with named fields, not numbers.")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
    header = Header(*(read or np.lib.format.read_array_header_2_0)(stream))
    if header.dtype.hasobject:
        raise InputError(
            f"{where} holds Python objects, which are never unpickled.",
            "Save it as an array of numbers: np.savez(file, x=np.stack(list)).",
        )
    if not header.shape:
        raise InputError(f"{where} is a single number, not an array of examples.")
    return header


@dataclass(frozen=True)
class ArrayReader:
    """Arrays in memory or memory-mapped, one per input, all with n examples."""

    arrays: Block

    @property
    def size(self) -> int | None:
        """Number of examples."""
        return len(self.arrays[0])

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield the chosen examples in blocks of about 1 MiB."""
        step = rows_per_block(sum(a.nbytes // max(len(a), 1) for a in self.arrays))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            chosen = slice(part.start, part.stop) if isinstance(part, range) else part
            yield tuple(np.asarray(array[chosen]) for array in self.arrays)


@dataclass(frozen=True)
class NpzReader:
    """Members of a zip, one per input, decompressed as they are read."""

    path: Path
    keys: tuple[str, ...]
    headers: tuple[Header, ...]

    @property
    def size(self) -> int | None:
        """Number of examples."""
        return self.headers[0].shape[0]

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield the chosen examples; every pass opens the file anew."""
        return pick(self._all_blocks(), rows)

    def _all_blocks(self) -> Iterator[Block]:
        step = rows_per_block(sum(header.row_bytes for header in self.headers))
        count = self.headers[0].shape[0]
        with contextlib.ExitStack() as stack, unbroken(self.path):
            archive = stack.enter_context(zipfile.ZipFile(self.path))
            members = [_Member(archive, key, self.path, stack) for key in self.keys]
            for start in range(0, count, step):
                rows = min(step, count - start)
                yield tuple(member.read(rows) for member in members)


class _Member:
    """One array of an open .npz, read from its first example to its last."""

    def __init__(
        self, archive: zipfile.ZipFile, key: str, path: Path, stack: contextlib.ExitStack
    ) -> None:
        self.where = f"{path}#{key}"
        self.stream = stack.enter_context(archive.open(_member_name(archive, key)))
        self.header = read_header(self.stream, self.where)
        self.position = 0
        self.mapped = self._spool(stack) if self.header.fortran else None

    def _spool(self, stack: contextlib.ExitStack) -> Array:
        # Column-major: the first example needs bytes from everywhere, so the member goes to disk.
        file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        shutil.copyfileobj(self.stream, file, 1 << 20)
        file.flush()
        return np.memmap(file, self.header.dtype, "r", 0, self.header.shape, "F")

    def read(self, rows: int) -> Array:
        if self.mapped is not None:
            self.position += rows
            return np.array(self.mapped[self.position - rows : self.position])
        wanted = rows * self.header.row_bytes
        data = self.stream.read(wanted)
        if len(data) != wanted:
            raise EOFError(f"{self.where} ends early")
        return np.frombuffer(data, self.header.dtype).reshape(rows, *self.header.shape[1:])


@contextlib.contextmanager
def unbroken(path: Path) -> Iterator[None]:
    """Turn what NumPy, zlib and zipfile raise on a damaged file into one sentence.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        yield
    except LitesmithError:
        raise
    except PermissionError as error:
        raise InputError(f"{path} cannot be opened: permission denied.") from error
    except Exception as error:  # a damaged file raises some ten kinds
        detail = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is damaged or incomplete: {detail}") from error


def _member_name(archive: zipfile.ZipFile, key: str) -> str:
    return key if key in archive.NameToInfo else f"{key}.npy"


def open_npz(path: Path, keys: Keys, inputs: Sequence[TensorSpec]) -> Dataset:
    """Open an `.npz`; keys as the contract says (default `x`, `y`).

    Raises:
        InputError: not an .npz, a missing key, or arrays of different lengths.
    """
    with unbroken(path):
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path} is not an .npz file (a zip of arrays), or it is incomplete.")
        with zipfile.ZipFile(path) as archive:
            available = [name.removesuffix(".npy") for name in archive.namelist()]
            chosen, label = choose_arrays(available, inputs, keys, str(path))
            headers = tuple(_header(archive, key, path) for key in chosen)
            names = _class_names(archive, available)
            labelled = _header(archive, label, path).shape[0] if label else headers[0].shape[0]
    _same_length(path, (*chosen, label or chosen[0]), (*(h.shape[0] for h in headers), labelled))
    return Dataset(
        NpzReader(path, chosen, headers),
        f"{path}#{';'.join(chosen)}",
        (lambda: _whole(path, label)) if label else None,
        names,
        f"Name them too: {path}#{chosen[0]},{partner(chosen[0], available) or 'y_key'}",
    )


def _header(archive: zipfile.ZipFile, key: str, path: Path) -> Header:
    with archive.open(_member_name(archive, key)) as stream:
        return read_header(stream, f"{path}#{key}")


def _same_length(path: Path, keys: Sequence[str], lengths: Sequence[int]) -> None:
    for key, length in zip(keys, lengths, strict=True):
        if length != lengths[0]:
            raise InputError(
                f"{path}: '{keys[0]}' holds {lengths[0]} examples, but '{key}' holds {length}."
            )


def _class_names(archive: zipfile.ZipFile, available: Sequence[str]) -> tuple[str, ...] | None:
    for key in _CLASS_KEYS:
        if key in available:
            names = _array(archive, key)
            if names.ndim == 1 and names.dtype.kind == "U":
                return tuple(str(name) for name in names)
    return None


def _array(archive: zipfile.ZipFile, key: str) -> Array:
    with archive.open(_member_name(archive, key)) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _whole(path: Path, key: str) -> Array:
    with unbroken(path), zipfile.ZipFile(path) as archive:
        return _array(archive, key)


def open_npy(path: Path, keys: Keys, inputs: Sequence[TensorSpec]) -> Dataset:
    """Open an `.npy` for a model with one input.

    Raises:
        InputError: not an .npy, or the model has several inputs.
    """
    hint = "Use an .npz with one array per input and the labels in 'y'."
    if keys.text:
        raise InputError(f"{path} holds one array without names, so '#{keys.text}' has no meaning.")
    if len(inputs) != 1:
        raise InputError(f"{path} holds one array, but the model has {len(inputs)} inputs.", hint)
    with unbroken(path):
        with path.open("rb") as stream:
            header = read_header(stream, str(path))
        if 0 in header.shape:
            array: Array = np.empty(header.shape, header.dtype)
        else:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    return Dataset(ArrayReader((array,)), str(path), labels_hint=hint)
