"""What the numbers of byte code mean in each CPython: only the instructions that a body may have.

Numbers that are not in a table are not part of any body that is understood; so is every jump.
Checked against the `opcode` module of 2.7 and of 3.6 … 3.13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

_ARITHMETIC = {
    19: "BINARY_POWER",
    20: "BINARY_MULTIPLY",
    23: "BINARY_ADD",
    24: "BINARY_SUBTRACT",
    26: "BINARY_FLOOR_DIVIDE",
    27: "BINARY_TRUE_DIVIDE",
    22: "BINARY_MODULO",
    16: "BINARY_MATRIX_MULTIPLY",
    55: "BINARY_ADD",  # in place: the same on tensors and numbers
    56: "BINARY_SUBTRACT",
    57: "BINARY_MULTIPLY",
    67: "BINARY_POWER",
    29: "BINARY_TRUE_DIVIDE",
    28: "BINARY_FLOOR_DIVIDE",
}
_COMMON = {
    1: "POP_TOP",
    9: "NOP",
    11: "UNARY_NEGATIVE",
    25: "BINARY_SUBSCR",
    83: "RETURN_VALUE",
    92: "UNPACK_SEQUENCE",
    100: "LOAD_CONST",
    102: "BUILD_TUPLE",
    103: "BUILD_LIST",
    106: "LOAD_ATTR",
    107: "COMPARE_OP",
    108: "IMPORT_NAME",
    109: "IMPORT_FROM",
    116: "LOAD_GLOBAL",
    124: "LOAD_FAST",
    125: "STORE_FAST",
    133: "BUILD_SLICE",
}
_STACK = {2: "ROT_TWO", 3: "ROT_THREE", 4: "DUP_TOP"}
_TO_310 = {
    **_COMMON,
    **_ARITHMETIC,
    **_STACK,
    10: "UNARY_POSITIVE",
    131: "CALL_FUNCTION",
    136: "LOAD_DEREF",
}
_CALLS_36 = {141: "CALL_FUNCTION_KW"}
_METHODS = {160: "LOAD_METHOD", 161: "CALL_METHOD"}
_LISTS = {162: "LIST_EXTEND", 82: "LIST_TO_TUPLE"}
_311 = {
    **_COMMON,
    0: "CACHE",
    2: "PUSH_NULL",
    10: "UNARY_POSITIVE",
    82: "LIST_TO_TUPLE",
    99: "SWAP",
    120: "COPY",
    122: "BINARY_OP",
    137: "LOAD_DEREF",
    149: "COPY_FREE_VARS",
    151: "RESUME",
    160: "LOAD_METHOD",
    162: "LIST_EXTEND",
    166: "PRECALL",
    171: "CALL",
    172: "KW_NAMES",
}
_312 = {n: op for n, op in _311.items() if n not in (10, 82, 160, 166)} | {
    26: "BINARY_SLICE",
    121: "RETURN_CONST",
    173: "CALL_INTRINSIC_1",
}
_313 = {
    0: "CACHE",
    4: "BINARY_SLICE",
    5: "BINARY_SUBSCR",
    30: "NOP",
    32: "POP_TOP",
    34: "PUSH_NULL",
    36: "RETURN_VALUE",
    42: "UNARY_NEGATIVE",
    45: "BINARY_OP",
    47: "BUILD_LIST",
    50: "BUILD_SLICE",
    52: "BUILD_TUPLE",
    53: "CALL",
    55: "CALL_INTRINSIC_1",
    57: "CALL_KW",
    58: "COMPARE_OP",
    61: "COPY",
    62: "COPY_FREE_VARS",
    74: "IMPORT_FROM",
    75: "IMPORT_NAME",
    81: "LIST_EXTEND",
    82: "LOAD_ATTR",
    83: "LOAD_CONST",
    84: "LOAD_DEREF",
    85: "LOAD_FAST",
    88: "LOAD_FAST_LOAD_FAST",
    91: "LOAD_GLOBAL",
    103: "RETURN_CONST",
    110: "STORE_FAST",
    111: "STORE_FAST_LOAD_FAST",
    112: "STORE_FAST_STORE_FAST",
    115: "SWAP",
    117: "UNPACK_SEQUENCE",
    149: "RESUME",
}
_CACHES_312 = {
    "BINARY_OP": 1,
    "BINARY_SUBSCR": 1,
    "CALL": 3,
    "COMPARE_OP": 1,
    "LOAD_ATTR": 9,
    "LOAD_GLOBAL": 4,
    "UNPACK_SEQUENCE": 1,
}
_CACHES_311 = _CACHES_312 | {
    "BINARY_SUBSCR": 4,
    "CALL": 4,
    "COMPARE_OP": 2,
    "LOAD_ATTR": 4,
    "LOAD_GLOBAL": 5,
    "LOAD_METHOD": 10,
    "PRECALL": 1,
}
# Operators of BINARY_OP; those from 13 on are the in-place forms.
OPERATORS = ("+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^")


@dataclass(frozen=True)
class Dialect:
    """The byte code of some versions.

    Attributes:
        name: the versions.
        layout: of their code objects (`marshalled.LAYOUTS`).
        version: the newest of them, as (major, minor).
        names: instruction by number.
        caches: how many empty instructions follow one.
        wordcode: every instruction is two bytes.
    """

    name: str
    layout: str
    version: tuple[int, int]
    names: MappingProxyType[int, str]
    caches: MappingProxyType[str, int]
    wordcode: bool = True


def _dialect(
    name: str,
    layout: str,
    version: tuple[int, int],
    names: dict[int, str],
    caches: dict[str, int] | None = None,
    wordcode: bool = True,
) -> Dialect:
    caches = caches or {}
    return Dialect(
        name, layout, version, MappingProxyType(names), MappingProxyType(caches), wordcode
    )


_OLD = {**_TO_310, 131: "CALL_FUNCTION_PAIRS"}
_SLICES_2 = {30: "SLICE_0", 31: "SLICE_1", 32: "SLICE_2", 33: "SLICE_3"}
_PY2 = {n: op for n, op in _OLD.items() if n != 16} | {
    **_SLICES_2,
    21: "BINARY_DIVIDE",
    58: "BINARY_DIVIDE",
}
DIALECTS = (
    _dialect("2.7", "2", (2, 7), _PY2, wordcode=False),
    _dialect("3.4-3.5", "3.0", (3, 5), _OLD, wordcode=False),
    _dialect("3.6", "3.0", (3, 6), {**_TO_310, **_CALLS_36}),
    _dialect("3.7", "3.0", (3, 7), {**_TO_310, **_CALLS_36, **_METHODS}),
    _dialect("3.8", "3.8", (3, 8), {**_TO_310, **_CALLS_36, **_METHODS}),
    _dialect("3.9-3.10", "3.8", (3, 10), {**_TO_310, **_CALLS_36, **_METHODS, **_LISTS}),
    _dialect("3.11", "3.11", (3, 11), _311, _CACHES_311),
    _dialect("3.12", "3.11", (3, 12), _312, _CACHES_312),
    _dialect("3.13", "3.11", (3, 13), _313, _CACHES_312),
)


class UnknownInstructionError(ValueError):
    """The byte code is not of this dialect, or does more than a body may."""


def instructions(code: bytes, dialect: Dialect) -> Iterator[tuple[str, int]]:
    """Yield (name, argument), caches checked and left out.

    Raises:
        UnknownInstructionError: a number outside the table, or a cache that is not empty.
    """
    caches = 0
    for number, argument in _words(code) if dialect.wordcode else _bytes(code, dialect):
        name = dialect.names.get(number)
        if caches:
            if number or argument:
                raise UnknownInstructionError("a cache that is not empty")
            caches -= 1
            continue
        if name is None or name == "CACHE":
            raise UnknownInstructionError(f"instruction {number}")
        caches = dialect.caches.get(name, 0)
        yield name, argument
    if caches:
        raise UnknownInstructionError("the end is missing")


def _words(code: bytes) -> Iterator[tuple[int, int]]:
    if len(code) % 2:
        raise UnknownInstructionError("half an instruction")
    yield from zip(code[::2], code[1::2], strict=True)


def _bytes(code: bytes, dialect: Dialect) -> Iterator[tuple[int, int]]:
    """Yield the instructions of old byte code: three bytes with an argument, one without."""
    at = 0
    while at < len(code):
        number, argument = code[at], 0
        at += 1
        if number >= 90:
            if at + 2 > len(code):
                raise UnknownInstructionError("half an instruction")
            argument = code[at] | code[at + 1] << 8
            at += 2
        yield number, argument
