"""Ranges narrower than min to max: clipping the rare ends makes the steps of all others finer.

The expected squared error of a range [a, b] of 8 bits is that of what it clips plus step²/12 for
the rest, but for exact zeros, which have a code of their own (Banner et al., "Post training 4-bit
quantization of convolutional networks for rapid-deployment", 2019). It is evaluated on a sample of
each tensor's values; whether a range serves is for `tune` to try on the whole network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from litesmith.graph import Array, Graph, Tensor, write
from litesmith.quantize.ranges import Ranges, watched
from litesmith.quantize.seen import Example
from litesmith.runtime import Session

_VALUES = 512  # of a tensor, taken from each example
_STEPS = 255
_PARTS = np.geomspace(1.0, 0.05, 48)  # of min and max that are tried as ends
_WORTH = 0.8  # … when they leave less of the error than this
_RATIO = 0.95

Range = tuple[float, float]


def sampled_values(graph: Graph, sample: Sequence[Example]) -> dict[Tensor, Array]:
    """Return observed tensor → float32[n] values at regular places of every example.

    Args:
        graph: float graph.
        sample: examples, one array (*example_shape) per input.
    """
    tensors = watched(graph)
    session = Session(write(graph.with_(outputs=tensors, signatures=(), siblings=())))
    rows: list[list[Array]] = [[] for _ in tensors]
    for example in sample:
        _observe(session, example, rows)
    return {t: np.concatenate(found) for t, found in zip(tensors, rows, strict=True)}


def _observe(session: Session, example: Example, rows: list[list[Array]]) -> None:
    # A function of its own: a view that outlives it would keep the interpreter from running.
    session.reset()
    batch = [values[np.newaxis] for values in example]
    session.feed(next(iter(session.invocations(batch))))
    session.invoke()
    for found, view in zip(rows, session.views(), strict=True):
        flat = view.reshape(-1)
        found.append(flat[_places(flat.size)].astype(np.float32))


def _places(size: int) -> slice | Array:
    if size <= _VALUES:
        return slice(None)
    # Evenly spread, but in no step with rows and channels.
    return (np.arange(_VALUES) * size // _VALUES + np.arange(_VALUES) * 7) % size


def narrower(ranges: Ranges, values: Mapping[Tensor, Array]) -> dict[Tensor, Range]:
    """Return tensor → the range of least squared error, where that is worth having.

    Args:
        ranges: from `calibrate`.
        values: from `sampled_values`.
    """
    found = {}
    for tensor, some in values.items():
        low, high = ranges.of(tensor)
        best = least_error(some, low, high)
        if best[1] - best[0] < _RATIO * (high - low):
            found[tensor] = best
    return found


def percentiles(
    ranges: Ranges, values: Mapping[Tensor, Array], percent: float
) -> dict[Tensor, Range]:
    """Return tensor → the range that clips what is rarer than `percent` at either end."""
    found = {}
    for tensor, some in values.items():
        low, high = ranges.of(tensor)
        a, b = (float(v) for v in np.percentile(some, (100 - percent, percent)))
        best = (min(max(a, low), 0.0), max(min(b, high), 0.0))
        span = max(high, 0.0) - min(low, 0.0)
        if 0 < best[1] - best[0] < _RATIO * span:
            found[tensor] = best
    return found


def least_error(values: Array, low: float, high: float) -> Range:
    """Return the range of 8 bits within [low, high], and 0, with the least squared error.

    Args:
        values: float[n], a sample.
        low: the least value of all.
        high: the largest of all.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    ends = np.sort(np.concatenate([values, [low, high]]).astype(np.float64))
    parts = _PARTS
    below = _clipped(-ends[::-1], -low * parts)
    above = _clipped(ends, high * parts)
    rounded = np.count_nonzero(ends) / 12 / _STEPS**2
    span = high * parts[None, :] - low * parts[:, None]
    error = below[:, None] + above[None, :] + rounded * np.square(span)
    i, j = np.unravel_index(int(np.argmin(error)), error.shape)
    if not error[i, j] < _WORTH * error[0, 0]:
        return low, high
    return float(low * parts[i]), float(high * parts[j])


def _clipped(ends: Array, tops: Array) -> Array:
    """Return, per top, the sum of (value − top)² over the values above it; `ends` ascends."""
    first = np.searchsorted(ends, tops, side="right")
    one = np.concatenate([[0.0], np.cumsum(ends[::-1])])[::-1]
    two = np.concatenate([[0.0], np.cumsum(np.square(ends[::-1]))])[::-1]
    count = len(ends) - first
    found: Array = two[first] - 2 * tops * one[first] + count * np.square(tops)
    return np.maximum(found, 0.0)
