"""Ranges narrower than min to max: clipping the rare ends makes the steps of all others finer.

They end where a part of a tensor's values, a sample of them, lies beyond. Whether such ranges serve
is for `tune` to try on the whole network; the squared error of the tensor itself does not tell: at
8 bits it was least at min and max in every tensor of nine networks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from litesmith.graph import Array, Tensor
from litesmith.quantize.ranges import Ranges

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
    found = {}
    for tensor, some in values.items():
        low, high = ranges.of(tensor)
        a, b = (float(v) for v in np.percentile(some, (100 - percent, percent)))
        best = (min(max(a, low), 0.0), max(min(b, high), 0.0))
        span = max(high, 0.0) - min(low, 0.0)
        if 0 < best[1] - best[0] < _RATIO * span:
            found[tensor] = best
    return found
