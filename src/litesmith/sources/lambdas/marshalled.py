"""Marshalled code objects of any CPython, read as data.

`marshal.loads` is not used: it reads the running Python's own form alone and builds code objects
out of whatever the bytes say. This reader knows the layouts of Python 2.7 and 3.4 … 3.13, makes
plain values, and gives up at small bounds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 40
_MAX_OBJECTS = 20_000
_MAX_DIGITS = 20  # of 15 bits each: far beyond what any shape or index needs
_REF_FLAG = 0x80

# Fields of a code object in the order they are stored; `int` are 4 bytes, the rest objects.
_INTS = {"argcount", "posonly", "kwonly", "nlocals", "stacksize", "flags", "firstline"}
_HEAD3 = ("argcount", "kwonly", "nlocals", "stacksize", "flags", "code", "consts", "names")
_HEAD38 = ("argcount", "posonly", *_HEAD3[1:])
_TAIL = ("varnames", "freevars", "cellvars", "filename", "name", "firstline", "lines")
LAYOUTS: dict[str, tuple[str, ...]] = {
    "2": ("argcount", *_HEAD3[2:], *_TAIL),
    "3.0": (*_HEAD3, *_TAIL),
    "3.8": (*_HEAD38, *_TAIL),
    "3.11": (
        *("argcount", "posonly", "kwonly", "stacksize", "flags", "code", "consts", "names"),
        *("localsplus", "kinds", "filename", "name", "qualname", "firstline", "lines", "handlers"),
    ),
}
_FREE, _CELL, _LOCAL = 0x80, 0x40, 0x20  # of `kinds`


class UnreadableError(ValueError):
    """The bytes are no code object in the layout that was tried."""


@dataclass(frozen=True)
class Code:
    """A code object.

    Attributes:
        layout: key of LAYOUTS.
        argcount: positional parameters.
        kwonly: keyword-only parameters.
        flags: co_flags.
        stacksize: co_stacksize.
        code: the byte code.
        consts: constants; nested code objects are `Code`.
        names: names of globals and attributes.
        varnames, freevars, cellvars: names of locals.
        filename: where it was compiled.
        handled: it has an exception table that is not empty (3.11 and newer).
    """

    layout: str
    argcount: int
    kwonly: int
    flags: int
    stacksize: int
    code: bytes
    consts: tuple[Any, ...]
    names: tuple[str, ...]
    varnames: tuple[str, ...]
    freevars: tuple[str, ...]
    cellvars: tuple[str, ...]
    filename: str
    handled: bool


def read_code(data: bytes) -> tuple[Code, ...]:
    """Return the code object in every layout that the bytes fit from end to end (often one).

    Args:
        data: output of `marshal.dumps(function.__code__)` of some CPython.
    """
    found = []
    for layout in LAYOUTS:
        try:
            found.append(_Reader(data, layout).whole())
        except UnreadableError:
            continue
    return tuple(found)


class SetItems(tuple[Any, ...]):
    """A set that is only carried: its items need no hash."""


class _Pending:
    """Stands for an object that is still being read: no constant contains itself."""


class _Reader:
    """One pass over the bytes in one layout."""

    def __init__(self, data: bytes, layout: str) -> None:
        if len(data) > _MAX_BYTES:
            raise UnreadableError("too long")
        self.data = data
        self.layout = layout
        self.at = 0
        self.budget = _MAX_OBJECTS
        self.refs: list[tuple[Any, int]] = []
        self.interned: list[Any] = []

    def whole(self) -> Code:
        """Return the one code object that the bytes are."""
        code = self.value(0)
        if not isinstance(code, Code) or self.at != len(self.data):
            raise UnreadableError("not one code object")
        return code

    def value(self, depth: int) -> Any:
        """Read one object."""
        if depth > _MAX_DEPTH:
            raise UnreadableError("too deep")
        self.spend(1)
        tag = self.take(1)[0]
        kind = chr(tag & ~_REF_FLAG)
        read = _KINDS.get(kind)
        if read is None or (tag & _REF_FLAG and self.layout == "2"):
            raise UnreadableError(f"unknown kind {kind!r}")
        if not tag & _REF_FLAG:
            return read(self, depth)
        place, before = len(self.refs), self.budget
        self.refs.append((_Pending(), 0))
        found = read(self, depth)
        self.refs[place] = (found, before - self.budget)
        return found

    def spend(self, objects: int) -> None:
        """Count objects, those behind references every time they are referred to."""
        self.budget -= objects
        if self.budget < 0:
            raise UnreadableError("too many objects")

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if not 0 <= count <= len(self.data) - self.at:
            raise UnreadableError("the end is missing")
        self.at += count
        return self.data[self.at - count : self.at]

    def int32(self) -> int:
        """Read a signed little-endian number of four bytes."""
        return int(struct.unpack("<i", self.take(4))[0])

    def long(self, _: int) -> int:
        """Read an integer of 15-bit digits."""
        size = self.int32()
        if abs(size) > _MAX_DIGITS:
            raise UnreadableError("a huge integer")
        digits = struct.unpack(f"<{abs(size)}H", self.take(2 * abs(size)))
        number: int = sum(int(d) << 15 * i for i, d in enumerate(digits))
        return -number if size < 0 else number

    def float_text(self, _: int) -> float:
        """Read a float as text (marshal versions 0 and 1)."""
        try:
            return float(self.take(self.take(1)[0]))
        except ValueError as error:
            raise UnreadableError("a float") from error

    def text(self, size: int, encoding: str) -> str:
        """Read characters."""
        try:
            return self.take(size).decode(
                encoding, "surrogatepass" if "8" in encoding else "strict"
            )
        except UnicodeDecodeError as error:
            raise UnreadableError("text") from error

    def bytes(self, _: int) -> Any:
        """Read bytes; Python 2 means text by them."""
        raw = self.take(self.int32())
        return raw.decode("latin-1") if self.layout == "2" else raw

    def intern(self, depth: int) -> Any:
        """Read an interned text."""
        if self.layout == "2":
            text = self.bytes(depth)
            self.interned.append(text)
            return text
        return self.text(self.int32(), "utf-8")

    def interned_ref(self, _: int) -> Any:
        """Read a reference of Python 2 to an interned text."""
        index = self.int32()
        if self.layout != "2" or not 0 <= index < len(self.interned):
            raise UnreadableError("a reference")
        return self.interned[index]

    def ref(self, _: int) -> Any:
        """Read a reference to an object that came before."""
        index = self.int32()
        if not 0 <= index < len(self.refs) or isinstance(self.refs[index][0], _Pending):
            raise UnreadableError("a reference")
        found, weight = self.refs[index]
        self.spend(weight)
        return found

    def items(self, count: int, depth: int) -> tuple[Any, ...]:
        """Read `count` objects."""
        if not 0 <= count <= len(self.data) - self.at:
            raise UnreadableError("the end is missing")
        return tuple(self.value(depth + 1) for _ in range(count))

    def code(self, depth: int) -> Code:
        """Read a code object."""
        fields: dict[str, Any] = {}
        for name in LAYOUTS[self.layout]:
            fields[name] = self.int32() if name in _INTS else self.value(depth + 1)
        return _as_code(self.layout, fields)


def _as_code(layout: str, fields: dict[str, Any]) -> Code:
    code, lines = fields["code"], fields["lines"]
    if layout == "2":
        code, lines = _bytes2(code), _bytes2(lines)
    handlers = fields.get("handlers", b"")
    if not all(isinstance(part, bytes) for part in (code, lines, handlers)):
        raise UnreadableError("byte code")
    if not isinstance(fields["consts"], tuple) or not isinstance(fields["filename"], str):
        raise UnreadableError("constants")
    locals_ = _locals(fields) if "kinds" in fields else [fields[n] for n in _TAIL[:3]]
    varnames, freevars, cellvars = (_names(names) for names in locals_)
    return Code(
        layout=layout,
        argcount=fields["argcount"],
        kwonly=fields.get("kwonly", 0),
        flags=fields["flags"],
        stacksize=fields["stacksize"],
        code=code,
        consts=fields["consts"],
        names=_names(fields["names"]),
        varnames=varnames,
        freevars=freevars,
        cellvars=cellvars,
        filename=fields["filename"],
        handled=bool(handlers),
    )


def _locals(fields: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Split the joined locals of 3.11: all of them (indices count these), free ones, cells."""
    names, kinds = fields["localsplus"], fields["kinds"]
    if not isinstance(kinds, bytes) or not isinstance(names, tuple) or len(names) != len(kinds):
        raise UnreadableError("locals")
    return [
        names,
        tuple(n for n, kind in zip(names, kinds, strict=True) if kind & _FREE),
        tuple(n for n, kind in zip(names, kinds, strict=True) if kind & _CELL),
    ]


def _bytes2(text: Any) -> Any:
    """Return the bytes that Python 2 called text."""
    try:
        return text.encode("latin-1") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise UnreadableError("byte code") from error


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, tuple) or not all(isinstance(name, str) for name in value):
        raise UnreadableError("names")
    return value


def _constant(value: Any) -> Callable[[_Reader, int], Any]:
    return lambda reader, depth: value


_KINDS: dict[str, Callable[[_Reader, int], Any]] = {
    "N": _constant(None),
    "F": _constant(False),
    "T": _constant(True),
    ".": _constant(Ellipsis),
    "i": lambda r, _: r.int32(),
    "I": lambda r, _: struct.unpack("<q", r.take(8))[0],
    "g": lambda r, _: struct.unpack("<d", r.take(8))[0],
    "y": lambda r, _: complex(*struct.unpack("<dd", r.take(16))),
    "f": _Reader.float_text,
    "l": _Reader.long,
    "s": _Reader.bytes,
    "t": _Reader.intern,
    "R": _Reader.interned_ref,
    "r": _Reader.ref,
    "u": lambda r, _: r.text(r.int32(), "utf-8"),
    "a": lambda r, _: r.text(r.int32(), "latin-1"),
    "A": lambda r, _: r.text(r.int32(), "latin-1"),
    "z": lambda r, _: r.text(r.take(1)[0], "latin-1"),
    "Z": lambda r, _: r.text(r.take(1)[0], "latin-1"),
    "(": lambda r, depth: r.items(r.int32(), depth),
    ")": lambda r, depth: r.items(r.take(1)[0], depth),
    "[": lambda r, depth: r.items(r.int32(), depth),
    "<": lambda r, depth: SetItems(r.items(r.int32(), depth)),
    ">": lambda r, depth: SetItems(r.items(r.int32(), depth)),
    "c": _Reader.code,
}
