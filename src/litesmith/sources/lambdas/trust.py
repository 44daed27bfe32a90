"""Byte code that `--trust` may run: only what the running Python itself could have made."""

from __future__ import annotations

import builtins
import marshal
import opcode
import sys
from collections.abc import Mapping
from types import CellType, FunctionType
from typing import Any

from litesmith.sources.lambdas.body import BodyError
from litesmith.sources.lambdas.marshalled import Code
from litesmith.sources.lambdas.proof import Stored, raw_code, readings


def fits(text: str) -> bool:
    """Return True when stored byte code is of this Python's own version, as far as it tells.

    Byte code of another version does not fail in Python: it crashes, or computes something else.
    """
    return any(_own(code) for code, dialect in readings(text) if code.layout == _layout())


def version() -> str:
    """Return the running version."""
    return ".".join(map(str, sys.version_info[:2]))


def _layout() -> str:
    return "3.11" if sys.version_info >= (3, 11) else "3.8"


def _own(code: Code) -> bool:
    """Check that every instruction is known, caches are empty and the entry is this version's."""
    names = {number: name for name, number in opcode.opmap.items()}
    words = list(zip(code.code[::2], code.code[1::2], strict=False))
    caches, first = 0, ""
    for number, argument in words:
        if caches:
            if number:
                return False
            caches -= 1
            continue
        name = names.get(number, "")
        if not name or name == "CACHE":
            return False
        if not first and name not in ("COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP"):
            first = name
            if argument:
                return False
        caches = _caches(name, number)
    inner = [const for const in code.consts if isinstance(const, Code)]
    return first == "RESUME" and not len(code.code) % 2 and not caches and all(map(_own, inner))


def _caches(name: str, number: int) -> int:
    entries: Any = getattr(opcode, "_inline_cache_entries", ())
    if isinstance(entries, dict):
        return int(entries.get(name, 0))
    return int(entries[number]) if number < len(entries) else 0


def function_of(stored: Stored, package: Any, given: Mapping[str, Any]) -> FunctionType:
    """Return a Lambda's function out of its byte code. Only for files that the user trusts.

    Args:
        stored: the Lambda.
        package: the module `keras` or `tf_keras`.
        given: the user's objects by name, globals of the function.

    Raises:
        BodyError: it is of another Python.
    """
    text = stored.code or ""
    if not fits(text):
        raise BodyError(f"its byte code is not of Python {version()}")
    code = marshal.loads(next(raw_code(text)))
    closure = tuple(map(CellType, stored.closure)) or None
    return FunctionType(code, _globals(package, given), code.co_name, stored.defaults, closure)


def _globals(package: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what such code takes for granted: the customary imports."""
    import numpy as np
    import tensorflow as tf

    from litesmith.sources.lambdas.functions import backend

    customary = {
        **dict.fromkeys(("tf", "tensorflow"), tf),
        **dict.fromkeys(("np", "numpy"), np),
        **dict.fromkeys(("K", "backend"), backend(package)),
        "keras": package,
        "ops": getattr(package, "ops", None),
    }
    return {"__builtins__": builtins, **customary, **given}
