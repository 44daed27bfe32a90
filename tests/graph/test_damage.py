"""Bytes that are not a sound model are a LoadError, whatever is wrong with them."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.errors import LoadError
from litesmith.graph import read, verify, write
from tests.support.converted import converted
from tests.support.graphs import random_cnn

_CONTENT = write(random_cnn(0, layers=3).with_(metadata=(("m", b"x" * 20),)))
_TABLES = 1500  # the part of the file that is not weights comes first


def attempt(content: bytes) -> None:
    with contextlib.suppress(LoadError):
        verify(read(content))


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x00" * 100, b"\x1c\x00\x00\x00TFL3", b"\xff\xff\xff\xffTFL3" * 9]
)
def test_not_a_model(content: bytes) -> None:
    with pytest.raises(LoadError) as info:
        read(content)
    assert info.value.message.endswith(".")
    assert "\n" not in info.value.message


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(_CONTENT) - 1))
def test_truncated(length: int) -> None:
    attempt(_CONTENT[:length])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, _TABLES), st.integers(0, 7)), min_size=1, max_size=6))
def test_flipped_bits(flips: list[tuple[int, int]]) -> None:
    content = bytearray(_CONTENT)
    for position, bit in flips:
        content[position] ^= 1 << bit
    attempt(bytes(content))


@settings(max_examples=150, deadline=None)
@given(st.integers(8, len(_CONTENT) - 4), st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
def test_overwritten_words(position: int, word: int) -> None:
    content = bytearray(_CONTENT)
    content[position : position + 4] = word.to_bytes(4, "little")
    attempt(bytes(content))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=8, max_size=400))
def test_random_bytes(noise: bytes) -> None:
    attempt(noise[:4] + b"TFL3" + noise[8:])


@pytest.mark.parametrize("name", ["lstm", "two_signatures"])
def test_flipped_bits_in_files_with_several_graphs(name: str) -> None:
    content = converted(name)
    random = np.random.default_rng(0)
    for position in random.integers(8, len(content), 150):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(random.integers(8))
        attempt(bytes(damaged))
