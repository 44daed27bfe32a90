"""Byte code that `--trust` may run: only what the running Python itself could have made."""

from __future__ import annotations

import opcode
import sys
from typing import Any

from litesmith.sources.lambdas.marshalled import Code
from litesmith.sources.lambdas.proof import readings


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
