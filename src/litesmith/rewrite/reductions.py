"""Reductions of reductions are one reduction; a sum divided by its count is a mean.

Algebra, r one of MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD:
    r(r(x, i), j)     = r(x, i ∪ j)
    MUL(SUM(x), 1/n)  = MEAN(x)        n values per sum, known when the file is made
    DIV(SUM(x), n)    = MEAN(x)
Side conditions: the inner result is read by nothing else; axes are constant; both keep their
dimensions, or neither, or the inner one keeps none; a sum is of at most 64 values then. Kernels
add up one by one: 36 · 44 values in one go are 10 times further off than rows, then columns.
Saves one op. Minimum: one op per chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from litesmith.graph import DType, Op, Tensor
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, dims, scalar
from litesmith.rewrite.signs import form_rule

_LONGEST_SUM = 64
_KINDS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")


def axes_of(reduction: Op) -> tuple[int, ...] | None:
    """Return the axes that a reduction runs over, ascending; None when they are computed."""
    x, axes = reduction.inputs[:2]
    if x is None or axes is None or axes.data is None:
        return None
    rank = len(x.shape)
    return tuple(sorted({int(a) % rank for a in axes.data.reshape(-1)})) if rank else ()


def over(axes: Sequence[int], name: str) -> Tensor:
    """Return the constant that holds a reduction's axes."""
    return Tensor(name, (len(axes),), DType.INT32, np.asarray(axes, np.int32))


def _merge(op: Op, view: View) -> Edit | Decline | None:
    inner = view.private(op.inputs[0], op.kind)
    if inner is None:
        return None
    one, two = axes_of(inner), axes_of(op)
    if one is None or two is None:
        return Decline(op, "the axes are computed")
    x = inner.inputs[0]
    assert x is not None
    if not inner.option("keep_dims"):
        kept = [a for a in range(len(x.shape)) if a not in one]
        two = tuple(kept[a] for a in two)
        if op.option("keep_dims"):
            return None  # one axis is dropped, the other kept: no reduction says that
    elif not op.option("keep_dims"):
        return None
    sizes = [dims(x)[a] for a in {*one, *two}]
    longest = prod(sizes) if -1 not in sizes else _LONGEST_SUM + 1
    if op.kind in ("SUM", "MEAN") and longest > _LONGEST_SUM:
        return Decline(op, f"more than {_LONGEST_SUM} values in one sum would lose digits")
    axes = over(sorted({*one, *two}), op.outputs[0].name + "/axes")
    return Edit({inner: (inner,), op: [op.with_(inputs=(x, axes))]})


def _mean(op: Op, view: View) -> Sequence[Op] | None:
    """MUL(SUM(x), 1/n) → MEAN(x)."""
    if activation(op):
        return None
    pairs = (op.inputs[:2], op.inputs[1::-1]) if op.kind == "MUL" else (op.inputs[:2],)
    for total, factor in pairs:
        inner, by = view.private(total, "SUM"), scalar(factor)
        if inner is None or by is None or total is None or dims(total) != dims(op.outputs[0]):
            continue
        axes, x = axes_of(inner), inner.inputs[0]
        if axes is None or x is None or any(dims(x)[a] < 0 for a in axes):
            continue
        count = prod(x.shape[a] for a in axes)
        wanted = np.float32(1 / count) if op.kind == "MUL" else np.float32(count)
        if np.float32(by) == wanted:
            return [inner.with_(kind="MEAN", outputs=op.outputs, version=1)]
    return None


REDUCTIONS = Family(
    "reductions",
    "reductions of reductions become one",
    {
        **{kind: (_merge,) for kind in _KINDS},
        "MUL": (form_rule(_mean),),
        "DIV": (form_rule(_mean),),
    },
)
