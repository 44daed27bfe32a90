"""Ranges narrower than min to max: clipping the rare ends makes the steps of all others finer.

They end where a part of a tensor's values, a sample of them, lies beyond. Whether such ranges serve
is for `tune` to try on the whole network; the squared error of the tensor itself does not tell: at
8 bits it was least at min and max in every tensor of nine networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from litesmith.graph import Array, Graph, Tensor, write
from litesmith.quantize.ranges import Ranges, watched
from litesmith.quantize.seen import Example
from litesmith.runtime import Session

_VALUES = 512  # of a tensor, taken from each example
_RATIO = 0.95  # of the span that must go for it to be worth anything

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


def percentiles(
    ranges: Ranges,
    values: Mapping[Tensor, Array],
    percent: float,
) -> dict[Tensor, Range]:
    """Return tensor → the range that clips what is rarer than `percent` at either end.

    Args:
        ranges: from `calibrate`.
        values: from `sampled_values`.
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
