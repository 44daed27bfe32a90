"""Texts and names survive their way into code, whatever they hold."""

from __future__ import annotations

import ast
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from litesmith.snippets import spelling
from litesmith.snippets.view import View, view_of
from tests.support.graphs import Builder

_TEXTS = st.text(st.characters(codec="utf-8"))


@given(_TEXTS)
def test_python_text(text: str) -> None:
    assert ast.literal_eval(spelling.python_text(text)) == text


@given(_TEXTS)
def test_c_text(text: str) -> None:
    inner = spelling.c_text(text)[1:-1]
    parts = re.findall(r"\\([0-7]{3})|([^\\])", inner)
    found = bytes(int(octal, 8) if octal else ord(char) for octal, char in parts)
    assert found.decode() == text


@given(_TEXTS)
def test_kotlin_text(text: str) -> None:
    code = spelling.kotlin_text(text)
    assert not re.search(r"(?<!\\)(\\\\)*\$", code)
    assert json.loads(code.replace("\\$", "$")) == text


@given(_TEXTS)
def test_swift_text(text: str) -> None:
    inner = spelling.swift_text(text)[1:-1]
    found = re.sub(
        r"\\u\{([0-9a-f]+)\}|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], inner
    )
    assert found == text


@given(_TEXTS)
def test_comments_stay_in_their_line(text: str) -> None:
    line = spelling.comment(text)
    assert len(line.splitlines()) <= 1
    assert not line.endswith("\\") and "*/" not in line and '"""' not in line


def _view(names: list[str]) -> View:
    builder = Builder()
    for name in names:
        builder.input((1, 2), name=name)
    return view_of(builder.graph(*builder.inputs), "m.tflite")


@given(st.lists(_TEXTS, min_size=1, max_size=5))
def test_names_become_variables_of_their_own(names: list[str]) -> None:
    view = _view(names)
    found = [port.variable for port in (*view.inputs, *view.outputs)]
    assert len(set(found)) == len(found)
    for name in found:
        assert re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in spelling.RESERVED


def test_names_stay_readable() -> None:
    view = _view(["serving_default_inputImage:0", "class", "3d"])
    found = [port.variable for port in view.inputs]
    assert found == ["serving_default_input_image_0", "x1_class", "x2_3d"]


def test_symbol() -> None:
    assert spelling.symbol("my-model 2") == "my_model_2_tflite"
    assert spelling.symbol("3d_tflite") == "model_3d_tflite"
    assert spelling.symbol("é") == "model_tflite"
