"""How each language spells names, numbers, texts and types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from litesmith.graph import DType

# Words that one of the languages keeps for itself, and what the templates call their own.
_WORDS = """
    and as assert async await bool break case catch char class const continue def default defer
    del delete do double elif else enum except extension extern false finally float for from fun
    func global goto guard if import in init inline inout int interface internal is lambda let
    long mutable namespace new nil none nonlocal not null object operator or package pass print
    private protected protocol public raise register repeat return self short signed sizeof
    static struct super switch template this throw throws true try type typealias typename
    typeof union unsigned using val var virtual void volatile when where while with yield
    arena args argv buffer channel close context count found from inputs interpreter labels
    list map mean model name np outputs path prepare quantize dequantize raw real resolver result
    results run std step to value values main
"""
RESERVED = frozenset(_WORDS.split())


def camel(words: str) -> str:
    """Return `left_top` as `leftTop`."""
    first, *rest = words.split("_")
    return first + "".join(word.capitalize() for word in rest)


def pascal(words: str) -> str:
    """Return `left_top` as `LeftTop`."""
    return "".join(word.capitalize() for word in words.split("_"))


def python_text(text: str) -> str:
    """Return a text as a Python literal in double quotes."""
    return '"' + "".join(_escaped(c, lambda n: f"\\U{n:08x}") for c in text) + '"'


def c_text(text: str) -> str:
    """Return a text as a C literal; bytes beyond ASCII are octal, which never runs on."""
    plain = ('"', "\\", "?")  # a trigraph begins with ??
    return '"' + "".join(
        chr(b) if 32 <= b < 127 and chr(b) not in plain else f"\\{b:03o}" for b in text.encode()
    ) + '"'  # fmt: skip


def kotlin_text(text: str) -> str:
    """Return a text as a Kotlin literal; `$` would begin an expression."""
    return '"' + "".join(
        "\\$" if c == "$" else _escaped(c, _utf16) for c in text
    ) + '"'  # fmt: skip


def swift_text(text: str) -> str:
    """Return a text as a Swift literal."""
    return '"' + "".join(_escaped(c, lambda n: f"\\u{{{n:x}}}") for c in text) + '"'


def comment(text: str) -> str:
    """Return a text that stays within a comment of one line."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line.replace("\\", "/").replace("*/", "* /").replace('"""', "'''")


def _escaped(char: str, numbered: Callable[[int], str]) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else numbered(ord(char))


def _utf16(number: int) -> str:
    raw = chr(number).encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{raw[i]:02x}{raw[i + 1]:02x}" for i in range(0, len(raw), 2))


def symbol(stem: str) -> str:
    """Return the name of the array that holds a file: `my-model 2` → `my_model_2_tflite`."""
    words = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower() or "model"
    return f"{'model_' if words[0].isdigit() else ''}{words.removesuffix('_tflite')}_tflite"


def c_float(value: float) -> str:
    """Return a number as a float literal of C, Kotlin: `0.5f`."""
    return f"{value!r}f"


@dataclass(frozen=True)
class Spelling:
    """One language's forms.

    Attributes:
        text: a text literal.
        name: a variable, from lower-case words joined by `_`.
        types: element types.
    """

    text: Callable[[str], str]
    name: Callable[[str], str]
    types: Mapping[DType, str]


_C_TYPES = {
    DType.FLOAT32: "float", DType.FLOAT64: "double", DType.INT8: "int8_t", DType.UINT8: "uint8_t",
    DType.INT16: "int16_t", DType.INT32: "int32_t", DType.INT64: "int64_t", DType.BOOL: "bool",
}  # fmt: skip
_NUMPY_TYPES = {dtype: f"np.{dtype.value}" for dtype in _C_TYPES} | {DType.BOOL: "np.bool_"}
_KOTLIN_TYPES = {
    DType.FLOAT32: "Float", DType.FLOAT64: "Double", DType.INT8: "Byte", DType.UINT8: "Byte",
    DType.INT16: "Short", DType.INT32: "Int", DType.INT64: "Long", DType.BOOL: "Byte",
}  # fmt: skip
_SWIFT_TYPES = {
    DType.FLOAT32: "Float32", DType.FLOAT64: "Float64", DType.INT8: "Int8", DType.UINT8: "UInt8",
    DType.INT16: "Int16", DType.INT32: "Int32", DType.INT64: "Int64", DType.BOOL: "Bool",
}  # fmt: skip

PYTHON = Spelling(python_text, lambda words: words, _NUMPY_TYPES)
C = Spelling(c_text, lambda words: words, _C_TYPES)
KOTLIN = Spelling(kotlin_text, camel, _KOTLIN_TYPES)
SWIFT = Spelling(swift_text, camel, _SWIFT_TYPES)
