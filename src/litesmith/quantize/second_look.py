"""A second pass over a few of the examples: what min and max do not tell.

Some values of every tensor and the extremes of each example, for its rare ends, and the mean of
each column of what linear ops read.
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
_ROWS = 128  # summed at once
_FEWEST = 24  # examples of a pass
_PASSES = 16  # that there will be, about
# All of them together run this part of the examples that the calibration did, or as many as this
# many multiply-accumulates allow, a fifth of a second.
_PART = 0.5
_MACS = 1e10


Ends = tuple[Array, Array]  # low, high


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        values: tensor → float32[n], some of its values from all examples.
        means: tensor → float64[last axis].
        ends: tensor → the lowest and the highest value of each example, float64[examples] each.
    """

    values: Mapping[Tensor, Array] = field(default_factory=lambda: MappingProxyType({}))
    means: Mapping[Tensor, Array] = field(default_factory=lambda: MappingProxyType({}))
    ends: Mapping[Tensor, Ends] = field(default_factory=lambda: MappingProxyType({}))

    def without(self, tensors: Collection[Tensor]) -> Look:
        """Return what was seen of other tensors."""
        values = {t: v for t, v in self.values.items() if t not in tensors}
        means = {t: m for t, m in self.means.items() if t not in tensors}
        return Look(values, means, {t: e for t, e in self.ends.items() if t not in tensors})


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


def read_by_linear(graph: Graph) -> tuple[Tensor, ...]:
    """Return the tensors that linear ops multiply their weights by."""
    return tuple(dict.fromkeys(t for op in graph.ops if (t := _operand(op)) is not None))


def look(
    session: Session,
    outputs: Sequence[Tensor],
    wanted: Collection[Tensor],
    read: Collection[Tensor],
    sample: Sequence[Example],
) -> Look:
    """Return what some tensors hold in some examples.

    Args:
        session: of a float graph.
        outputs: what its outputs are.
        wanted: of them, those whose values are.
        read: of them, those whose means are, see `read_by_linear`.
        sample: examples, one array (*example_shape) per input.
    """
    if not sample:
        return Look()
    found = {t: _Seen(t in wanted, t in read) for t in outputs}
    for example in sample:
        _observe(session, example, found)
    return Look(
        {t: np.concatenate(found[t].rows) for t in outputs if t in wanted},
        {t: found[t].sums / len(sample) for t in outputs if t in read},
        {t: found[t].ends for t in outputs if t in wanted},
    )


def channel_ends(
    graph: Graph, tensors: Sequence[Tensor], sample: Sequence[Example]
) -> dict[Tensor, Ends]:
    """Return tensor → the lowest and highest values of its columns, float32[last axis] each.

    Args:
        graph: float graph.
        tensors: float ones of it, of static shape.
        sample: examples, one array (*example_shape) per input.
    """
    session = Session(write(graph.with_(outputs=tuple(tensors), signatures=(), siblings=())))
    low = [np.full(t.shape[-1], np.inf, np.float32) for t in tensors]
    high = [np.full(t.shape[-1], -np.inf, np.float32) for t in tensors]
    for example in sample:
        _widen(session, example, low, high)
    return {t: (a, b) for t, a, b in zip(tensors, low, high, strict=True)}


def _widen(session: Session, example: Example, low: list[Array], high: list[Array]) -> None:
    # A function of its own, as `_observe`.
    _run(session, example)
    for one, other, view in zip(low, high, session.views(), strict=True):
        np.minimum(one, reduced(view, np.minimum), out=one)
        np.maximum(other, reduced(view, np.maximum), out=other)


def _operand(op: Op) -> Tensor | None:
    """Return what a linear op multiplies its weights by."""
    row = facts(op)
    tensor = op.inputs[row.activations[0]] if row is not None and row.weights else None
    fits = tensor is not None and tensor.dtype.is_float and not tensor.is_dynamic
    return tensor if fits and tensor is not None and not tensor.is_constant else None


class _Seen:
    """What was seen of one tensor so far.

    Args:
        values: of which some are kept, and extremes.
        means: are wanted.
    """

    def __init__(self, values: bool, means: bool) -> None:
        self._values, self._means = values, means
        self.rows: list[Array] = []
        self.sums: Array = np.zeros(1)
        self._low: list[float] = []
        self._high: list[float] = []

    @property
    def ends(self) -> Ends:
        """The lowest and the highest value of each example."""
        return np.asarray(self._low), np.asarray(self._high)

    def add(self, view: Array) -> None:
        """Take in one invocation's value; the view is not kept."""
        if self._values:
            flat = view.reshape(-1)
            self.rows.append(flat[_places(flat.size)].astype(np.float32))
            self._low.append(float(flat.min(initial=0.0)))
            self._high.append(float(flat.max(initial=0.0)))
        if self._means and view.ndim and view.size:
            self.sums = self.sums + _sums(view) / (view.size // view.shape[-1])


def _sums(view: Array) -> Array:
    """Return float64[last axis]: sums of some hundred rows in float32, exact enough, then of these.

    Summing in float64 all the way takes four times as long.
    """
    rows = view.reshape(-1, view.shape[-1])
    whole = len(rows) - len(rows) % _ROWS
    parts = rows[:whole].reshape(-1, _ROWS, rows.shape[-1]).sum(1)
    total: Array = parts.sum(0, dtype=np.float64) + rows[whole:].sum(0, dtype=np.float64)
    return total


def _observe(session: Session, example: Example, seen: Mapping[Tensor, _Seen]) -> None:
    # A function of its own: a view that outlives it would keep the interpreter from running.
    _run(session, example)
    for one, view in zip(seen.values(), session.views(), strict=True):
        one.add(view)


def _run(session: Session, example: Example) -> None:
    session.reset()
    batch = [values[np.newaxis] for values in example]
    session.feed(next(iter(session.invocations(batch))))
    session.invoke()


def _places(size: int) -> slice | Array:
    if size <= _VALUES:
        return slice(None)
    # Evenly spread, but in no step with rows and channels.
    return (np.arange(_VALUES) * size // _VALUES + np.arange(_VALUES) * 7) % size
