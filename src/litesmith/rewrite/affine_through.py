"""How a scale and shift passes an op that is not linear in weights: pools, moves, sums, ReLU.

Forward: op(a(x)) = a'(op'(x)). Backward: a(op(x)) = op'(a'(x)). Along which axes an
op mixes elements, and what it asks of a, says a table (affine_rows.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from litesmith.graph import Array, Op, Options, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.affine import Affine, Blocked, affine, as_constant, regrid
from litesmith.rewrite.affine_linear import merge_activation
from litesmith.rewrite.affine_rows import ROWS, Axes, Row, integers
from litesmith.rewrite.engine import activation, scalar


@dataclass(frozen=True)
class Demand:
    """An operand that must become fused(a(operand))."""

    position: int
    a: Affine
    fused: int = 0


_REDUCERS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_PADS = ("PAD", "PADV2")
_NO_OPTIONS = {
    "PAD": Options("PadOptions", MappingProxyType({})),
    "PADV2": Options("PadV2Options", MappingProxyType({})),
}
_FACTORS = ("MUL", "DIV")
_SUMS = ("ADD", "SUB")


def forward(op: Op, old: Tensor, new: Tensor, a: Affine) -> tuple[Op, Affine]:
    """Return op' that reads `new`, and a', so that op(a(new)) = a'(op'(new)).

    Outputs are still those of `op`.

    Raises:
        Blocked: it does not pass.
    """
    position = op.inputs.index(old)
    changed = op.with_(inputs=tuple(new if t is old else t for t in op.inputs))
    if op.kind in _RESHAPES and position == 0:
        return changed, regrid(a, old, op.outputs[0])
    if op.kind == "TRANSPOSE" and position == 0:
        return changed, a.mapped(lambda p: p.transpose(_permutation(op)))
    if op.kind == "CONCATENATION":
        _passes_activation(op, a)
        return changed, _joined(op, position, a)
    if op.kind in _FACTORS or op.kind in _SUMS:
        return changed, _operand(op, position, a)
    row = ROWS.get(op.kind)
    if row is None or position != 0:
        raise Blocked("")
    axes = _allowed(op, row, old, a)
    if (op.kind in _PADS and axes and not a.pure) or op.kind == "PADV2":
        return _repadded(changed, (_pad_value(op) - a.shift) / _nonzero(a.scale)), a
    return changed, a if not _drops(op) else a.mapped(lambda p: p.squeeze(axes))


def backward(op: Op, a: Affine, fused: int) -> list[tuple[Op, tuple[Demand, ...]]]:
    """Return alternatives (op', demands on its operands) that make fused(a(what `op` makes)).

    Raises:
        Blocked: it does not pass.
    """
    result = op.outputs[0]
    if op.kind in _FACTORS or op.kind in _SUMS:
        merged = _merged(op, a, fused)
        return [(merged, demands) for demands in _operands(op, a)]
    x = op.inputs[0]
    if x is None:
        raise Blocked("")
    if op.kind in _RESHAPES:
        return [(op, (Demand(0, regrid(a, result, x), fused),))]
    if op.kind == "TRANSPOSE":
        inverse = np.argsort(_permutation(op))
        return [(op, (Demand(0, a.mapped(lambda p: p.transpose(inverse)), fused),))]
    if op.kind == "CONCATENATION":
        _passes_activation(op, a)
        parts = _split(op, a)
        return [(op, tuple(Demand(i, part, fused) for i, part in enumerate(parts)))]
    row = ROWS.get(op.kind)
    if row is None:
        raise Blocked("")
    if _drops(op):
        lost = row.axes(op, x)
        if lost is None:
            raise Blocked("")
        a = a.mapped(lambda p: np.expand_dims(p, lost))
    axes = _allowed(op, row, x, a)
    if (op.kind in _PADS and axes and not a.pure) or op.kind == "PADV2":
        if fused:
            raise Blocked("")
        return [(_repadded(op, _pad_value(op) * a.scale + a.shift), (Demand(0, a),))]
    return [_placed(op, row, a, fused)]


def _placed(op: Op, row: Row, a: Affine, fused: int) -> tuple[Op, tuple[Demand, ...]]:
    """Keep an activation on a pool, or move it on."""
    if op.option("fused_activation_function") is not None:
        return _merged(op, a, fused), (Demand(0, a),)
    if fused and not row.clamps:
        raise Blocked(f"{op.kind} cannot take the activation")
    return op, (Demand(0, a, fused),)


def _merged(op: Op, a: Affine, fused: int) -> Op:
    merged = merge_activation(op, a, fused)
    if merged == activation(op) or op.options is None:
        return op
    return op.with_(options=op.options.with_(fused_activation_function=merged))


def _allowed(op: Op, row: Row, x: Tensor, a: Affine) -> Axes:
    """Return the axes the op mixes when it lets `a` (at the rank of x) pass."""
    axes = row.axes(op, x)
    if axes is None:
        if a.axes or op.kind not in ("SLICE", "STRIDED_SLICE"):
            raise Blocked("")
        axes = ()
    if len(op.outputs) != 1 or a.axes & set(axes):
        raise Blocked(f"{op.kind} mixes values that are scaled differently")
    if row.order and not a.positive:
        raise Blocked(f"{op.kind} needs positive factors")
    if row.relu and not a.past_relu:
        raise Blocked(f"{op.kind} stands between")
    if row.zero and not a.pure:
        raise Blocked(f"{op.kind} lets no shift pass")
    _passes_activation(op, a)
    return axes


def _passes_activation(op: Op, a: Affine) -> None:
    own = activation(op)
    if own == Activation.NONE or (own == Activation.RELU and a.keeps_relu):
        return
    raise Blocked(f"{Activation(own).name} stands between")


def _drops(op: Op) -> bool:
    """True for reductions that drop the axes they reduce."""
    return op.kind in _REDUCERS and not op.option("keep_dims")


def _permutation(op: Op) -> Sequence[int]:
    found = integers(op.input(1))
    if found is None:
        raise Blocked("")
    return [int(i) for i in found]


def _nonzero(scale: Array) -> Array:
    if not scale.all():
        raise Blocked("a factor is zero")
    return scale


def _pad_value(op: Op) -> float:
    if op.kind == "PAD":
        return 0.0
    found = scalar(op.input(2))
    if found is None:
        raise Blocked("")
    return found


def _repadded(op: Op, border: Array) -> Op:
    """Return the PAD or PADV2 with another border, which must be one number."""
    values = affine(border, np.zeros_like(border)).scale
    if values.size != 1:
        raise Blocked("the border would need another value per channel")
    single = values.reshape(())
    if not single:
        if op.kind == "PAD":
            return op
        return op.with_(kind="PAD", inputs=op.inputs[:2], options=_NO_OPTIONS["PAD"], version=1)
    number = as_constant(f"{op.outputs[0].name}/border", single)
    inputs = (*op.inputs[:2], number)
    return op.with_(kind="PADV2", inputs=inputs, options=_NO_OPTIONS["PADV2"], version=1)


def _axis(op: Op) -> int:
    return int(op.option("axis", 0)) % len(op.outputs[0].shape)


def _joined(op: Op, position: int, a: Affine) -> Affine:
    """Return what the whole CONCATENATION undergoes when one operand does."""
    axis = _axis(op)
    parts = []
    for i, tensor in enumerate(op.inputs):
        if tensor is None or (tensor.shape_signature or tensor.shape)[axis] < 0:
            raise Blocked("sizes are only known at run time")
        rank, count = len(tensor.shape), tensor.shape[axis]
        own = a if i == position else affine(np.ones((1,) * rank), np.zeros((1,) * rank))
        parts.append((own, count))
    return affine(
        _stacked([(p.scale, n) for p, n in parts], axis),
        _stacked([(p.shift, n) for p, n in parts], axis),
        a.centered,
        a.past_relu,
    )


def _stacked(parts: Sequence[tuple[Array, int]], axis: int) -> Array:
    shape = list(np.broadcast_shapes(*(_with_size(p.shape, axis, 1) for p, _ in parts)))
    pieces = []
    for values, count in parts:
        shape[axis] = count
        pieces.append(np.broadcast_to(values, shape))
    return np.concatenate(pieces, axis)


def _with_size(shape: Sequence[int], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _split(op: Op, a: Affine) -> list[Affine]:
    """Return what each operand of a CONCATENATION must undergo."""
    axis = _axis(op)
    if axis not in a.axes:
        return [a] * len(op.inputs)
    parts, start = [], 0
    for tensor in op.inputs:
        if tensor is None or (tensor.shape_signature or tensor.shape)[axis] < 0:
            raise Blocked("sizes are only known at run time")
        stop = start + tensor.shape[axis]
        parts.append(a.mapped(partial(_taken, axis=axis, start=start, stop=stop)))
        start = stop
    return parts


def _taken(values: Array, axis: int, start: int, stop: int) -> Array:
    return values if values.shape[axis] == 1 else values.take(range(start, stop), axis)


def _operand(op: Op, position: int, a: Affine) -> Affine:
    """Return how it passes one operand of a product or sum of two values."""
    rank = len(op.outputs[0].shape)
    if op.kind in _FACTORS:
        if not a.pure or (op.kind == "DIV" and position == 1):
            raise Blocked("")
        _passes_activation(op, a)
        return a.at_rank(rank)
    if not a.unscaled or activation(op) != Activation.NONE:
        raise Blocked("")
    negated = op.kind == "SUB" and position == 1
    return (replace(a, shift=-a.shift) if negated else a).at_rank(rank)


def _operands(op: Op, a: Affine) -> list[tuple[Demand, ...]]:
    """Return the ways to make a product or sum of two values undergo `a`."""
    if op.kind in _FACTORS:
        if not a.pure:
            raise Blocked("")
        positions = (0, 1) if op.kind == "MUL" else (0,)
        return [(Demand(i, a),) for i in positions if _fits(op, i, a)]
    ways = []
    for shifted in (0, 1):
        sign = -1 if op.kind == "SUB" and shifted == 1 else 1
        with_shift = replace(a, shift=sign * a.shift)
        parts = [a.without_shift(), a.without_shift()]
        parts[shifted] = with_shift
        asked = tuple(
            Demand(i, part) for i, part in enumerate(parts) if not (part.pure and part.unscaled)
        )
        if all(_fits(op, d.position, d.a) for d in asked):
            ways.append(asked)
    return ways


def _fits(op: Op, position: int, a: Affine) -> bool:
    tensor = op.inputs[position]
    return tensor is not None and a.fits(tensor.shape)
