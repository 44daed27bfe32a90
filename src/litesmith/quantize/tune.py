"""What 8 bits lose is found by trying: forms of the integer graph compete on a few examples.

Plain ranges, one scale per tensor for the input as well, are the start. Something else takes their
place only when the answers of the file come clearly nearer to those of the float graph:
- a range that clips rare values (`clip`), free at run time;
- an input whose columns are brought to one range in float32 before it is quantized
  (`wide_inputs`), or a first layer that stays float;
- a last layer that stays float, when the steps of its scores decide the answer.
The latter cost something and are only tried when the error is one that a user would see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.edit import producers, users
from litesmith.graph.facts import facts
from litesmith.quantize.clip import Range, narrower, percentiles, sampled_values
from litesmith.quantize.ranges import Ranges, narrowed
from litesmith.quantize.trials import Trials, heads
from litesmith.quantize.wide_inputs import Rescaled, describe, rescaled, uneven

_VISIBLE = 2e-4  # error from which answers differ now and then (1 of 200, on classifiers)
_FREE_GAIN = 0.9  # what a free change must leave of the error, at most
_PAID_GAIN = 0.5  # … and what one must that costs time or bytes
_TRIALS = 24
_MACS = 2e9  # multiply-accumulates that all trials together may take, about a second
_PERCENT = (99.99, 99.9)
_MOST_SINGLE = 12  # tensors whose range is tried by itself


@dataclass(frozen=True)
class Draft:
    """What is quantized, and how.

    Attributes:
        graph: float graph.
        ranges: of its tensors.
        floats: ops that stay float, and why.
        why: what was changed, one clause each.
    """

    graph: Graph
    ranges: Ranges
    floats: Mapping[Op, str] = field(default_factory=lambda: MappingProxyType({}))
    why: tuple[str, ...] = ()


Build = Callable[[Draft], Graph]


class Tuning:
    """One search for the form with the least error.

    Args:
        draft: with plain ranges.
        build: makes the integer graph of a draft.
    """

    def __init__(self, draft: Draft, build: Build) -> None:
        self._build = build
        self._trials = Trials(draft.graph, draft.ranges.sample)
        self._left = _allowed(draft)
        self.best = draft
        self.first = self.error = float("inf")
        if self._trials.possible and self._left > 0:
            self.first = self.error = self._error(draft)

    @property
    def active(self) -> bool:
        """True while something may be tried and there is something to win."""
        return self._left > 0 and 0 < self.error < float("inf")

    def _error(self, draft: Draft) -> float:
        self._left -= 1
        return self._trials.error(self._build(draft))

    def offer(self, draft: Draft, gain: float) -> bool:
        """Take a draft if it leaves at most `gain` of the error."""
        if not self.active:
            return False
        error = self._error(draft)
        if not error <= gain * self.error:
            return False
        self.best, self.error = draft, error
        return True

    def cheapest(self, drafts: Sequence[Draft], gain: float, near: float = 1.3) -> bool:
        """Take the first of several drafts, cheapest first, that is nearly as good as the best."""
        errors = [self._error(draft) for draft in drafts if self.active]
        if not errors or not min(errors) <= gain * self.error:
            return False
        chosen = next(i for i, e in enumerate(errors) if e <= near * min(errors))
        self.best, self.error = drafts[chosen], errors[chosen]
        return True


def tuned(draft: Draft, build: Build, inputs: Sequence[Tensor], islands: bool) -> Draft:
    """Return the draft whose answers are nearest to the float graph's.

    Args:
        draft: with plain ranges.
        build: makes the integer graph of a draft.
        inputs: graph inputs that arrive as integers, whose scale is one by definition.
        islands: whether ops may stay float.
    """
    search = Tuning(draft, build)
    if search.active and islands and search.error > _VISIBLE:
        _entrance(search, [t for t in draft.graph.inputs if t not in inputs])
    if search.active:
        _clips(search)
    if search.active and islands and search.error > _VISIBLE:
        _last_layer(search)
    return search.best


def _allowed(draft: Draft) -> int:
    macs = max(_macs(draft.graph) * len(draft.ranges.sample), 1)
    return int(min(_TRIALS, _MACS / macs))


def _macs(graph: Graph) -> int:
    total = 0
    for op in graph.ops:
        row = facts(op)
        weights = op.input(row.weights.index) if row is not None and row.weights else None
        if row is None or row.weights is None or weights is None:
            continue
        rows = 1
        for size in op.outputs[0].shape[:-1]:
            rows *= size
        total += rows * (weights.data.size if weights.data is not None else 0)
    return total


def _entrance(search: Tuning, inputs: Sequence[Tensor]) -> None:
    for tensor in inputs:
        if tensor.dtype is not DType.FLOAT32 or not search.active:
            continue
        base = search.best
        spread = uneven(base.ranges, tensor)
        found = [rescaled(base.graph, base.ranges, tensor, centered) for centered in (False, True)]
        drafts = [_with(base, tensor, change, spread) for change in found if change is not None]
        layer = _first_layers(base, tensor)
        search.cheapest([*drafts, *layer], _PAID_GAIN)


def _with(base: Draft, tensor: Tensor, change: Rescaled, spread: float) -> Draft:
    floats = {**base.floats, **dict.fromkeys(change.ops, describe(tensor, spread))}
    why = f"the columns of '{tensor.name}' are brought to one range in float32"
    return replace(
        base, graph=change.graph, ranges=change.ranges, floats=floats, why=(*base.why, why)
    )


_MOVES = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE", "PAD", "TRANSPOSE", "CONCATENATION"})


def _first_layers(base: Draft, tensor: Tensor) -> list[Draft]:
    """Return the draft whose linear ops at this input stay float, if those are all it has."""
    readers = users(base.graph)
    todo, linear = [tensor], []
    while todo:
        for op in readers.get(todo.pop(), ()):
            row = facts(op)
            if op.kind in _MOVES:
                todo.append(op.outputs[0])
            elif row is None or row.weights is None:
                return []
            else:
                linear.append(op)
    reason = "8 bits for its input would change the answers"
    why = f"the first layer at '{tensor.name}' stays float"
    floats = {**base.floats, **dict.fromkeys(linear, reason)}
    return [replace(base, floats=floats, why=(*base.why, why))] if linear else []


def _clips(search: Tuning) -> None:
    base = search.best
    values = sampled_values(base.graph, base.ranges.sample)
    squared = narrower(base.ranges, values)
    rare = [percentiles(base.ranges, values, percent) for percent in _PERCENT]
    plain = base
    for chosen in (squared, *rare):
        if chosen:
            search.offer(_clipped(plain, chosen), _FREE_GAIN)
    _singly(search, plain, squared)


def _clipped(base: Draft, chosen: Mapping[Tensor, Range]) -> Draft:
    why = f"{len(chosen)} ranges clip rare values"
    ranges = narrowed(base.graph, base.ranges, chosen)
    return replace(base, ranges=ranges, why=(*base.why, why))


def _singly(search: Tuning, plain: Draft, squared: Mapping[Tensor, Range]) -> None:
    """Try the ranges that win most one by one, on top of those that already serve."""
    kept = dict(squared) if search.best is not plain else {}
    share = {t: (r[1] - r[0]) / _span(plain.ranges, t) for t, r in squared.items()}
    for tensor in sorted(share, key=lambda t: share[t])[:_MOST_SINGLE]:
        other = {t: r for t, r in kept.items() if t is not tensor}
        other |= {} if tensor in kept else {tensor: squared[tensor]}
        if search.offer(_clipped(plain, other), _FREE_GAIN):
            kept = other


def _span(ranges: Ranges, tensor: Tensor) -> float:
    low, high = ranges.of(tensor)
    return max(high - low, 1e-30)


def _last_layer(search: Tuning) -> None:
    base = search.best
    made_by = producers(base.graph)
    last = [made_by.get(head.tensor) for head in heads(base.graph)]
    linear = [op for op in last if op is not None and (row := facts(op)) and row.weights]
    if not linear:
        return
    reason = "the steps of its scores as int8 would decide the answer"
    floats = {**base.floats, **dict.fromkeys(linear, reason)}
    draft = replace(base, floats=floats, why=(*base.why, "the last layer stays float"))
    search.offer(draft, _PAID_GAIN)
