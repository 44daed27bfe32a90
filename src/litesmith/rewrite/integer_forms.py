"""Ops without an integer kernel are written as ops that have one; the meaning stays the same.

Algebra, exact in real numbers:
    SQUARE(x)           = MUL(x, x)
    POW(x, 2)           = MUL(x, x);  POW(x, ½) = SQRT(x);  POW(x, −½) = RSQRT(x)
    DIV(x, c)           = MUL(x, 1/c)                       c constant
    DIV(x, SQRT(y))     = MUL(x, RSQRT(y))                  SQRT read by nothing else
    ADD(NEG(x), y)      = SUB(y, x)
    SUB(y, NEG(x))      = ADD(y, x)
    MUL(NEG(x), y)      = NEG(MUL(x, y))                    pushed until an ADD or SUB absorbs it
    NEG(x)              = MUL(x, −1)                        when nothing absorbs it
    SUB(MUL(x, a), MUL(m, a))          = MUL(SUB(x, m), a)  products read by nothing else
    ADD(MUL(x, a), SUB(b, MUL(m, a)))  = ADD(MUL(SUB(x, m), a), b)
The last two are what the converter makes of layer normalization. Subtracting first matters: in
8 bits the difference of two large products has lost what the small difference of x and m keeps.
Saves float islands in an int8 file; never adds an op.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np

from litesmith.graph import DType, Op, Options, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import (
    Edit,
    Family,
    Rule,
    View,
    activation,
    binary,
    constant,
    scalar,
)


def _negated(tensor: Tensor | None, view: View) -> Tensor | None:
    """Return x when the tensor is NEG(x)."""
    maker = view.maker(tensor, "NEG")
    return maker.inputs[0] if maker is not None else None


def _absorbed(tensor: Tensor, view: View) -> bool:
    """True when each reader of −tensor can take tensor instead, at no cost."""
    readers = view.read_by.get(tensor, [])
    if tensor in view.outputs or not readers:
        return False
    return all(_absorbs(op, tensor, view) for op in readers)


def _absorbs(op: Op, tensor: Tensor, view: View) -> bool:
    if op.inputs.count(tensor) != 1:
        return False
    if op.kind == "ADD":
        return True
    if op.kind == "SUB":
        return op.inputs[1] is tensor
    plain = activation(op) == Activation.NONE
    return op.kind == "MUL" and plain and _absorbed(op.outputs[0], view)


def _square(op: Op, view: View) -> Sequence[Op] | None:
    x = op.inputs[0]
    return [_like(op, "MUL", x, x)]


def _pow(op: Op, view: View) -> Sequence[Op] | None:
    exponent = scalar(op.input(1))
    x = op.inputs[0]
    if x is None or op.outputs[0].shape != x.shape:
        return None  # an exponent of higher rank adds dimensions
    if exponent == 2.0:
        return [_like(op, "MUL", x, x)]
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
        return [_like(op, "MUL", x, constant(y.name + "/reciprocal", inverted))]
    maker = view.plain(y, "SQRT")
    if maker is not None and x is not y:
        inverse = y.with_(name=y.name + "/rsqrt")
        rsqrt = maker.with_(kind="RSQRT", outputs=(inverse,), version=1)
        return [rsqrt, _like(op, "MUL", x, inverse)]
    return None


def _add(op: Op, view: View) -> Sequence[Op] | None:
    a, b = op.inputs[:2]
    if (x := _negated(a, view)) is not None:
        return [_like(op, "SUB", b, x)]
    if (x := _negated(b, view)) is not None:
        return [_like(op, "SUB", a, x)]
    return _centered_add(op, a, b, view) or _centered_add(op, b, a, view)


def _centered_add(
    op: Op, product: Tensor | None, rest: Tensor | None, view: View
) -> Sequence[Op] | None:
    """ADD(MUL(x, a), SUB(b, MUL(m, a))) → ADD(MUL(SUB(x, m), a), b)."""
    offset = view.plain(rest, "SUB")
    if offset is None:
        return None
    center = _center(op, product, offset.inputs[1], view)
    if center is None:
        return None
    difference, scaled = center
    return [difference, scaled, _like(op, "ADD", scaled.outputs[0], offset.inputs[0])]


def _center(
    op: Op, first: Tensor | None, second: Tensor | None, view: View
) -> tuple[Op, Op] | None:
    """Return the ops of MUL(SUB(x, m), a) for the products MUL(x, a) and MUL(m, a)."""
    one, two = view.plain(first, "MUL"), view.plain(second, "MUL")
    if one is None or two is None or one is two:
        return None
    for x, a in (one.inputs[:2], one.inputs[1::-1]):
        if a is None or x is None or a not in two.inputs:
            continue
        m = two.inputs[1 - two.inputs.index(a)]
        if m is None or np.broadcast_shapes(x.shape, m.shape) != x.shape:
            continue
        base = op.outputs[0]
        centered = base.with_(name=base.name + "/centered", shape=x.shape, shape_signature=None)
        scaled = one.outputs[0].with_(name=base.name + "/scaled")
        return binary("SUB", x, m, centered, op), binary("MUL", centered, a, scaled, op)
    return None


def _sub(op: Op, view: View) -> Sequence[Op] | None:
    a, b = op.inputs[:2]
    x = _negated(b, view)
    if x is not None:
        return [_like(op, "ADD", a, x)]
    center = _center(op, a, b, view)
    if center is None:
        return None
    difference, scaled = center
    return [difference, _like(op, "MUL", *scaled.inputs)]


def _mul(op: Op, view: View) -> Sequence[Op] | None:
    if activation(op) != Activation.NONE or not _absorbed(op.outputs[0], view):
        return None
    a, b = op.inputs[:2]
    for x, other in ((_negated(a, view), b), (_negated(b, view), a)):
        if x is not None:
            product = op.outputs[0].with_(name=op.outputs[0].name + "/positive")
            return [
                op.with_(inputs=(x, other), outputs=(product,)),
                Op("NEG", (product,), op.outputs, _NEG_OPTIONS, origin=op.origin),
            ]
    return None


def _neg(op: Op, view: View) -> Sequence[Op] | None:
    if _absorbed(op.outputs[0], view):
        return None  # a reader takes the sign over; this op dies with it
    return [_like(op, "MUL", op.inputs[0], constant("minus_one", -1.0))]


_NEG_OPTIONS = Options("NegOptions", MappingProxyType({}))


def _like(op: Op, kind: str, a: Tensor | None, b: Tensor | None) -> Op:
    """Return an arithmetic op with the result and the fused activation of `op`."""
    assert a is not None and b is not None
    return binary(kind, a, b, op.outputs[0], op, activation(op))


_FORMS: dict[str, Callable[[Op, View], Sequence[Op] | None]] = {
    "SQUARE": _square,
    "POW": _pow,
    "DIV": _div,
    "ADD": _add,
    "SUB": _sub,
    "MUL": _mul,
    "NEG": _neg,
}


def _rule(form: Callable[[Op, View], Sequence[Op] | None]) -> Rule:
    def rule(op: Op, view: View) -> Edit | None:
        if op.outputs[0].dtype is not DType.FLOAT32:
            return None
        new = form(op, view)
        if new is None:
            return None
        # Forms look through their operands' makers, which must stay what they are meanwhile.
        around = {view.made_by[t] for t in op.inputs if t is not None and t in view.made_by}
        return Edit({**{maker: (maker,) for maker in around}, op: new})

    return rule


INTEGER_FORMS = Family(
    "integer_forms",
    "ops without an integer kernel become ops that have one",
    {kind: (_rule(form),) for kind, form in _FORMS.items()},
)
