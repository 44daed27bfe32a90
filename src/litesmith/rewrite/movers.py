"""Ops that can run before a RESHAPE or TRANSPOSE instead of behind it, and how they then look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Op, Tensor
from litesmith.rewrite.engine import dims
from litesmith.rewrite.layouts import Layout, Permuted, Sizes
from litesmith.rewrite.reductions import axes_of, over


@dataclass(frozen=True)
class Moved:
    """An op that runs before the layout changes.

    Attributes:
        op: as it was, but for its operands and options.
        sizes: of its result, -1 for open ones.
    """

    op: Op
    sizes: Sizes


# Value behind the change of layout → the value before.
Inside = Mapping[Tensor, Tensor]
Mover = Callable[[Op, Layout, Inside], Moved | None]


def _unary(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    x = inside[op.inputs[0]]  # type: ignore[index]
    return Moved(op.with_(inputs=(x, *op.inputs[1:])), dims(x))


def _binary(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    behind = dims(op.outputs[0])
    before = layout.place(behind)
    if before is None:  # no axis to place: operands must be as large as the result
        whole = next((t for t in op.inputs if t in inside and t and dims(t) == behind), None)
        if whole is None:
            return None
        before = dims(inside[whole])
    inputs = [_operand(t, (before, behind), layout, inside) for t in op.inputs]
    if any(t is None for t in inputs):
        return None
    return Moved(op.with_(inputs=tuple(inputs)), before)


def _operand(
    t: Tensor | None, sizes: tuple[Sizes, Sizes], layout: Layout, inside: Inside
) -> Tensor | None:
    """Return an operand from before the change of layout; None when broadcasting would differ."""
    before, behind = sizes
    if t is None or t.is_constant:
        return None if t is None else layout.constant(t, before, behind)
    new = inside.get(t)
    if new is None:
        return None
    wanted = layout.place(dims(t))
    if wanted is None:
        wanted = before if dims(t) == behind else None
    return new if dims(new) == wanted else None


def _rows(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    x = op.inputs[0]
    if x is None or not layout.keeps_last(dims(inside[x]), dims(x)):
        return None
    return _unary(op, layout, inside)


def _fully_connected(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    moved = _rows(op, layout, inside) if op.option("keep_num_dims") else None
    if moved is None or any(t is not None and not t.is_constant for t in op.inputs[1:]):
        return None
    return Moved(moved.op, (*moved.sizes[:-1], dims(op.outputs[0])[-1]))


def _pad(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    x, pads = op.inputs[:2]
    if x is None or pads is None or pads.data is None:
        return None
    before = dims(inside[x])
    axes = layout.axes(before, dims(x))
    if axes is None or len(before) > 5:
        return None
    data = np.zeros((len(before), 2), pads.data.dtype)
    sizes = list(before)
    for axis, pair in enumerate(pads.data):
        if axis in axes:
            data[axes[axis]] = pair
            sizes[axes[axis]] = dims(op.outputs[0])[axis]
        elif pair.any():
            return None
    moved = pads.with_(shape=data.shape, data=data)
    return Moved(op.with_(inputs=(inside[x], moved, *op.inputs[2:])), tuple(sizes))


def _concatenation(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    axis = int(op.option("axis")) % len(dims(op.outputs[0]))
    found: set[int | None] = set()
    for t in op.inputs:
        if t is None or t not in inside:
            return None
        axes = layout.axes(dims(inside[t]), dims(t))
        found.add(None if axes is None else axes.get(axis))
    to = found.pop()
    if found or to is None or op.options is None or op.inputs[0] is None:
        return None
    sizes = list(dims(inside[op.inputs[0]]))
    sizes[to] = dims(op.outputs[0])[axis]
    inputs = tuple(inside[t] for t in op.inputs if t is not None)
    return Moved(op.with_(inputs=inputs, options=op.options.with_(axis=to)), tuple(sizes))


def _reduction(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    x, reduced = op.inputs[0], axes_of(op)
    if x is None or reduced is None or not op.option("keep_dims"):
        return None
    before = dims(inside[x])
    axes = layout.axes(before, dims(x))
    if axes is None:
        return None
    to = sorted(axes[a] for a in reduced if a in axes)  # the others are of size 1
    if not to:
        return None
    sizes = tuple(1 if i in to else d for i, d in enumerate(before))
    return Moved(op.with_(inputs=(inside[x], over(to, op.outputs[0].name + "/axes"))), sizes)


def _matmul(op: Op, layout: Layout, inside: Inside) -> Moved | None:
    leads: set[tuple[Sizes, Sizes]] = set()
    for t in op.inputs:
        if t is None or t not in inside:
            return None
        before, behind = dims(inside[t]), dims(t)
        if not layout.keeps_last(before, behind) or not _keeps_rows(layout, before, behind):
            return None
        leads.add((before[:-2], behind[:-2]))
    if len(leads) != 1:
        return None
    ((lead, _),) = leads
    inputs = tuple(inside[t] for t in op.inputs if t is not None)
    return Moved(op.with_(inputs=inputs), (*lead, *dims(op.outputs[0])[-2:]))


def _keeps_rows(layout: Layout, before: Sizes, behind: Sizes) -> bool:
    """True when the last axis but one stays that, too."""
    if isinstance(layout, Permuted):
        return layout.order[-2:] == (len(before) - 2, len(before) - 1)
    return len(before) > 1 and len(behind) > 1 and before[-2] == behind[-2] != -1


UNARY = (
    "ABS",
    "CEIL",
    "COS",
    "ELU",
    "EXP",
    "FLOOR",
    "GELU",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOG",
    "LOGISTIC",
    "NEG",
    "RELU",
    "RELU6",
    "RELU_0_TO_1",
    "RELU_N1_TO_1",
    "ROUND",
    "RSQRT",
    "SIN",
    "SQRT",
    "SQUARE",
    "TANH",
)
BINARY = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU")

MOVERS: dict[str, Mover] = {
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"), _rows),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _reduction),
    "BATCH_MATMUL": _matmul,
    "FULLY_CONNECTED": _fully_connected,
    "CONCATENATION": _concatenation,
}
