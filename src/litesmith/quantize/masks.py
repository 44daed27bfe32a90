"""Attention masks: "never" becomes the least that softmax cannot tell from it.

A mask adds -1e9 to scores, or puts it in their place. In 8 bits such a range leaves one step for
all scores; saturated at the lowest score instead, what is masked gets that score's weight. So what
is masked stops at lo - margin, where lo is the lowest score that examples showed and n times
exp(-margin) is half a step of softmax's result over n values: such a row answers as before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.edit import producers, rebuild, users
from litesmith.quantize.ranges import Ranges

_NEVER = -1e3  # constants below mean "never", where scores are far above
_FAR = 10.0  # times the span of the scores
_SELECTS = {"SELECT": (1, 2), "SELECT_V2": (1, 2)}
_CARRIES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "TILE", "BROADCAST_TO"})

Range = tuple[float, float]


@dataclass(frozen=True)
class Softened:
    """A graph whose masks an integer range can hold.

    Attributes:
        graph: the result; the one that came in when there was nothing to do.
        ranges: of its tensors.
        why: what was done, one clause.
    """

    graph: Graph
    ranges: Ranges
    why: tuple[str, ...] = ()


@dataclass
class _Pass:
    """State of one pass: what is read, what will change."""

    graph: Graph
    ranges: Ranges
    made_by: Mapping[Tensor, Op]
    read_by: Mapping[Tensor, Sequence[Op]]
    low: dict[Tensor, float] = field(default_factory=dict)
    ops: dict[Op, Op] = field(default_factory=dict)
    depths: dict[Op, float] = field(default_factory=dict)

    def of(self, tensor: Tensor) -> Range:
        """Return the range of a tensor after what was decided so far."""
        low, high = self.ranges.of(tensor)
        return self.low.get(tensor, low), high

    def alone(self, tensor: Tensor) -> bool:
        """True when one op reads the tensor, and nobody else."""
        return len(self.read_by.get(tensor, ())) == 1 and tensor not in self.graph.outputs


def softened(graph: Graph, ranges: Ranges, step: float = 1 / 256) -> Softened:
    """Return the graph with its attention masks bounded.

    Args:
        graph: float graph.
        ranges: from `calibrate` on it.
        step: of softmax's integer result.
    """
    state = _Pass(graph, ranges, producers(graph), users(graph))
    for op in graph.ops:
        scores = op.inputs[0] if op.kind == "SOFTMAX" else None
        if scores is not None and scores.shape and scores in ranges.low:
            margin = math.log(2 / step * max(scores.shape[-1], 1))
            _visit(scores, margin / max(float(op.option("beta", 1.0)), 1e-9), state)
    for product, depth in state.depths.items():
        state.ops[product] = _scaled(product, depth, state)
    if not state.ops:
        return Softened(graph, ranges)
    changed = rebuild(graph, {old: (new,) for old, new in state.ops.items()})
    count = len(state.ops)
    why = f"{count} attention mask{'s' if count > 1 else ''} bounded where softmax sees no more"
    return Softened(changed, replace(ranges, low={**ranges.low, **state.low}), (why,))


def _visit(tensor: Tensor, margin: float, state: _Pass) -> Range:
    """Return the range of scores, masks on the way bounded."""
    op = state.made_by.get(tensor)
    if op is None or not state.alone(tensor):
        return state.of(tensor)
    if op.kind in _CARRIES and op.inputs[0] is not None and op.inputs[0] in state.ranges.low:
        low, high = _visit(op.inputs[0], margin, state)
        state.low[tensor] = low
        return low, high
    if op.kind in _SELECTS:
        return _selected(op, margin, state)
    if op.kind == "ADD" and not op.option("fused_activation_function"):
        return _added(op, margin, state)
    return state.of(tensor)


def _selected(op: Op, margin: float, state: _Pass) -> Range:
    """Bound the constant that a condition puts in place of scores."""
    tensor = op.outputs[0]
    for masked, kept in ((1, 2), (2, 1)):
        constant, scores = op.inputs[masked], op.inputs[kept]
        if not _is_constant(constant) or scores is None or scores not in state.ranges.low:
            continue
        assert constant is not None and constant.data is not None
        low, high = _visit(scores, margin, state)
        if not _means_never(float(constant.data.max(initial=-np.inf)), low, high, margin):
            continue
        floor = low - margin
        inputs = list(op.inputs)
        inputs[masked] = constant.with_(data=np.full_like(constant.data, floor))
        state.ops[op] = op.with_(inputs=tuple(inputs))
        state.low[tensor] = floor
        return floor, high
    return state.of(tensor)


def _added(op: Op, margin: float, state: _Pass) -> Range:
    """Bound the operand that takes scores far down."""
    tensor = op.outputs[0]
    for mask, scores in (op.inputs[:2], op.inputs[1::-1]):
        if mask is None or scores is None or scores not in state.ranges.low:
            continue
        if _is_constant(mask):
            found = _constant_mask(op, mask, scores, margin, state)
        else:
            found = _computed_mask(mask, scores, margin, state)
        if found is not None:
            state.low[tensor] = found[0]
            return found
    return state.of(tensor)


def _constant_mask(
    op: Op, mask: Tensor, scores: Tensor, margin: float, state: _Pass
) -> Range | None:
    assert mask.data is not None
    kept = mask.data[mask.data > _NEVER]
    below, above = float(kept.min(initial=0.0)), float(kept.max(initial=0.0))
    low, high = _visit(scores, margin, state)
    if kept.size == mask.data.size:
        return None
    worst = float(mask.data[mask.data <= _NEVER].max())
    if not _means_never(worst, low + below, high + above, margin):
        return None
    depth = np.float32(high - low - below + margin)
    new = mask.with_(data=np.maximum(mask.data, -depth))
    state.ops[op] = op.with_(inputs=tuple(new if t is mask else t for t in op.inputs))
    return low + below - margin, high + above


def _computed_mask(mask: Tensor, scores: Tensor, margin: float, state: _Pass) -> Range | None:
    """Bound (0 or 1) · -1e9, which several layers may read."""
    source, path = mask, [mask]
    while (maker := state.made_by.get(source)) is not None and maker.kind in _CARRIES:
        if maker.inputs[0] is None:
            return None
        source = maker.inputs[0]
        path.append(source)
    if maker is None or maker.kind != "MUL" or maker.option("fused_activation_function"):
        return None
    factor = _factor(maker)
    if factor is None or not all(_only_masks(t, state) for t in path):
        return None
    low, high = _visit(scores, margin, state)
    if not _means_never(factor, low, high, margin) or not _binary(_other(maker), state):
        return None
    depth = max(high - low + margin, state.depths.get(maker, 0.0))
    state.depths[maker] = depth
    state.low.update(dict.fromkeys(path, -depth))
    return low - margin, high


def _only_masks(tensor: Tensor, state: _Pass) -> bool:
    """True when all that reads a mask adds it or hands it on."""
    readers = state.read_by.get(tensor, ())
    return tensor not in state.graph.outputs and all(
        op.kind == "ADD" or op.kind in _CARRIES for op in readers
    )


def _scaled(op: Op, depth: float, state: _Pass) -> Op:
    inputs = tuple(
        t.with_(data=np.full_like(t.data, -depth)) if t is not None and _is_constant(t) else t
        for t in op.inputs
    )
    return op.with_(inputs=inputs)


def _factor(op: Op) -> float | None:
    """Return the single number a MUL multiplies by."""
    constants = [t for t in op.inputs if t is not None and _is_constant(t)]
    if len(constants) != 1 or constants[0].data is None or constants[0].data.size != 1:
        return None
    return float(constants[0].data.reshape(-1)[0])


def _other(op: Op) -> Tensor | None:
    return next((t for t in op.inputs if t is not None and not t.is_constant), None)


def _is_constant(tensor: Tensor | None) -> bool:
    return (
        tensor is not None
        and tensor.data is not None
        and tensor.dtype is DType.FLOAT32
        and not tensor.raw
        and tensor.data.size > 0
    )


def _means_never(value: float, low: float, high: float, margin: float) -> bool:
    return value <= _NEVER and value <= -_FAR * (high - low + margin) + high


def _binary(tensor: Tensor | None, state: _Pass) -> bool:
    """True for a tensor that holds nothing but 0 and 1."""
    if tensor is None:
        return False
    if tensor in state.graph.inputs:
        return _seen_binary(tensor, state)
    op = state.made_by.get(tensor)
    if op is None or op.option("fused_activation_function"):
        return False
    if op.kind == "CAST":
        source = op.inputs[0]
        whole = source is not None and not source.dtype.is_float
        return whole and tensor in state.ranges.low and _unit(state.ranges.of(tensor))
    if op.kind in _CARRIES:
        return _binary(op.inputs[0], state)
    if op.kind == "SUB" and _is_constant(op.inputs[0]):
        assert op.inputs[0] is not None and op.inputs[0].data is not None
        return bool((op.inputs[0].data == 1).all()) and _binary(op.inputs[1], state)
    return op.kind == "MUL" and all(_binary(t, state) for t in op.inputs)


def _seen_binary(tensor: Tensor, state: _Pass) -> bool:
    position = state.graph.inputs.index(tensor)
    values = [example[position] for example in state.ranges.sample]
    return bool(values) and all(bool(np.isin(v, (0, 1)).all()) for v in values)


def _unit(bounds: Range) -> bool:
    return bounds[0] >= 0 and bounds[1] <= 1
