"""Missing, empty, truncated and random files of each format: exit code 3 and one sentence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from litesmith.errors import InputError, LoadError
from litesmith.sources import open_source

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

Model = Callable[[str], Path]


def _fails(path: Path) -> None:
    with pytest.raises(LoadError) as caught, open_source(path) as source:
        _ = source.info
    assert str(path) in caught.value.message or "tflite" in caught.value.message
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.tflite", "m"])
def test_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no model"):
        open_source(tmp_path / name)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.tflite"])
@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 9])
def test_empty_and_random(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    _fails(tmp_path / name)


@pytest.mark.parametrize("name", ["functional.keras", "old_functional.h5"])
def test_truncated(model: Model, tmp_path: Path, name: str) -> None:
    data = model(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: len(data) // 2])
    _fails(path)


@pytest.mark.parametrize("name", ["functional.keras", "old_functional.h5"])
def test_garbage_behind_the_magic(model: Model, tmp_path: Path, name: str) -> None:
    data = model(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[:64] + bytes(255 - b for b in data[64 : len(data) // 2]))
    _fails(path)


def test_truncated_tflite(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(50))
    _fails(path)


def test_saved_model_without_variables(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "m"
    shutil.copytree(model("one_signature"), path)
    shutil.rmtree(path / "variables")
    _fails(path)


@pytest.mark.parametrize("content", [b"", bytes(range(256))])
def test_damaged_saved_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(content)
    _fails(tmp_path / "m")


def test_directory_without_saved_model(tmp_path: Path) -> None:
    _fails(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    path.write_bytes(b"x")
    path.chmod(0)
    _fails(path)
