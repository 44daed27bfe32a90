"""Kotlin and Swift: no compiler here, so what can be checked in the text is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from litesmith import snippet
from litesmith.graph import write
from tests.snippets.files import FILES

_PAIRS = {")": "(", "]": "[", "}": "{"}


def _code(name: str, language: str, folder: Path) -> str:
    path = folder / "model.tflite"
    path.write_bytes(write(FILES[name]()))
    return snippet(path, language)


@pytest.mark.parametrize("language", ["kotlin", "swift"])
@pytest.mark.parametrize("name", FILES)
def test_brackets_close(name: str, language: str, tmp_path: Path) -> None:
    code = _code(name, language, tmp_path)
    plain = re.sub(r'//.*|"(?:\\.|[^"\\])*"', "", code)
    opened: list[str] = []
    for char in plain:
        if char in "([{":
            opened.append(char)
        elif char in ")]}":
            assert opened.pop() == _PAIRS[char], code
    assert not opened


@pytest.mark.parametrize(
    ("name", "language", "lines"),
    [
        ("int8", "kotlin", ["real / 0.5f", "+ (-10)", "q.coerceIn(-128, 127).toByte()"]),
        ("uint8", "kotlin", ["from.get().toInt() and 0xff", "q.coerceIn(0, 255)", "0.03f * ("]),
        ("open", "kotlin", ["x0Shape: IntArray = intArrayOf(1, 5)", "interpreter.resizeInput(0"]),
        ("pixels", "kotlin", ["x0: ByteArray", "put(value)"]),
        ("plain", "kotlin", ["fun prepareImage", '"bird"']),
        ("int8", "swift", ["real / 0.5", "+ (-10)", "max(step, -128), 127", "Int8"]),
        ("open", "swift", ["[Int] = [1, 5]", "resizeInput(at: 0"]),
        ("pixels", "swift", ["x0: [UInt8]", "pixels of 0 to 255"]),
        ("plain", "swift", ["func prepareImage", '"bird"']),
    ],
)  # fmt: skip
def test_says_what_the_file_needs(
    name: str, language: str, lines: list[str], tmp_path: Path
) -> None:
    code = _code(name, language, tmp_path)
    for line in lines:
        assert line in code, code
