"""What is kept of the examples depends neither on their order nor on how they are batched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.quantize.seen import ColumnStatistics, Sampler


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=0, max_size=3),
    count=st.integers(1, 30),
    step=st.integers(1, 11),
    seed=st.integers(0, 99),
)
def test_columns_are_those_of_numpy(shape: list[int], count: int, step: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(5, 3, (count, *shape)).astype(np.float32)
    statistics = ColumnStatistics()
    for start in range(0, count, step):
        statistics.add(values[start : start + step])
    found = statistics.result()
    rows = values.reshape(-1, shape[-1] if shape else 1)
    assert found.mean == pytest.approx(rows.mean(0, dtype=np.float64), rel=1e-6)
    assert (found.low == rows.min(0)).all()
    assert (found.high == rows.max(0)).all()


def test_columns_of_changing_number_are_one() -> None:
    statistics = ColumnStatistics()
    statistics.add(np.asarray([[[1.0, 5.0]]], np.float32))
    statistics.add(np.asarray([[[-2.0, 0.0, 8.0]]], np.float32))
    statistics.add(np.zeros((0, 1, 3), np.float32))
    found = statistics.result()
    assert (found.mean.size, found.low[0], found.high[0]) == (1, -2.0, 8.0)


def test_scaled_columns() -> None:
    statistics = ColumnStatistics()
    statistics.add(np.asarray([[1.0, -4.0], [3.0, 4.0]], np.float32))
    found = statistics.result().scaled(2.0, 1.0)
    assert found.low.tolist() == [3.0, -7.0]
    assert found.high.tolist() == [7.0, 9.0]
    assert found.mean.tolist() == [5.0, 1.0]


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 60),
    keep=st.integers(1, 20),
    step=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_a_sample_depends_on_no_order(count: int, keep: int, step: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(count, 3)), rng.integers(0, 9, (count, 2))

    def sample(order: np.ndarray) -> list[tuple[bytes, ...]]:
        sampler = Sampler(keep)
        for start in range(0, count, step):
            rows = order[start : start + step]
            sampler.add([x[rows], y[rows]])
        return [tuple(v.tobytes() for v in example) for example in sampler.result()]

    first = sample(np.arange(count))
    assert len(first) == min(count, keep)
    assert sample(rng.permutation(count)) == first


def test_large_examples_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litesmith.quantize.seen._SAMPLE_BYTES", 1000)
    sampler = Sampler(50)
    sampler.add([np.random.default_rng(0).normal(size=(30, 50))])  # of 400 bytes
    assert len(sampler.result()) == 2
