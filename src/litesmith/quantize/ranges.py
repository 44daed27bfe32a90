"""Min and max of every float tensor over representative examples, by the runtime itself.

Every intermediate tensor is promoted to a graph output, so one interpreter sees them all; the
cost stays near that of bare inference and the memory does not depend on the number of examples.
Ops that only move or select values need no watching: their range follows from their operands'.
Min and max do not depend on the examples' order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from weakref import WeakKeyDictionary

import numpy as np

from litesmith.data import Examples
from litesmith.errors import InputError
from litesmith.graph import Array, DType, Graph, Op, Tensor, write
from litesmith.graph.enums import Activation
from litesmith.graph.facts import activations, facts
from litesmith.graph.step import Progress, silent
from litesmith.quantize.cells import cell_ranges
from litesmith.quantize.second_look import Look, few, look, read_by_linear
from litesmith.quantize.seen import Columns, ColumnStatistics, Example, Sampler
from litesmith.runtime import Session

_CHUNK = 16  # examples fetched from the source at a time
_INFINITE = 1e30  # constants from here on mean infinity
_RECTIFIERS = frozenset({"RELU", "RELU6"})
_RECTIFIED = frozenset({Activation.RELU, Activation.RELU6})
_GATHERED = 2**16  # elements of one tensor gathered before they are reduced at once


@dataclass(frozen=True)
class Ranges:
    """Observed ranges.

    Attributes:
        low, high: extreme values per float tensor of the main graph.
        examples: how many examples they come from.
        columns: graph input → what its columns held.
        sample: some of the examples, one array (*example_shape) per input.
        look: what a few of those showed.
    """

    low: Mapping[Tensor, float]
    high: Mapping[Tensor, float]
    examples: int
    columns: Mapping[Tensor, Columns] = field(default_factory=lambda: MappingProxyType({}))
    sample: tuple[Example, ...] = ()
    look: Look = field(default_factory=Look)

    @property
    def means(self) -> Mapping[Tensor, Array]:
        """Tensor → float64[last axis], the mean of each column; of inputs and linear operands."""
        columns = {tensor: columns.mean for tensor, columns in self.columns.items()}
        return {**self.look.means, **columns}

    def of(self, tensor: Tensor) -> tuple[float, float]:
        """Return (low, high) of a tensor; a constant's come from its value.

        Constants that stand for infinity (padding of maxima, masks) do not count: they saturate.

        Raises:
            KeyError: the tensor was not observed.
        """
        if tensor.data is not None:
            values = tensor.data[np.abs(tensor.data) < _INFINITE]
            return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        return self.low[tensor], self.high[tensor]


# A repair asks again and again what examples show of one graph; what is kept goes with the graph.
_KNOWN: WeakKeyDictionary[Graph, tuple[Examples, Ranges]] = WeakKeyDictionary()


def calibrate(graph: Graph, data: Examples, progress: Progress = silent) -> Ranges:
    """Return the ranges of all float tensors of the main graph.

    Asked again of the same graph and examples, it answers what it found the first time.

    Args:
        graph: float graph.
        data: representative examples, all of which are used.
        progress: told the fraction done.

    Raises:
        InputError: there are no examples, or the model answers one with NaN or infinity.
    """
    known = _KNOWN.get(graph)
    if known is not None and _same(known[0], data):
        progress(1.0)
        return known[1]
    found = _calibrated(graph, data, progress)
    _KNOWN[graph] = data, found
    return found


def _same(a: Examples, b: Examples) -> bool:
    if a.reader is not b.reader or a.preprocess is not b.preprocess:
        return False
    if isinstance(a.rows, range) or isinstance(b.rows, range):
        return a.rows is b.rows or (type(a.rows) is type(b.rows) and a.rows == b.rows)
    return np.array_equal(a.rows, b.rows)


def _calibrated(graph: Graph, data: Examples, progress: Progress) -> Ranges:
    tensors, read = watched(graph), read_by_linear(graph)
    outputs = tuple(dict.fromkeys((*tensors, *read)))
    session = Session(write(graph.with_(outputs=outputs, signatures=(), siblings=())))
    above = {t for op in graph.ops if _starts_at_zero(op) for t in op.outputs}
    extremes = [_Extremes(t, t in above) for t in tensors]
    columns = [ColumnStatistics() for _ in graph.inputs]
    sampler = Sampler()
    seen = 0
    for batch in data.batches(_CHUNK):
        for statistics, values in zip(columns, batch, strict=True):
            statistics.add(values)
        sampler.add(batch)
        for example in session.invocations(batch):
            _observe(session, example, extremes)
        seen += len(batch[0])
        progress(seen / data.size if data.size else 0.0)
    if not seen:
        raise InputError("The representative data holds no examples.", "Pass at least one.")
    low = {e.tensor: e.result()[0] for e in extremes}
    high = {e.tensor: e.result()[1] for e in extremes}
    derive(graph, low, high)
    found = {t: c.result() for t, c in zip(graph.inputs, columns, strict=True)}
    sample = sampler.result()
    for state, (least, most) in cell_ranges(graph, sample).items():
        low[state], high[state] = least, most
    seen_again = look(session, outputs, tensors, read, sample[: few(graph, seen)])
    return Ranges(low, high, seen, MappingProxyType(found), sample, seen_again)


def _observe(session: Session, example: list[Array], extremes: list[_Extremes]) -> None:
    # A function of its own: a view that outlives it would keep the interpreter from running.
    session.reset()
    session.feed(example)
    session.invoke()
    # The outputs begin with what is watched.
    for extreme, view in zip(extremes, session.views(), strict=False):
        extreme.add(view)


def _starts_at_zero(op: Op) -> bool:
    """True where no result is below 0, so that the low end needs no looking for."""
    return op.kind in _RECTIFIERS or op.option("fused_activation_function", 0) in _RECTIFIED


def watched(graph: Graph) -> tuple[Tensor, ...]:
    """Return the float tensors whose ranges must be observed, because none follows."""
    derived = {
        t for op in graph.ops if _derivable(op) or _expanded(op) is not None for t in op.outputs
    }
    return tuple(
        t
        for t in graph.tensors()
        if t.dtype is DType.FLOAT32 and not t.is_constant and not t.is_variable and t not in derived
    )


def _derivable(op: Op) -> bool:
    """True for ops whose results lie within the range of their operands (and 0, for padding)."""
    row = facts(op)
    return row is not None and row.tied and bool(activations(op, row))


def _expanded(op: Op) -> Array | None:
    """Return the value of a constant that is stored smaller (float16, integers) and expanded.

    It must not be watched: the runtime expands it when it loads the file and never writes the
    tensor again, so what is read there is whatever the memory held.
    """
    stored = op.inputs[0] if op.kind == "DEQUANTIZE" else None
    if stored is None or stored.data is None or stored.raw:
        return None
    values = stored.data.astype(np.float32)
    quant = stored.quant
    if quant is None or not quant.scale.size:
        return values
    shape = [1] * values.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    return (values - quant.zero_point.reshape(shape)) * quant.scale.reshape(shape)


def narrowed(graph: Graph, ranges: Ranges, chosen: Mapping[Tensor, tuple[float, float]]) -> Ranges:
    """Return the ranges with some replaced, and what follows from them.

    Args:
        graph: what the ranges are of.
        ranges: from `calibrate`.
        chosen: observed tensor → (low, high).
    """
    low = {**ranges.low, **{t: r[0] for t, r in chosen.items()}}
    high = {**ranges.high, **{t: r[1] for t, r in chosen.items()}}
    derive(graph, low, high)
    return replace(ranges, low=low, high=high)


def derive(graph: Graph, low: dict[Tensor, float], high: dict[Tensor, float]) -> None:
    """Add the ranges that follow from those observed."""
    known = Ranges(low, high, 0)
    for op in graph.ops:
        values = _expanded(op)
        if values is not None:
            low[op.outputs[0]] = float(values.min(initial=0.0))
            high[op.outputs[0]] = float(values.max(initial=0.0))
        elif _derivable(op):
            row = facts(op)
            assert row is not None
            ranges = [known.of(t) for t in activations(op, row) if not t.is_variable]
            for tensor in op.outputs:
                low[tensor] = min((r[0] for r in ranges), default=0.0)
                high[tensor] = max((r[1] for r in ranges), default=0.0)


class _Extremes:
    """Running min and max of one tensor.

    Small tensors are gathered first: reducing one costs less than calling the reduction.

    Args:
        tensor: whose.
        above: it is never below 0, which counts as seen.
    """

    def __init__(self, tensor: Tensor, above: bool = False) -> None:
        self.tensor = tensor
        self._above = above
        size = int(np.prod(tensor.shape))
        rows = min(_GATHERED // max(size, 1), 64)
        self._rows = np.empty((rows, size), np.float32) if rows > 1 else None
        self._filled = 0
        self._low, self._high = np.inf, -np.inf

    def add(self, view: Array) -> None:
        """Take in one invocation's value; the view is not kept."""
        if self._rows is None or view.size != self._rows.shape[1]:
            self._reduce(view)
            return
        self._rows[self._filled] = view.reshape(-1)
        self._filled += 1
        if self._filled == len(self._rows):
            self._flush()

    def result(self) -> tuple[float, float]:
        """Return (low, high) of all values so far."""
        self._flush()
        return self._low, self._high

    def _flush(self) -> None:
        if self._filled and self._rows is not None:
            self._reduce(self._rows[: self._filled])
        self._filled = 0

    def _reduce(self, values: Array) -> None:
        if not values.size:
            return
        low, high = 0.0 if self._above else float(values.min()), float(values.max())
        if not np.isfinite(low + high):
            raise InputError(
                f"The model computes NaN or infinity at '{self.tensor.name}'.",
                "Check the values of the representative data and --preprocess.",
            )
        self._low, self._high = min(self._low, low), max(self._high, high)
