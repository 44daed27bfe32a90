"""The wire between parent and child: one JSON object per line; arrays are .npy files by path.

Parent to child: `{"id": 3, "do": "run", "args": {…}}`. Child to parent: `{"progress": "tracing"}`
(any JSON value that the two agree on),
`{"id": 3, "ok": {…}}` or `{"id": 3, "error": {"type": "LoadError", "message": …, "hint": …}}`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from litesmith.errors import ConversionError, InputError, InternalError, LitesmithError, LoadError

Array = npt.NDArray[Any]
Message = dict[str, Any]

_ERRORS: dict[str, type[LitesmithError]] = {
    c.__name__: c for c in (InputError, LoadError, ConversionError, InternalError)
}
_numbers = itertools.count()


def send(stream: IO[str], message: Message) -> None:
    """Write one message.

    Raises:
        OSError: the other side is gone.
    """
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def error_to_json(error: LitesmithError) -> Message:
    """Return what `error_from_json` rebuilds; `log` tells whether a third party broke something."""
    return {
        "type": type(error).__name__,
        "message": _printable(error.message),
        "hint": _printable(error.hint),
        "log": error.__cause__ is not None,
    }


def _printable(text: str) -> str:
    """Return a text that any terminal can show; damaged names hold halves of characters."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def error_from_json(error: Message, log: str | None = None) -> LitesmithError:
    """Return the child's error, with the log that holds its details."""
    return _ERRORS[error["type"]](error["message"], error["hint"], log)


def save_arrays(arrays: Iterable[Any], directory: Path) -> list[str]:
    """Write arrays under new names; return their paths.

    Raises:
        InputError: the disk is full.
    """
    paths: list[str] = []
    for array in arrays:
        path = directory / f"array-{os.getpid()}-{next(_numbers)}.npy"
        with disk(directory):
            np.save(path, np.asarray(array), allow_pickle=False)
        paths.append(str(path))
    return paths


@contextlib.contextmanager
def disk(directory: Path) -> Iterator[None]:
    """Turn failures to write temporary files into one sentence.

    Raises:
        InputError: nothing can be written there.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"Temporary files cannot be written to {directory}: {error.strerror or error}.",
            "Free some space, or set TMPDIR to a place that has it.",
        ) from error


def load_arrays(paths: Iterable[str]) -> list[Array]:
    """Read arrays back and delete their files."""
    arrays = []
    for path in map(Path, paths):
        arrays.append(np.load(path, allow_pickle=False))
        path.unlink()
    return arrays
