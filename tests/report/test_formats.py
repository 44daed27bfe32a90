from __future__ import annotations

import pytest

from litesmith.report import formats as fmt


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "–"), (0, "0 B"), (9_999, "9,999 B"), (58_080, "58.1 kB"), (13_900_000, "13.90 MB")],
)
def test_size(count, text):
    assert fmt.size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0.00123, "1.23 µs"), (0.0617, "0.062 ms"), (6.7, "6.70 ms"),
        (146.2, "146 ms"),
    ],
)  # fmt: skip
def test_milliseconds(value, text):
    assert fmt.milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0"), (1.2e-7, "1.2e-07"), (0.0039, "0.0039"), (12.0, "12")],
)
def test_small(value, text):
    assert fmt.small(value) == text


def test_times_of_nothing_is_a_dash():
    assert fmt.times(4.0, 2.0) == "2.00×"
    assert fmt.times(None, 2.0) == fmt.times(1.0, 0.0) == "–"


def test_percent_and_decimal():
    assert fmt.percent(0.9832, 2) == "98.32 %"
    assert fmt.percent(None) == fmt.decimal(None, 1) == "–"
    assert fmt.decimal(49.32, 1, " dB") == "49.3 dB"
