"""The wire between parent and child: one JSON object per line; arrays are .npy files by path.

Parent to child: `{"id": 3, "do": "run", "args": {…}}`. Child to parent: `{"progress": "tracing"}`,
`{"id": 3, "ok": {…}}` or `{"id": 3, "error": {"type": "LoadError", "message": …, "hint": …}}`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
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
        "message": error.message,
        "hint": error.hint,
        "log": error.__cause__ is not None,
    }


def error_from_json(error: Message, log: str | None = None) -> LitesmithError:
    """Return the child's error, with the log that holds its details."""
    return _ERRORS[error["type"]](error["message"], error["hint"], log)


def save_arrays(arrays: Iterable[Any], directory: Path) -> list[str]:
    """Write arrays under new names; return their paths."""
    paths: list[str] = []
    for array in arrays:
        path = directory / f"array-{next(_numbers)}-{len(paths)}.npy"
        np.save(path, np.asarray(array), allow_pickle=False)
        paths.append(str(path))
    return paths


def load_arrays(paths: Iterable[str]) -> list[Array]:
    """Read arrays back and delete their files."""
    arrays = []
    for path in map(Path, paths):
        arrays.append(np.load(path, allow_pickle=False))
        path.unlink()
    return arrays
