"""Codes and tables: what is packed comes back, in as few bytes as said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.quantize.pack_codes import CODES, Code, Plane, code_of

_BITS = {"1 bit": 1.0, "three values": 1.6, "3 bits": 3.0}
codes = pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)


def unpacked(code: Code, weights: np.ndarray) -> np.ndarray:
    """Undo the codes digit by digit, without tables."""
    found = np.zeros(weights.size, np.int8)
    for plane, part in zip(code.planes, code.parts(weights), strict=True):
        base = len(plane.values)
        for place, byte in enumerate(plane.codes(part).tolist()):
            for digit in range(plane.digits):
                i = place * plane.digits + digit
                if i < found.size:
                    found[i] ^= plane.values[byte // base**digit % base]
    return found


@codes
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_what_is_packed_comes_back(code: Code, data: st.DataObject) -> None:
    values = sorted(code.values)
    weights = np.array(data.draw(st.lists(st.sampled_from(values), max_size=70)), np.int8)
    for form in (code, code.fitted(weights.size)):
        assert np.array_equal(unpacked(form, weights), weights)
        for plane, part in zip(form.planes, form.parts(weights), strict=True):
            rows = plane.table[plane.codes(part)].reshape(-1)
            assert np.array_equal(rows[: part.size], part)


@codes
@pytest.mark.parametrize("count", [0, 1, 7, 8, 1000, 20_000, 1_000_000])
def test_sizes(code: Code, count: int) -> None:
    fitted = code.fitted(count)
    parts = code.parts(np.full(count, max(code.values), np.int8))
    stored = [p.codes(part).nbytes for p, part in zip(fitted.planes, parts, strict=True)]
    tables = [plane.table.nbytes for plane in fitted.planes]
    assert fitted.size(count) == sum(stored) + sum(tables) <= code.size(count)
    if count > 100_000:
        assert fitted == code
        assert sum(stored) * 8 / count == pytest.approx(_BITS[code.name], rel=1e-4)


def test_every_byte_has_a_row() -> None:
    for code in CODES:
        for plane in code.planes:
            assert plane.table.shape == (len(plane.values) ** plane.digits, plane.digits)
            assert len(plane.table) <= 256


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ([1, -1, -1], "1 bit"),
        ([1, 1], "1 bit"),
        ([0, 1], "three values"),
        ([0, 0], "three values"),
        ([-1, 2], "3 bits"),
        ([-4, 3], "3 bits"),
        ([4], None),
        ([-7, 7], None),
    ],
)
def test_the_smallest_code_that_can(weights: list[int], name: str | None) -> None:
    code = code_of(np.array(weights, np.int8))
    assert (code and code.name) == name


def test_digits_in_any_order_of_values() -> None:
    plane = Plane((2, -1, 0), 3)
    part = np.array([0, 2, -1, -1], np.int8)
    assert np.array_equal(plane.table[plane.codes(part)].reshape(-1)[:4], part)
