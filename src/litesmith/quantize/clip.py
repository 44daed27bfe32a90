"""Ranges narrower than min to max: clipping the rare ends makes the steps of all others finer.

They end where few values, of a sample of them, lie beyond, or where few examples reach: an example
of a hundred may be louder or brighter than all others. Whether such ranges serve is for `tune` to
try on the whole network; the squared error of the tensor itself does not tell: at 8 bits it was
least at min and max in every tensor of nine networks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from litesmith.graph import Array, Tensor
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.second_look import Ends

_RATIO = 0.95  # of the span that must go for it to be worth anything

Range = tuple[float, float]


def percentiles(
    ranges: Ranges,
    values: Mapping[Tensor, Array],
    percent: float,
) -> dict[Tensor, Range]:
    """Return tensor → the range that clips what is rarer than `percent` at either end.

    Args:
        ranges: from `calibrate`.
        values: some values of each tensor.
        percent: of the values that a range holds above its low and below its high end.
    """
    part = (100 - percent) / 100
    ends = {t: (np.quantile(some, part), np.quantile(some, 1 - part)) for t, some in values.items()}
    return _narrower(ranges, ends)


def typical(ranges: Ranges, ends: Mapping[Tensor, Ends], part: float) -> dict[Tensor, Range]:
    """Return tensor → the range that so many of the examples stay within, at either end.

    Args:
        ranges: from `calibrate`.
        ends: tensor → the lowest and highest value of each example.
        part: of the examples, 0 to 1.
    """
    found = {
        t: (np.quantile(low, 1 - part), np.quantile(high, part)) for t, (low, high) in ends.items()
    }
    return _narrower(ranges, found)


def _narrower(ranges: Ranges, ends: Mapping[Tensor, tuple[float, float]]) -> dict[Tensor, Range]:
    """Return those ends that make a difference, 0 within them."""
    found = {}
    for tensor, (a, b) in ends.items():
        low, high = ranges.of(tensor)
        best = (min(max(float(a), low), 0.0), max(min(float(b), high), 0.0))
        span = max(high, 0.0) - min(low, 0.0)
        if 0 < best[1] - best[0] < _RATIO * span:
            found[tensor] = best
    return found


def gains(ranges: Ranges, clip: Mapping[Tensor, Range]) -> list[Tensor]:
    """Return the tensors of a clip, those first whose steps it makes finest."""

    def part(tensor: Tensor) -> float:
        low, high = ranges.of(tensor)
        return (clip[tensor][1] - clip[tensor][0]) / (max(high, 0.0) - min(low, 0.0))

    return sorted(clip, key=part)
