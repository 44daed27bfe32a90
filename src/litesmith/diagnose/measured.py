"""A quantized file on examples: what saturates, what is never used, which channels never move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf, log2

import numpy as np

from litesmith.diagnose.bounds import Shared, shared, span, stored, tied_tensors, yields
from litesmith.diagnose.findings import HIGH, LOW, MEDIUM, Finding, place, sort
from litesmith.diagnose.taps import Taps, computed
from litesmith.graph import Array, DType, Graph, Op, Tensor
from litesmith.graph.edit import users
from litesmith.graph.facts import facts

EXAMPLES = 200
_ENOUGH = 32  # examples from which on something never seen is told
# Of the values. Calibration may cut off a hundredth on purpose, or for not having seen it.
_SATURATED, _BADLY = 0.02, 0.05
_VALUES = 10  # fewer at an end prove nothing
# What was cut off piles up at an end: so many times the values of the next integer. Where a
# function has its own minimum there (swish) the last integer has 1.4 times as many, where a score
# hardly moves about as many.
_PILE = 3
_MOVES = 3  # integers: what moves by less says nothing of the range
_BEYOND = 0.005
_UNUSED = 0.4  # of the integers are used, or less
_HARDLY = 0.1  # of an input's: what is fed is the application's affair, up to here
_STILL = 0.3
_AGAIN = "Quantize again with --data that is like this"


class _Seen:
    """What one tensor held, element by element.

    An element that never moves says nothing of the range: constants are often the largest value.
    """

    def __init__(self, tensor: Tensor, limits: tuple[int, int]) -> None:
        shape, dtype = tensor.shape, tensor.dtype.numpy
        self._limits = limits
        self._low, self._high = np.full(shape, limits[1], dtype), np.full(shape, limits[0], dtype)
        self._at_low, self._at_high = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self._by_low, self._by_high = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self._examples = 0

    def add(self, values: Array) -> None:
        """Take in one invocation's integers; those of another shape are left out."""
        if values.shape != self._low.shape:
            return
        self._examples += 1
        np.minimum(self._low, values, out=self._low)
        np.maximum(self._high, values, out=self._high)
        self._at_low += values == self._limits[0]
        self._at_high += values == self._limits[1]
        self._by_low += values == self._limits[0] + 1
        self._by_high += values == self._limits[1] - 1

    @property
    def extremes(self) -> tuple[int, int]:
        """The smallest and largest integer, the ends in reverse when nothing was seen."""
        if not self._low.size:
            return self._limits[1], self._limits[0]
        return int(self._low.min()), int(self._high.max())

    def piled(self) -> tuple[int, int, int]:
        """Return (values piled up at the low end, at the high end, all) of elements that move."""
        moves = self._high.astype(np.int32) - self._low >= _MOVES
        ends = ((self._at_low, self._by_low), (self._at_high, self._by_high))
        counts = [(int(at[moves].sum()), int(by[moves].sum())) for at, by in ends]
        low, high = (at if at > max(_PILE * by, _VALUES - 1) else 0 for at, by in counts)
        return low, high, int(moves.sum()) * self._examples

    def still(self) -> tuple[int, int]:
        """Return (channels that have one value, all channels)."""
        if not self._low.size or not self._low.ndim:
            return 0, 1
        last = self._low.shape[-1]
        low, high = self._low.reshape(-1, last).min(0), self._high.reshape(-1, last).max(0)
        return int((low == high).sum()), last


def measured(graph: Graph, batches: Iterable[Sequence[Array]]) -> tuple[Finding, ...]:
    """Return what examples show of a quantized file.

    Args:
        graph: of the file.
        batches: what it is fed, real numbers or its own integers, (k, *example_shape) per input.

    Raises:
        LoadError: LiteRT cannot run it with all its tensors as outputs.
    """
    watched = [(t, op) for t, op in computed(graph) if stored(t) is not None]
    if not watched:
        return ()
    taps = Taps(graph, [t for t, _ in watched])
    limits = [stored(t) or (0, 0) for t, _ in watched]
    seen = [_Seen(t, ends) for (t, _), ends in zip(watched, limits, strict=True)]
    ends_in = _Ends(graph)
    examples = 0
    for batch in batches:
        ends_in.add(batch)
        for i in range(len(batch[0])):
            examples += 1
            for values in taps.stored([x[i : i + 1] for x in batch]):
                for one, value in zip(seen, values, strict=True):
                    one.add(value)
    found = list(_saturated(watched, seen))
    found += ends_in.findings()
    if examples >= _ENOUGH:
        sets = shared(graph)
        found += _unused(watched, seen, sets, examples)
        found += _still(watched, seen, examples)
    return sort(found)


def _saturated(watched: Sequence[tuple[Tensor, Op]], seen: Sequence[_Seen]) -> Iterator[Finding]:
    """Yield tensors of which many values are the smallest or largest that there is.

    An end of the range at which the op's own results end (0 behind a ReLU) is none.
    """
    for (tensor, op), one in zip(watched, seen, strict=True):
        range_, row = span(tensor), facts(op)
        if range_ is None or op.kind == "QUANTIZE" or tensor.quant is None:
            continue
        if row is not None and (row.fixed_output is not None or tied_tensors(op)):
            continue
        step = float(tensor.quant.scale[0])
        low, high = yields(op)
        at_low, at_high, all_ = one.piled()
        # A range that ends at 0 is that of values that never are beyond.
        count = at_low if range_[0] > low + 0.51 * step and abs(range_[0]) > step / 2 else 0
        count += at_high if range_[1] < high - 0.51 * step and abs(range_[1]) > step / 2 else 0
        share = count / max(all_, 1)
        if share > _SATURATED:
            yield Finding(
                "saturated", HIGH if share > _BADLY else MEDIUM, op.kind, place(op, tensor), share,
                f"{share:.1%} of its values are at an end of {range_[0]:.4g} to {range_[1]:.4g}.",
                "Whatever is beyond is cut off.", f"{_AGAIN}, or leave this op in more bits.",
            )  # fmt: skip


class _Ends:
    """Counts the values fed that the integers of an input do not reach."""

    def __init__(self, graph: Graph) -> None:
        readers = users(graph)
        self._found: list[tuple[int, Tensor, tuple[float, float]]] = []
        for position, tensor in enumerate(graph.inputs):
            behind = [op.outputs[0] for op in readers.get(tensor, ()) if op.kind == "QUANTIZE"]
            ranges = [span(t) for t in (tensor, *behind) if stored(t) is not None]
            self._found += [(position, tensor, r) for r in ranges[:1] if r is not None]
        self._out = [0] * len(self._found)
        self._count = [0] * len(self._found)
        self._low, self._high = [inf] * len(self._found), [-inf] * len(self._found)

    def add(self, batch: Sequence[Array]) -> None:
        """Take in what is fed; integers are the file's own and cannot be beyond."""
        for i, (position, _, (low, high)) in enumerate(self._found):
            values = batch[position]
            if values.dtype.kind != "f" or not values.size:
                continue
            step = (high - low) / 255
            self._out[i] += int(np.count_nonzero((values < low - step) | (values > high + step)))
            self._count[i] += values.size
            self._low[i] = min(self._low[i], float(values.min()))
            self._high[i] = max(self._high[i], float(values.max()))

    def findings(self) -> Iterator[Finding]:
        """Yield inputs that are fed more than a few such values."""
        for i, (_, tensor, (low, high)) in enumerate(self._found):
            share = self._out[i] / max(self._count[i], 1)
            if share > _BEYOND and self._out[i] >= _VALUES:
                yield Finding(
                    "input_beyond", HIGH if share > _BADLY else MEDIUM, "input", tensor.name, share,
                    f"{share:.1%} of the values fed are beyond {low:.4g} to {high:.4g}: they span "
                    f"{self._low[i]:.4g} to {self._high[i]:.4g}.",
                    "They are cut off.",
                    "Check --preprocess; if it is right, quantize again with --data like this.",
                )  # fmt: skip


def _unused(
    watched: Sequence[tuple[Tensor, Op]], seen: Sequence[_Seen], sets: Shared, examples: int
) -> Iterator[Finding]:
    """Yield scales that are far larger than the values need."""
    used: dict[Tensor, tuple[int, int]] = {}
    for (tensor, _), one in zip(watched, seen, strict=True):
        root = sets.groups.find(tensor)
        first, last = one.extremes
        low, high = used.get(root, (first, last))
        used[root] = min(low, first), max(high, last)
    told = set(sets.fixed)
    for tensor, op in watched:
        root = sets.groups.find(tensor)
        limits, quant = stored(tensor), tensor.quant
        if root in told or limits is None or quant is None or tensor.dtype is DType.INT16:
            continue
        told.add(root)
        zero = int(quant.zero_point[0])
        low, high = min(used[root][0], zero), max(used[root][1], zero)
        share = (high - low) / (limits[1] - limits[0])
        if 0 < share < (_HARDLY if op.kind == "QUANTIZE" else _UNUSED):
            yield Finding(
                "unused_range", MEDIUM, op.kind, place(op, tensor), 1 - share,
                f"{examples} examples use {share:.0%} of its integers.",
                f"About {log2(1 / share):.1f} of the 8 bits are lost.",
                f"{_AGAIN}: outliers or other data made the range.",
            )  # fmt: skip


def _still(
    watched: Sequence[tuple[Tensor, Op]], seen: Sequence[_Seen], examples: int
) -> Iterator[Finding]:
    """Yield layers many of whose channels have one value for all examples."""
    for (tensor, op), one in zip(watched, seen, strict=True):
        row = facts(op)
        if row is None or row.weights is None:
            continue
        still, channels = one.still()
        if still > _STILL * channels and channels > 1:
            yield Finding(
                "still_channels", LOW, op.kind, place(op, tensor), still / channels,
                f"{still} of {channels} channels have one value over {examples} examples.",
                "They cost time and memory and tell nothing apart.",
                "See whether they move in the float model: compare --per-layer.",
            )  # fmt: skip
