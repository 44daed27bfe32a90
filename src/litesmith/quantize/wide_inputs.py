"""Columns of an input that differ in range are brought to one before they are quantized.

One scale for an age and an income leaves the age no digits. With y = (x − m)·s, s > 0, computed in
float32, each column fills [−1, 1]; the linear ops that read it take the inverse over exactly:
W·x + b = (W/s)·y + (b + W·m). Moves and, without m, borders of zeros let it pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from litesmith.graph import Array, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name, users
from litesmith.graph.enums import Padding
from litesmith.graph.facts import FACTS
from litesmith.quantize.ranges import Ranges, narrowed
from litesmith.quantize.seen import Columns

_MOVES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
_LINEAR = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
_LEAST_SPAN = 1e-12


@dataclass(frozen=True)
class Rescaled:
    """A graph whose input is rescaled.

    Attributes:
        graph: the result.
        ranges: of its tensors.
        ops: new ones, which must stay float.
    """

    graph: Graph
    ranges: Ranges
    ops: tuple[Op, ...]


def rescaled(graph: Graph, ranges: Ranges, tensor: Tensor, centered: bool) -> Rescaled | None:
    """Return the graph with one float input rescaled, None where that is not exact.

    Args:
        graph: float graph.
        ranges: of its tensors.
        tensor: one of its inputs, float32.
        centered: subtract the middle of each column, too.
    """
    columns = ranges.columns.get(tensor)
    width = tensor.shape[-1] if tensor.shape else 0
    if columns is None or width < 2 or columns.low.size != width or tensor in graph.outputs:
        return None
    if not np.isfinite(columns.high - columns.low).all():
        return None
    shift, scale = _affine(columns, centered)
    y = tensor.with_(name=fresh_name(tensor.name, "one_range"))
    swap, moved = _taken_over(graph, tensor, y, shift, scale)
    if not swap:
        return None
    new = _arithmetic(tensor, y, shift if centered else None, scale)
    ops = (*new, *(swap.get(op, op) for op in graph.ops))
    changed = graph.with_(ops=ops)
    held = columns.scaled(1.0, -shift).scaled(scale, 0.0)
    chosen = {op.outputs[0]: (-1.0, 1.0) for op in new}
    chosen[y] = float(held.low.min()), float(held.high.max())
    chosen |= dict.fromkeys(moved, chosen[y])
    found = narrowed(changed, ranges, chosen)
    found = replace(found, columns={**ranges.columns, y: held}, look=ranges.look.without(moved))
    return Rescaled(changed, found, new)


def _affine(columns: Columns, centered: bool) -> tuple[Array, Array]:
    middle = (columns.high + columns.low) / 2
    # float32, as the file will hold them, so that the inverse is of what it computes.
    shift: Array = np.asarray(middle if centered else 0 * middle, np.float32).astype(np.float64)
    peak = np.maximum(np.abs(columns.high - shift), np.abs(columns.low - shift))
    # Columns that never change need no scale.
    scale = np.where(peak > _LEAST_SPAN, 1 / np.maximum(peak, _LEAST_SPAN), 1.0)
    return shift, scale.astype(np.float32).astype(np.float64)


def _arithmetic(x: Tensor, y: Tensor, shift: Array | None, scale: Array) -> tuple[Op, ...]:
    factor = make_constant(f"{y.name}/scale", scale)
    if shift is None:
        return (make_op("MUL", (x, factor), (y,)),)
    middle = x.with_(name=f"{y.name}/centered")
    subtracted = make_op("SUB", (x, make_constant(f"{y.name}/shift", shift)), (middle,))
    return subtracted, make_op("MUL", (middle, factor), (y,))


def _taken_over(
    graph: Graph, x: Tensor, y: Tensor, shift: Array, scale: Array
) -> tuple[dict[Op, Op], list[Tensor]]:
    """Return op → what it becomes when it reads y, and tensors that only move y."""
    readers = users(graph)
    swap: dict[Op, Op] = {}
    moved: list[Tensor] = []
    todo = [x]
    while todo:
        tensor = todo.pop()
        for op in readers.get(tensor, ()):
            passes = op.kind in _MOVES or (op.kind == "PAD" and not shift.any())
            if passes and op.inputs[0] is tensor and op.outputs[0] not in graph.outputs:
                swap[op] = _reading(op, x, y)
                moved.append(op.outputs[0])
                todo.append(op.outputs[0])
                continue
            new = _linear(op, tensor, shift, scale)
            if new is None:
                return {}, []
            swap[op] = _reading(new, x, y)
    return swap, moved


def _reading(op: Op, x: Tensor, y: Tensor) -> Op:
    return op.with_(inputs=tuple(y if t is x else t for t in op.inputs))


def _linear(op: Op, x: Tensor, shift: Array, scale: Array) -> Op | None:
    """Return the op that computes the same from y = (x − shift)·scale."""
    if op.kind not in _LINEAR or op.inputs[0] is not x:
        return None
    row = FACTS[op.kind].weights
    assert row is not None
    weights, bias = op.input(row.index), op.input(row.bias)
    if weights is None or weights.data is None or weights.raw:
        return None
    if bias is not None and bias.data is None:
        return None
    if shift.any() and op.option("padding", Padding.VALID) != Padding.VALID:
        return None
    times, left = divmod(weights.shape[-1], scale.size)
    if left or (op.kind == "CONV_2D" and times != 1):
        return None
    spread = np.repeat if op.kind == "DEPTHWISE_CONV_2D" else np.tile
    return _inverted(op, weights, bias, spread(shift, times), spread(scale, times))


def _inverted(op: Op, weights: Tensor, bias: Tensor | None, shift: Array, scale: Array) -> Op:
    row = FACTS[op.kind].weights
    assert row is not None and weights.data is not None
    data = weights.data.astype(np.float64)
    inputs = list(op.inputs)
    inputs[row.index] = make_constant(weights.name, data / scale)
    if shift.any():
        others = tuple(i for i in range(data.ndim) if i != row.axis)
        added = (data * shift).sum(others)
        old = 0.0 if bias is None or bias.data is None else bias.data.reshape(-1)
        name = f"{weights.name}/bias" if bias is None else bias.name
        inputs[row.bias :] = [make_constant(name, added + old)]
    return op.with_(inputs=tuple(inputs))
