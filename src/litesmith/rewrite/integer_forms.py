"""Ops without an integer kernel are written as ops that have one; the meaning stays the same.

Algebra, exact in real numbers:
    SQUARE(x)   = MUL(x, x)
    POW(x, 2)   = MUL(x, x);  POW(x, ½) = SQRT(x);  POW(x, −½) = RSQRT(x)
    DIV(x, c)   = MUL(x, 1/c)                       c constant
    NEG(x)      = MUL(x, −1)                        when nothing absorbs it
Runs with `signs` (ops take negations over) and `normalization` (the mean is subtracted first, and
a division by a root becomes a product), which turn further ops into such with integer kernels.
Saves float islands in an int8 file; never adds an op.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.graph import Op
from litesmith.rewrite.engine import Family, View, constant, scalar
from litesmith.rewrite.signs import absorbed, form_rule, like


def _square(op: Op, view: View) -> Sequence[Op] | None:
    x = op.inputs[0]
    return [like(op, "MUL", x, x)]


def _pow(op: Op, view: View) -> Sequence[Op] | None:
    exponent = scalar(op.input(1))
    x = op.inputs[0]
    if x is None or op.outputs[0].shape != x.shape:
        return None  # an exponent of higher rank adds dimensions
    if exponent == 2.0:
        return [like(op, "MUL", x, x)]
    if exponent in (0.5, -0.5):
        kind = "SQRT" if exponent > 0 else "RSQRT"
        return [op.with_(kind=kind, inputs=(x,), options=None, version=1)]
    return None


def _div(op: Op, view: View) -> Sequence[Op] | None:
    x, y = op.inputs[:2]
    assert y is not None
    if y.data is not None:
        with np.errstate(divide="ignore", over="ignore"):
            inverted = 1 / y.data
        if not np.isfinite(inverted).all():
            return None
        return [like(op, "MUL", x, constant(y.name + "/reciprocal", inverted))]
    return None


def _neg(op: Op, view: View) -> Sequence[Op] | None:
    if absorbed(op.outputs[0], view):
        return None  # a reader takes the sign over; this op dies with it
    return [like(op, "MUL", op.inputs[0], constant("minus_one", -1.0))]


INTEGER_FORMS = Family(
    "integer_forms",
    "ops without an integer kernel become ops that have one",
    {
        "SQUARE": (form_rule(_square),),
        "POW": (form_rule(_pow),),
        "DIV": (form_rule(_div),),
        "NEG": (form_rule(_neg),),
    },
)
