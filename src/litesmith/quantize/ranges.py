"""Min and max of every float tensor over representative examples, by the runtime itself.

Every intermediate tensor is promoted to a graph output, so one interpreter sees them all; the
cost stays near that of bare inference and the memory does not depend on the number of examples.
Min and max do not depend on the examples' order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from litesmith.data import Examples
from litesmith.errors import InputError
from litesmith.graph import DType, Graph, Tensor, write
from litesmith.graph.step import Progress, silent
from litesmith.runtime import Session

_CHUNK = 16  # examples fetched from the source at a time


@dataclass(frozen=True)
class Ranges:
    """Observed ranges.

    Attributes:
        low, high: extreme values per float tensor of the main graph.
        examples: how many examples they come from.
    """

    low: Mapping[Tensor, float]
    high: Mapping[Tensor, float]
    examples: int

    def of(self, tensor: Tensor) -> tuple[float, float]:
        """Return (low, high) of a tensor; a constant's come from its value.

        Raises:
            KeyError: the tensor was not observed.
        """
        if tensor.data is not None:
            values = tensor.data
            return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        return self.low[tensor], self.high[tensor]


def calibrate(graph: Graph, data: Examples, progress: Progress = silent) -> Ranges:
    """Return the ranges of all float tensors of the main graph.

    Args:
        graph: float graph.
        data: representative examples, all of which are used.
        progress: told the fraction done.

    Raises:
        InputError: there are no examples, or the model answers one with NaN or infinity.
    """
    watched = _watched(graph)
    session = Session(write(graph.with_(outputs=watched, signatures=(), siblings=())))
    low = np.full(len(watched), np.inf)
    high = np.full(len(watched), -np.inf)
    seen = 0
    for batch in data.batches(_CHUNK):
        for i in range(len(batch[0])):
            _observe(session, [x[i] for x in batch], low, high)
            if not np.isfinite(low + high).all():
                _not_finite(watched, low + high, seen)
            seen += 1
        progress(seen / data.size if data.size else 0.0)
    if not seen:
        raise InputError("The representative data holds no examples.", "Pass at least one.")
    return Ranges(
        dict(zip(watched, low.tolist(), strict=True)),
        dict(zip(watched, high.tolist(), strict=True)),
        seen,
    )


def _watched(graph: Graph) -> tuple[Tensor, ...]:
    return tuple(
        t
        for t in graph.tensors()
        if t.dtype is DType.FLOAT32 and not t.is_constant and not t.is_variable
    )


def _observe(
    session: Session, example: list[np.ndarray], low: np.ndarray, high: np.ndarray
) -> None:
    session.reset()
    session.feed(example)
    session.invoke()
    for j, view in enumerate(session.views()):
        if view.size:
            low[j] = min(low[j], view.min())
            high[j] = max(high[j], view.max())


def _not_finite(watched: tuple[Tensor, ...], sums: np.ndarray, example: int) -> None:
    bad = watched[int(np.argmin(np.isfinite(sums)))]
    raise InputError(
        f"The model computes NaN or infinity at '{bad.name}' for example {example}.",
        "Check the example's values and --preprocess.",
    )
