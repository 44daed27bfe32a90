"""From a file's view to code."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.errors import InputError
from litesmith.graph import DType
from litesmith.snippets import micro, spelling
from litesmith.snippets.spelling import Spelling
from litesmith.snippets.view import PortView, View

# ByteBuffer's methods by element type; bytes have no name of their own.
_BUFFER = {
    DType.FLOAT32: "Float", DType.FLOAT64: "Double", DType.INT16: "Short", DType.INT32: "Int",
    DType.INT64: "Long",
}  # fmt: skip


def _nothing(view: View) -> None:
    """Refuse nothing."""


def _refuse_micro(view: View) -> None:
    micro.refuse(view.graph)


@dataclass(frozen=True)
class Language:
    """A language or runtime that there is code for.

    Attributes:
        name: what the user types; also the template's.
        spelling: its forms of names, texts and types.
        refuse: raises ConversionError for a file that it cannot run.
        blank_lines: the most that stand together.
    """

    name: str
    spelling: Spelling
    refuse: Callable[[View], None] = _nothing
    blank_lines: int = 1


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        row.name: row
        for row in (
            Language("python", spelling.PYTHON, blank_lines=2),
            Language("cpp", spelling.C),
            Language("micro", spelling.C, _refuse_micro),
            Language("kotlin", spelling.KOTLIN),
            Language("swift", spelling.SWIFT),
        )
    }
)


def find_language(name: str) -> Language:
    """Return a language.

    Raises:
        InputError: there is none of that name.
    """
    if name in LANGUAGES:
        return LANGUAGES[name]
    close = difflib.get_close_matches(name.lower(), LANGUAGES, 1, 0.4)
    known = f"There is code for {', '.join(LANGUAGES)}."
    raise InputError(
        f"There is no code for '{name}'.", f"Did you mean '{close[0]}'? {known}" if close else known
    )


def render(view: View, language: Language, array: str = "model") -> str:
    """Return the code that runs a file.

    Args:
        view: the file.
        language: of the code.
        array: stem of the C++ source that holds the file, for micro.

    Raises:
        ConversionError: the language's runtime cannot run the file.
    """
    language.refuse(view)
    facts: dict[str, Any] = {}
    if language.name == "micro":
        facts = {
            "methods": micro.methods(view.graph),
            "arena": micro.arena_bytes(view.graph),
            "array": array,
            "symbol": spelling.symbol(array),
        }
    template = _environment(language.name).get_template(f"{language.name}.j2")
    path = PurePath(view.file)
    text: str = template.render(
        file=path.name,
        stem=path.stem,
        suffix=path.suffix.lstrip("."),
        inputs=view.inputs,
        outputs=view.outputs,
        is_open=view.is_open,
        **facts,
    )
    return _tidy(text, language.blank_lines)


@cache
def _environment(name: str) -> Any:
    import jinja2

    forms = LANGUAGES[name].spelling
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("litesmith.snippets"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "text": forms.text,
        "var": forms.name,
        "type": lambda dtype: forms.types[dtype],
        "comment": spelling.comment,
        "pascal": spelling.pascal,
        "float_": spelling.c_float,
        "tuple_": lambda shape: repr(tuple(shape)),
        "low": lambda port: int(np.iinfo(port.dtype.value).min),
        "high": lambda port: int(np.iinfo(port.dtype.value).max),
        "bytes": lambda port: port.dtype.bits // 8,
        "put": lambda port: "put" + _BUFFER.get(port.dtype, ""),
        "get": _kotlin_get,
    }
    return environment


def _kotlin_get(port: PortView) -> str:
    method = _BUFFER.get(port.dtype, "")
    read = f"from.get{method}()"
    return f"{read}.toInt()" if port.quantized else read


def _tidy(text: str, blank_lines: int) -> str:
    """Return the code without spaces at line ends and without longer runs of empty lines."""
    found: list[str] = []
    for line in (line.rstrip() for line in text.split("\n")):
        if line or any(found[-blank_lines:]) or len(found) < blank_lines:
            found.append(line)
    return "\n".join(found).strip("\n") + "\n"
