"""Which ops treat every index of axis 0, the batch, on its own."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from litesmith.graph import Op, Tensor
from litesmith.rewrite.engine import dims
from litesmith.rewrite.layouts import SHAPERS, order_of
from litesmith.rewrite.movers import BINARY, UNARY
from litesmith.rewrite.reductions import axes_of

# Positions of the operands that have the batch axis; None for an op that mixes its indices.
_Finder = Callable[[Op], "tuple[int, ...] | None"]


def per_example(op: Op) -> tuple[int, ...] | None:
    """Return the positions of the operands with the batch axis; the others are constants.

    None when a result depends on other indices of axis 0, or on how many there are.
    """
    finder = _FINDERS.get(op.kind)
    positions = finder(op) if finder is not None and len(op.outputs) == 1 else None
    if positions is None or not op.outputs[0].shape:
        return None
    batch = dims(op.outputs[0])[0]
    for i, t in enumerate(op.inputs):
        if t is None:
            continue
        if i in positions and (t.is_constant or not t.shape or dims(t)[0] != batch):
            return None
        if i not in positions and not t.is_constant:
            return None
    return positions


def _first(op: Op) -> tuple[int, ...] | None:
    return (0,)


def _elementwise(op: Op) -> tuple[int, ...] | None:
    rank = len(op.outputs[0].shape)
    varying = [i for i, t in enumerate(op.inputs) if t is not None and not t.is_constant]
    fixed = [t for t in op.inputs if t is not None and t.is_constant]
    if any(len(t.shape) > rank or (len(t.shape) == rank and t.shape[0] != 1) for t in fixed):
        return None
    same_rank = all(_rank(op.inputs[i]) == rank for i in varying)
    return tuple(varying) if same_rank else None


def _rank(tensor: Tensor | None) -> int:
    return len(tensor.shape) if tensor is not None else -1


def _dense(op: Op) -> tuple[int, ...] | None:
    x, weights = op.inputs[:2]
    if x is None or weights is None or -1 in dims(x)[1:]:
        return None
    rows = op.option("keep_num_dims") or prod(x.shape[1:]) == weights.shape[-1]
    return (0,) if rows and len(x.shape) > 1 else None


def _softmax(op: Op) -> tuple[int, ...] | None:
    return (0,) if len(op.outputs[0].shape) > 1 else None


def _reduction(op: Op) -> tuple[int, ...] | None:
    axes = axes_of(op)
    return (0,) if axes is not None and 0 not in axes else None


def _reshape(op: Op) -> tuple[int, ...] | None:
    x, sizes = op.inputs[0], dims(op.outputs[0])
    if x is None or not sizes or not x.shape or -1 in sizes[1:] or -1 in dims(x)[1:]:
        return None
    constant = op.input(1) is None or all(t is None or t.is_constant for t in op.inputs[1:])
    return (0,) if constant and prod(sizes[1:]) == prod(dims(x)[1:]) else None


def _concatenation(op: Op) -> tuple[int, ...] | None:
    axis = int(op.option("axis")) % max(len(op.outputs[0].shape), 1)
    return tuple(range(len(op.inputs))) if axis else None


def _pad(op: Op) -> tuple[int, ...] | None:
    pads = op.input(1)
    return (0,) if pads is not None and pads.data is not None and not pads.data[0].any() else None


def _transpose(op: Op) -> tuple[int, ...] | None:
    order = order_of(op)
    return (0,) if order and order[0] == 0 else None


def _matmul(op: Op) -> tuple[int, ...] | None:
    ranks = {_rank(t) for t in op.inputs}
    return (0, 1) if len(ranks) == 1 and min(ranks) > 2 else None


_FINDERS: dict[str, _Finder] = {
    **dict.fromkeys(UNARY, _first),
    **dict.fromkeys(BINARY, _elementwise),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D"), _first),
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), _first),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _first),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"), _softmax),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _reduction),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    **dict.fromkeys(SHAPERS, _reshape),
    "FULLY_CONNECTED": _dense,
    "CONCATENATION": _concatenation,
    "TRANSPOSE": _transpose,
    "BATCH_MATMUL": _matmul,
}
