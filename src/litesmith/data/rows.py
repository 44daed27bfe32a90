"""Blocks of raw examples: choosing rows from them and cutting them into batches of one size."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from litesmith.data.specs import Array

Block = tuple[Array, ...]
"""Raw values of some examples: one array per model input, all with the same leading length."""

Rows = range | npt.NDArray[np.int64]
"""Positions of the chosen examples, ascending; a range has step 1."""

ENDLESS = range(sys.maxsize)
BLOCK_BYTES = 1 << 20
_GOLDEN = (math.sqrt(5) - 1) / 2


class Reader(Protocol):
    """A place that examples come from; every call of `blocks` is a new pass over it."""

    @property
    def size(self) -> int | None:
        """Number of examples, or None when only a whole pass would tell."""

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield the chosen examples in order, in blocks of any length."""


def pick(blocks: Iterable[Block], rows: Rows) -> Iterator[Block]:
    """Yield only the chosen rows of blocks that hold all of them; stop reading after the last."""
    if not len(rows):
        return
    start, end = 0, int(rows[-1]) + 1
    for block in blocks:
        stop = start + len(block[0])
        chosen = _within(rows, start, stop)
        picked = tuple(values[chosen] for values in block)
        if len(picked[0]):
            yield picked
        start = stop
        if start >= end:
            return


def _within(rows: Rows, start: int, stop: int) -> slice | Array:
    if isinstance(rows, range):
        return slice(max(rows.start - start, 0), max(min(rows.stop, stop) - start, 0))
    low, high = np.searchsorted(rows, [start, stop])
    return rows[low:high] - start


def spread(size: int, count: int) -> Rows:
    """Return `count` positions evenly spread over `size` examples.

    One position from each of `count` equal stretches; the place inside the stretch moves on by the
    golden ratio, so that data whose classes repeat with a period is not sampled in step with it.
    """
    if count >= size:
        return range(size)
    i = np.arange(count, dtype=np.int64)
    low, high = i * size // count, (i + 1) * size // count
    return low + np.floor((i * _GOLDEN % 1.0) * (high - low)).astype(np.int64)


def rebatch(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """Cut blocks into batches of `size` examples.

    The last batch is smaller, and so is the one before a change of example shape.
    """
    pieces: list[Block] = []
    held = 0
    for block in blocks:
        if pieces and any(
            a.shape[1:] != b.shape[1:] for a, b in zip(pieces[0], block, strict=True)
        ):
            yield _join(pieces)
            pieces, held = [], 0
        start, count = 0, len(block[0])
        while start < count:
            piece = tuple(values[start : start + size - held] for values in block)
            pieces.append(piece)
            start += len(piece[0])
            held += len(piece[0])
            if held == size:
                yield _join(pieces)
                pieces, held = [], 0
    if pieces:
        yield _join(pieces)


def _join(pieces: list[Block]) -> Block:
    if len(pieces) == 1:
        return pieces[0]
    return tuple(np.concatenate(parts) for parts in zip(*pieces, strict=True))


def rows_per_block(row_bytes: int) -> int:
    """Return how many examples of `row_bytes` each make a block of about 1 MiB (at least one)."""
    return max(1, BLOCK_BYTES // max(row_bytes, 1))
