"""Negations are taken over by the ops around them.

Algebra, exact even in floating point:
    ADD(NEG(x), y)       = SUB(y, x)
    SUB(y, NEG(x))       = ADD(y, x)
    MUL(NEG(x), NEG(y))  = MUL(x, y)
    MUL(NEG(x), c)       = MUL(x, −c)          c constant
    MUL(NEG(x), y)       = NEG(MUL(x, y))      pushed until an ADD or SUB absorbs it
    NEG(SUB(x, y))       = SUB(y, x)           difference read by nothing else
    SQUARE(NEG(x))       = SQUARE(x);  ABS(NEG(x)) = ABS(x)
Side conditions: a product is pushed through only when every reader absorbs the sign in the end.
Saves each NEG whose readers all take it over. Minimum: no NEG before ADD, SUB or a constant factor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType

from litesmith.graph import DType, Op, Options, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    Family,
    Rule,
    View,
    activation,
    affordable,
    binary,
    value,
)

Form = Callable[[Op, View], "Sequence[Op] | Edit | Decline | None"]


def form_rule(form: Form) -> Rule:
    """Return the rule that puts the ops of a form in the place of a float op."""

    def rule(op: Op, view: View) -> Edit | Decline | None:
        if op.outputs[0].dtype is not DType.FLOAT32 or op.outputs[0].quant is not None:
            return None
        new = form(op, view)
        if new is None or isinstance(new, Edit | Decline):
            return new
        # Forms look through their operands' makers, which must stay what they are meanwhile.
        around = {view.made_by[t] for t in op.inputs if t is not None and t in view.made_by}
        return Edit({**{maker: (maker,) for maker in around}, op: new})

    return rule


def like(op: Op, kind: str, a: Tensor | None, b: Tensor | None) -> Op:
    """Return an arithmetic op with the result and the fused activation of `op`."""
    assert a is not None and b is not None
    return binary(kind, a, b, op.outputs[0], op, activation(op))


def absorbed(tensor: Tensor, view: View) -> bool:
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
    return op.kind == "MUL" and plain and absorbed(op.outputs[0], view)


def _negated(tensor: Tensor | None, view: View) -> Tensor | None:
    """Return x when the tensor is NEG(x)."""
    maker = view.maker(tensor, "NEG")
    return maker.inputs[0] if maker is not None else None


def _add(op: Op, view: View) -> Sequence[Op] | None:
    a, b = op.inputs[:2]
    if (x := _negated(a, view)) is not None:
        return [like(op, "SUB", b, x)]
    if (x := _negated(b, view)) is not None:
        return [like(op, "SUB", a, x)]
    return None


def _sub(op: Op, view: View) -> Sequence[Op] | None:
    x = _negated(op.inputs[1], view)
    return None if x is None else [like(op, "ADD", op.inputs[0], x)]


def _mul(op: Op, view: View) -> Sequence[Op] | Decline | None:
    a, b = op.inputs[:2]
    x, y = _negated(a, view), _negated(b, view)
    if x is not None and y is not None:
        return [like(op, "MUL", x, y)]
    for positive, factor in ((x, b), (y, a)):
        if positive is None or factor is None:
            continue
        if (data := value(factor)) is not None:
            if not affordable(factor, view):
                return Decline(op, "the factor is large and has other readers")
            return [like(op, "MUL", positive, factor.with_(data=-data))]
        if activation(op) == Activation.NONE and absorbed(op.outputs[0], view):
            product = op.outputs[0].with_(name=op.outputs[0].name + "/positive")
            return [
                op.with_(inputs=(positive, factor), outputs=(product,)),
                Op("NEG", (product,), op.outputs, _NEG_OPTIONS, origin=op.origin),
            ]
    return None


def _neg(op: Op, view: View) -> Sequence[Op] | None:
    difference = view.plain(op.inputs[0], "SUB")
    if difference is None:
        return None
    a, b = difference.inputs[:2]
    assert a is not None and b is not None
    return [binary("SUB", b, a, op.outputs[0], op)]


def _even(op: Op, view: View) -> Sequence[Op] | None:
    x = _negated(op.inputs[0], view)
    return None if x is None else [op.with_(inputs=(x,))]


_NEG_OPTIONS = Options("NegOptions", MappingProxyType({}))

SIGNS = Family(
    "signs",
    "negations are taken over by the ops around them",
    {
        "ADD": (form_rule(_add),),
        "SUB": (form_rule(_sub),),
        "MUL": (form_rule(_mul),),
        "NEG": (form_rule(_neg),),
        "SQUARE": (form_rule(_even),),
        "ABS": (form_rule(_even),),
    },
)
