"""A second pass over a few of the examples: what min and max do not tell.

Some values of every tensor, for its rare ends, and the mean of each column of what linear ops read.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from litesmith.graph import Array, Graph, Op, Tensor, write
from litesmith.graph.facts import facts
from litesmith.quantize.seen import Example, reduced
from litesmith.runtime import Session

_VALUES = 512  # of a tensor, taken from each example
_FEWEST = 24  # examples of a pass
_PASSES = 8  # that there will be, about
# All of them together run this part of the examples that the calibration did, or as many as this
# many multiply-accumulates allow, a tenth of a second.
_PART = 0.5
_MACS = 5e9


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        values: tensor → float32[n], some of its values from all examples.
        means: tensor → float64[last axis].
    """

    values: Mapping[Tensor, Array] = field(default_factory=lambda: MappingProxyType({}))
    means: Mapping[Tensor, Array] = field(default_factory=lambda: MappingProxyType({}))

    def without(self, tensors: Collection[Tensor]) -> Look:
        """Return what was seen of other tensors."""
        values = {t: v for t, v in self.values.items() if t not in tensors}
        return Look(values, {t: m for t, m in self.means.items() if t not in tensors})


def runs(graph: Graph, examples: int) -> int:
    """Return how many examples may be run in all after a calibration on so many."""
    return int(max(_PART * examples, _MACS / max(multiplications(graph.ops), 1)))


def few(graph: Graph, examples: int) -> int:
    """Return how many examples one pass or trial runs."""
    return max(runs(graph, examples) // _PASSES, _FEWEST)


def multiplications(ops: Sequence[Op]) -> int:
    """Return the multiply-accumulates of linear ops."""
    total = 0
    for op in ops:
        row = facts(op)
        weights = op.input(row.weights.index) if row is not None and row.weights else None
        if row is not None and row.weights is not None and weights is not None:
            shape = op.outputs[0].shape
            each = math.prod(weights.shape) // max(weights.shape[row.weights.axis], 1)
            total += math.prod(shape) * each
    return total


def look(graph: Graph, tensors: Sequence[Tensor], sample: Sequence[Example]) -> Look:
    """Return what some tensors hold in some examples.

    Args:
        graph: float graph.
        tensors: float ones of it, of which values are wanted.
        sample: examples, one array (*example_shape) per input.
    """
    read = dict.fromkeys(t for op in graph.ops if (t := _operand(op)) is not None)
    outputs = tuple(dict.fromkeys((*tensors, *read)))
    session = Session(write(graph.with_(outputs=outputs, signatures=(), siblings=())))
    rows: list[list[Array]] = [[] for _ in outputs]
    sums: list[Array] = [np.zeros(1) for _ in outputs]
    for example in sample:
        _observe(session, example, rows, sums)
    found = {t: np.concatenate(r) for t, r in zip(outputs, rows, strict=True) if r}
    means = {t: total / len(sample) for t, total in zip(outputs, sums, strict=True) if t in read}
    return Look({t: found[t] for t in tensors if t in found}, means)


def _operand(op: Op) -> Tensor | None:
    """Return what a linear op multiplies its weights by."""
    row = facts(op)
    tensor = op.inputs[row.activations[0]] if row is not None and row.weights else None
    fits = tensor is not None and tensor.dtype.is_float and not tensor.is_dynamic
    return tensor if fits and tensor is not None and not tensor.is_constant else None


def _observe(
    session: Session, example: Example, rows: list[list[Array]], sums: list[Array]
) -> None:
    # A function of its own: a view that outlives it would keep the interpreter from running.
    session.reset()
    batch = [values[np.newaxis] for values in example]
    session.feed(next(iter(session.invocations(batch))))
    session.invoke()
    for i, view in enumerate(session.views()):
        flat = view.reshape(-1)
        rows[i].append(flat[_places(flat.size)].astype(np.float32))
        if view.ndim and view.size:
            sums[i] = sums[i] + reduced(view, np.add) / (view.size // view.shape[-1])


def _places(size: int) -> slice | Array:
    if size <= _VALUES:
        return slice(None)
    # Evenly spread, but in no step with rows and channels.
    return (np.arange(_VALUES) * size // _VALUES + np.arange(_VALUES) * 7) % size
