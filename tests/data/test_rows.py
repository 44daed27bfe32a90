from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from litesmith.data.rows import pick, rebatch, spread

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def blocks(lengths: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    start = 0
    for length in lengths:
        values = np.arange(start, start + length)
        yield values, values * 10
        start += length


@given(lengths, st.data())
def test_pick_is_indexing_of_the_whole(lengths: list[int], data: st.DataObject) -> None:
    total = sum(lengths)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, total - 1)))), np.int64)
    found = [block[1] for block in pick(blocks(lengths), rows)]
    assert [v for part in found for v in part] == list(rows * 10)
    start = data.draw(st.integers(0, total))
    stop = data.draw(st.integers(start, total))
    found = [block[0] for block in pick(blocks(lengths), range(start, stop))]
    assert [v for part in found for v in part] == list(range(start, stop))


def test_pick_reads_no_further_than_the_last_row() -> None:
    def endless() -> Iterator[tuple[np.ndarray]]:
        yield (np.arange(4),)
        raise AssertionError("read too far")

    assert [list(b[0]) for b in pick(endless(), range(1, 4))] == [[1, 2, 3]]
    assert list(pick(endless(), range(0))) == []


def test_pick_passes_a_whole_stream() -> None:
    assert sum(len(b[0]) for b in pick(blocks([3, 4]), range(sys.maxsize))) == 7


@given(lengths, st.integers(1, 12))
def test_rebatch_keeps_order_and_fills_every_batch_but_the_last(
    lengths: list[int], size: int
) -> None:
    batches = list(rebatch(blocks(lengths), size))
    assert np.array_equal(np.concatenate([b[0] for b in batches]), np.arange(sum(lengths)))
    assert all(len(b[0]) == size for b in batches[:-1])
    assert all(np.array_equal(a * 10, b) for a, b in batches)


def test_rebatch_splits_where_the_shape_changes() -> None:
    parts = [(np.zeros((3, 2)),), (np.zeros((1, 4)),), (np.zeros((2, 4)),)]
    assert [b[0].shape for b in rebatch(iter(parts), 8)] == [(3, 2), (3, 4)]


@given(st.integers(1, 3000), st.integers(1, 400))
def test_spread_takes_one_position_of_each_stretch(size: int, count: int) -> None:
    rows = np.array(spread(size, count))
    assert len(rows) == min(size, count)
    i = np.arange(len(rows))
    assert ((i * size // len(rows) <= rows) & (rows < (i + 1) * size // len(rows))).all()


def test_spread_is_not_in_step_with_periodic_classes() -> None:
    classes = np.array(spread(5000, 200)) % 10
    assert set(classes) == set(range(10))
