"""Ranges that clip hold zero and nearly all values; what follows from a range follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.quantize import calibrate
from litesmith.quantize.clip import gains, percentiles, typical
from litesmith.quantize.ranges import Ranges, narrowed, watched
from tests.support.graphs import draw, examples, random_cnn, tensor


def test_only_rare_values_are_clipped() -> None:
    x, y = tensor("x", (1, 9)), tensor("y", (1, 9))
    tail = np.maximum(np.random.default_rng(0).standard_t(4, 50_000), 0)
    values = {x: tail, y: np.linspace(-1, 1, 4000)}
    low = {t: float(v.min()) for t, v in values.items()}
    high = {t: float(v.max()) for t, v in values.items()}
    found = percentiles(Ranges(low, high, 1), values, 99.9)
    assert set(found) == {x}
    assert found[x] == (0.0, pytest.approx(np.percentile(tail, 99.9)))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), shift=st.floats(-20, 20), percent=st.floats(90, 100))
def test_ranges_shrink_and_hold_zero(seed: int, shift: float, percent: float) -> None:
    x = tensor("x", (1, 9))
    values = np.random.default_rng(seed).standard_t(2, 500) + shift
    low, high = float(values.min()), float(values.max())
    found = percentiles(Ranges({x: low}, {x: high}, 1), {x: values}, percent)
    for a, b in found.values():
        assert min(low, 0) <= a <= 0 <= b <= max(high, 0)
        assert b - a < max(high, 0) - min(low, 0)
        beyond = np.mean((values < a) | (values > b))
        assert beyond <= 2 * (1 - percent / 100) + 2 / 500


def test_a_few_loud_examples_are_clipped() -> None:
    x, y = tensor("x", (1, 9)), tensor("y", (1, 9))
    high = np.r_[np.linspace(1, 2, 96), 8.0, 9.0, 10.0, 20.0]
    low = -np.linspace(1, 1.01, 100)
    ranges = Ranges({x: float(low.min()), y: 0.0}, {x: 20.0, y: 20.0}, 100)
    found = typical(ranges, {x: (low, high), y: (0 * low, high)}, 0.95)
    assert found[x] == (pytest.approx(-1.01, abs=1e-3), pytest.approx(np.quantile(high, 0.95)))
    assert found[y][0] == 0 and found[y][1] < 3
    assert gains(ranges, found) == [y, x]


def test_each_example_tells_its_extremes() -> None:
    graph = random_cnn(2)
    ranges = calibrate(graph, examples(graph, draw(graph, 6)))
    for t, (low, high) in ranges.look.ends.items():
        assert len(low) == len(high) == 6
        assert min(low.min(), 0) == min(ranges.of(t)[0], 0)
        assert max(high.max(), 0) == max(ranges.of(t)[1], 0)


def test_sampled_values_come_from_the_tensors() -> None:
    graph = random_cnn(2)
    arrays = draw(graph, 6)
    ranges = calibrate(graph, examples(graph, arrays))
    values = ranges.look.values
    assert set(values) == set(watched(graph))
    for t, some in values.items():
        low, high = ranges.of(t)
        assert low <= some.min() and some.max() <= high
        assert len(some) == 6 * min(512, int(np.prod(t.shape)))


def test_what_follows_from_a_range_follows() -> None:
    graph = random_cnn(2)
    ranges = calibrate(graph, examples(graph, count=4))
    chosen = {t: (0.0, 0.5) for t in watched(graph)}
    found = narrowed(graph, ranges, chosen)
    for t in ranges.low:
        assert found.of(t) == (0.0, 0.5)
    assert ranges.of(graph.inputs[0]) != (0.0, 0.5)
