"""`litesmith snippet`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from litesmith.cli import main
from litesmith.graph import write
from tests.snippets.files import FILES


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.tflite"
    path.write_bytes(write(FILES["int8"]()))
    return path


def test_code_is_printed(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["snippet", str(file), "--for", "python"]) == 0
    out, err = capfd.readouterr()
    compile(out, "code", "exec")
    assert 'MODEL = "m.tflite"' in out and not err


def test_code_and_array_are_written(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, array = file.with_name("main.cc"), file.with_name("m.cc")
    words = ["snippet", str(file), "--for", "micro", "-o", str(code), "--c-array", str(array)]
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"Wrote {code}.\n")
    assert '#include "m.h"' in code.read_text("utf-8")
    assert file.with_name("m.h").exists()


def test_json(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["snippet", str(file), "--for", "swift", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["status"], found["language"], found["path"]) == ("ok", "swift", None)
    assert "import TensorFlowLite" in found["code"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["m.tflite", "--for", "pyhton"], 2, "Did you mean 'python'?"),
        (["n.tflite", "--for", "python"], 2, "no such file"),
        ([".", "--for", "python"], 2, "is a folder"),
        (["m.tflite", "--for", "python", "-o", "m.tflite"], 2, "is the .tflite itself"),
        (["m.tflite", "--for", "python", "-o", "no/where.py"], 2, "there is no folder"),
        (["m.tflite", "--for", "micro", "--c-array", "m.txt"], 2, "not the name of a C"),
        (["text.tflite", "--for", "python"], 3, "not a .tflite model"),
    ],
)
def test_mistakes(
    words: list[str], code: int, message: str, file: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(file.parent)
    Path("text.tflite").write_text("no model", "utf-8")
    before = file.read_bytes()
    assert main(["snippet", *words]) == code
    assert message in capfd.readouterr().err
    assert file.read_bytes() == before
