"""Axes that move together move as one, and need no RESHAPE to be told apart.

Algebra, exact: a TRANSPOSE moves runs of neighboring axes; with each run as one axis it is a
TRANSPOSE of fewer axes between other RESHAPEs,
    RESHAPE(TRANSPOSE(RESHAPE(x), p)) = RESHAPE'(TRANSPOSE(RESHAPE'(x), p'))
where a RESHAPE' is none if it changes nothing; and rows do not care how they are arranged,
    RESHAPE(SOFTMAX(RESHAPE(x)))      = RESHAPE''(SOFTMAX(x))      last axis unchanged
as in attention over images. Side conditions: values between are read by nothing else, sizes are
known, and there are fewer ops than before. Saves 1 or 2 ops each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from litesmith.graph import DType, Op, Tensor
from litesmith.rewrite.engine import Edit, Family, View, dims
from litesmith.rewrite.layouts import order_of, permuted, reshaped

_ROWS = ("SOFTMAX", "LOG_SOFTMAX")


def _turned(op: Op, view: View) -> Edit | None:
    """RESHAPE of TRANSPOSE of perhaps another RESHAPE."""
    turn = view.private(op.inputs[0], "TRANSPOSE")
    if turn is None or turn.inputs[0] is None or op.outputs[0].quant is not None:
        return None
    first = view.private(turn.inputs[0], "RESHAPE")
    x = turn.inputs[0] if first is None else first.inputs[0]
    order = order_of(turn)
    if x is None or order is None or x.is_constant or not _static(x, turn.inputs[0], op.outputs[0]):
        return None
    around = [turn] if first is None else [first, turn]
    ways = [
        _regrouped(x, turn.inputs[0].shape, order, cuts, op)
        for cuts in (frozenset[int](), _ends(op.outputs[0].shape))
    ]
    ops = min((way for way in ways if way is not None), key=len, default=None)
    if ops is None or len(ops) > len(around):
        return None
    return Edit({**dict.fromkeys(around, ()), op: ops})


def _static(*tensors: Tensor) -> bool:
    return all(-1 not in dims(t) and t.dtype is DType.FLOAT32 for t in tensors)


def _regrouped(
    x: Tensor, shape: Sequence[int], order: Sequence[int], cuts: frozenset[int], op: Op
) -> list[Op] | None:
    """Return ops from x, seen as `shape` and permuted, to the result of `op`."""
    runs = _runs(shape, order, cuts)
    ranks = {run[0]: i for i, run in enumerate(sorted(runs))}
    sizes = [prod(shape[a] for a in run) for run in sorted(runs)]
    moved = tuple(ranks[run[0]] for run in runs)
    result = op.outputs[0]
    name = result.name
    ops: list[Op | None] = []
    if tuple(sizes) != x.shape:
        source, x = x, _named(x, f"{name}/grouped", sizes)
        ops.append(reshaped(source, x, op))
    turned = _named(x, f"{name}/turned", [sizes[i] for i in moved])
    last = turned.shape == result.shape
    ops.append(permuted(x, moved, result if last else turned, op))
    if not last:
        ops.append(reshaped(turned, result, op))
    found = [o for o in ops if o is not None]
    return found if len(found) == len(ops) else None


def _ends(shape: Sequence[int]) -> frozenset[int]:
    """Return where the axes of a shape end, in elements of the leading axes together."""
    return frozenset(prod(shape[: i + 1]) for i in range(len(shape)))


def _runs(shape: Sequence[int], order: Sequence[int], cuts: frozenset[int]) -> list[list[int]]:
    """Return the axes that move, together where they are neighbors before and behind.

    A leading axis of size one stays by itself, and so do axes that end at a cut of the result.
    """
    runs: list[list[int]] = []
    for place, axis in enumerate(order):
        before = prod(shape[a] for a in order[:place])
        joins = bool(runs) and axis == runs[-1][-1] + 1 and before not in cuts
        if joins and not (axis == 1 and shape[0] == 1):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return runs


def _named(like: Tensor, name: str, sizes: Sequence[int]) -> Tensor:
    return like.with_(name=name, shape=tuple(sizes), shape_signature=None)


def _rows(op: Op, view: View) -> Edit | None:
    """RESHAPE of a function of rows of a RESHAPE."""
    rows = view.private(op.inputs[0], *_ROWS)
    first = view.private(rows.inputs[0], "RESHAPE") if rows is not None else None
    x = first.inputs[0] if first is not None else None
    if rows is None or first is None or x is None or op.outputs[0].quant is not None:
        return None
    same = _static(x, rows.outputs[0], op.outputs[0]) and len(x.shape) > 1
    if not same or x.shape[-1] != rows.outputs[0].shape[-1]:
        return None
    if x.shape == op.outputs[0].shape:
        return Edit({first: (), rows: (), op: (rows.with_(inputs=(x,), outputs=op.outputs),)})
    found = _named(x, rows.outputs[0].name + "/rows", x.shape)
    last = reshaped(found, op.outputs[0], op)
    if last is None:
        return None
    return Edit({first: (), rows: (), op: (rows.with_(inputs=(x,), outputs=(found,)), last)})


REGROUPED_AXES = Family(
    "regrouped_axes",
    "axes that move together move as one, and rows are not arranged and arranged again",
    {"RESHAPE": (_turned, _rows)},
)
