"""`py:module:name` and `py:file.py:name`: the user's objects, and the guard around their code."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from litesmith.errors import InputError, LitesmithError

PREFIX = "py:"
# Standard output belongs to the process: two threads that redirect it must not interleave.
_REDIRECTING = threading.RLock()
_NOT_USERS = (
    str(Path(__file__).parents[1]),
    sysconfig.get_paths()["purelib"],
    sysconfig.get_paths()["platlib"],
    sysconfig.get_paths()["stdlib"],
)


def load_python(spec: str) -> Any:
    """Return the object that `py:module:name` or `py:file.py:name` names.

    The folder of the file (for a module, the current folder) can be imported from, as when Python
    runs a script. A file is executed once per process and version.

    Raises:
        InputError: malformed spec, missing file, module or name, or code that fails when imported.
    """
    place, colon, name = spec.removeprefix(PREFIX).rpartition(":")
    if not spec.startswith(PREFIX) or not colon or not place or not name:
        raise InputError(
            f"'{spec}' does not name a Python object.",
            "Write py:module:name or py:file.py:name.",
        )
    module = _load_file(Path(place), spec) if place.endswith(".py") else _load_module(place, spec)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            close = difflib.get_close_matches(part, [n for n in dir(value) if n[0] != "_"], 1)
            raise InputError(
                f"{place} has no '{name}' (asked for by {spec}).",
                f"Did you mean '{close[0]}'?" if close else "",
            )
        value = getattr(value, part)
    return value


def _load_module(name: str, spec: str) -> ModuleType:
    _importable(Path.cwd())
    with user_code(f"Importing {spec}"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            raise InputError(
                f"There is no Python module '{name}' (asked for by {spec}).",
                "For a file write its path with .py: py:path/to/file.py:name.",
            ) from error


def _load_file(path: Path, spec: str) -> ModuleType:
    if not path.is_file():
        raise InputError(f"There is no file {path} (asked for by {spec}).")
    version = f"{path.resolve()}:{path.stat().st_mtime_ns}:{path.stat().st_size}"
    alias = f"litesmith_user_{hashlib.sha256(version.encode()).hexdigest()[:16]}"
    if alias in sys.modules:
        return sys.modules[alias]
    _importable(path.resolve().parent)
    found = importlib.util.spec_from_file_location(alias, path)
    if found is None or found.loader is None:
        raise InputError(f"{path} cannot be imported (asked for by {spec}).")
    module = importlib.util.module_from_spec(found)
    sys.modules[alias] = module
    try:
        with user_code(f"Importing {spec}"):
            found.loader.exec_module(module)
    except InputError:
        del sys.modules[alias]
        raise
    return module


def _importable(folder: Path) -> None:
    # At the end: a user's file named like a library must not hide the library.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@contextlib.contextmanager
def user_code(what: str) -> Iterator[None]:
    """Run a user's code: its prints go to stderr, its failure becomes one sentence.

    One thread at a time. `what` begins the sentence ("The metric py:m.py:f").

    Raises:
        InputError: naming the user's file and line.
    """
    try:
        with _REDIRECTING, contextlib.redirect_stdout(sys.stderr):
            yield
    except LitesmithError:
        raise
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())
        detail = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise InputError(f"{what} failed{_place(error)}: {detail}") from error


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f" at {error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    users = [
        frame
        for frame in frames
        if not frame.filename.startswith(("<", *_NOT_USERS))
        and "site-packages" not in frame.filename
    ]
    return f" at {users[-1].filename}:{users[-1].lineno}" if users else ""
