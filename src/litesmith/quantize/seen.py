"""What is kept of the examples themselves: statistics per column of the inputs, and a sample.

The sample holds the examples whose content hashes lowest: it depends neither on the order of the
examples nor on anything random, and its size not on their number.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array

SAMPLE = 256  # examples kept
_SAMPLE_BYTES = 2**26  # … and bytes, at most
_HASHED = 4096  # values of an example that its hash looks at

Example = tuple[Array, ...]


@dataclass(frozen=True)
class Columns:
    """What the columns (last axis) of one input were seen to hold.

    Attributes:
        mean, low, high: float64[last axis], or float64[1] where that is of no fixed size.
    """

    mean: Array
    low: Array
    high: Array

    def scaled(self, scale: float | Array, offset: float | Array) -> Columns:
        """Return what columns of scale · x + offset hold, scale > 0."""
        low, high = self.low * scale + offset, self.high * scale + offset
        return Columns(self.mean * scale + offset, low, high)


class ColumnStatistics:
    """Running mean and extremes along the last axis of an input."""

    def __init__(self) -> None:
        self._sum: Array = np.zeros(1)
        self._low: Array = np.full(1, np.inf)
        self._high: Array = np.full(1, -np.inf)
        self._count = 0

    def add(self, batch: Array) -> None:
        """Take in a batch (k, *example_shape)."""
        if not batch.size:
            return
        rows = batch if batch.ndim > 1 else batch[:, np.newaxis]
        low, high = (reduced(rows, by).astype(np.float64) for by in (np.minimum, np.maximum))
        mean = reduced(rows, np.add) / (rows.size // rows.shape[-1])
        if self._count and mean.size != self._sum.size:
            mean, self._sum = mean.mean(keepdims=True), self._sum.mean(keepdims=True)
            low, self._low = low.min(keepdims=True), self._low.min(keepdims=True)
            high, self._high = high.max(keepdims=True), self._high.max(keepdims=True)
        self._sum = self._sum + mean * len(batch)
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        self._count += len(batch)

    def result(self) -> Columns:
        """Return what all batches held, each example counting the same."""
        return Columns(self._sum / max(self._count, 1), self._low, self._high)


def reduced(rows: Array, by: np.ufunc) -> Array:
    """Reduce all axes but the last: one after the other, so that inner loops are long."""
    while rows.ndim > 1:
        rows = by.reduce(rows, axis=0, dtype=np.float64 if by is np.add else None)
    return rows


class Sampler:
    """Keeps the examples whose content hashes lowest.

    Args:
        count: how many.
    """

    def __init__(self, count: int = SAMPLE) -> None:
        self._count = count
        self._kept: list[tuple[int, int, Example]] = []
        self._seen = 0

    def add(self, batch: Sequence[Array]) -> None:
        """Take in a batch: per input (k, *example_shape)."""
        for row in range(len(batch[0])):
            example = tuple(values[row] for values in batch)
            self._add(_hash(example), example)

    def _add(self, key: int, example: Example) -> None:
        self._seen += 1
        if len(self._kept) >= self._count and -key <= self._kept[0][0]:
            return
        size = max(sum(values.nbytes for values in example), 1)
        copy = tuple(np.array(values) for values in example)
        heapq.heappush(self._kept, (-key, -self._seen, copy))
        while len(self._kept) > min(self._count, max(_SAMPLE_BYTES // size, 1)):
            heapq.heappop(self._kept)

    def result(self) -> tuple[Example, ...]:
        """Return the examples kept, in the order of their hashes."""
        return tuple(example for *_, example in sorted(self._kept, reverse=True))


def _hash(example: Example) -> int:
    key = 0
    for values in example:
        flat = values.reshape(-1)
        some = flat[:: max(flat.size // _HASHED, 1)]
        key = zlib.crc32(np.ascontiguousarray(some).tobytes(), key)
    return key
