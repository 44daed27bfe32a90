""".tflite files whose offsets, shapes and indices point anywhere."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from litesmith.errors import LoadError
from litesmith.graph import read
from litesmith.sources import open_source


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from tests.sources.hostile.files import dense

    with open_source(dense(tmp_path_factory.mktemp("good") / "m.keras")) as source:
        return source.lower()


def _opens(path: Path) -> None:
    """Open and run it in the child: an answer or one sentence, never anything else."""
    try:
        with open_source(path) as source:
            info = source.info
            source.run([np.zeros((1, *(s.example_shape)), s.dtype) for s in info.inputs])
    except LoadError as error:
        assert len(error.message.splitlines()) == 1


@pytest.mark.parametrize("value", [0, 4, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000])
def test_root_offset(tmp_path: Path, good: bytes, value: int) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(struct.pack("<I", value) + good[4:])
    with pytest.raises(LoadError):
        read(path.read_bytes())
    _opens(path)


def test_every_word(good: bytes) -> None:
    """Each 32-bit word becomes huge, negative or zero; the reader answers or says one sentence."""
    for at in range(8, len(good) - 4, 4):
        for value in (0xFFFFFFFF, 0x7FFFFFFF, 0):
            data = bytearray(good)
            struct.pack_into("<I", data, at, value)
            try:
                read(bytes(data))
            except LoadError as error:
                assert len(error.message.splitlines()) == 1


def test_a_few_words_in_the_interpreter(tmp_path: Path, good: bytes) -> None:
    path = tmp_path / "m.tflite"
    for at in range(8, 128, 40):
        data = bytearray(good)
        struct.pack_into("<I", data, at, 0x0FFFFFFF)
        path.write_bytes(data)
        _opens(path)
