"""A constant scale and shift goes forward into the linear ops that read it.

Algebra, y = s·x + t with constants:
    linear(y)       = linear'(x)          s into the weights, t into the bias (affine_linear.py)
    op(s·x + t)     = s'·op(x) + t'       pools, MEAN, moves, resize, CONCATENATION, products with a
                                          value (affine_through.py)
    PAD(s·x + t)    = s·PADV2(x, −t/s) + t    when −t/s is one number
    (s·x) + t       = s·(x + t/s)         where t cannot pass (a border of zeros) but s can
Side conditions: y is no output and *every* reader takes it over; the zeros of SAME padding are no
input, so a shift stops there (unless the kernel is 1x1 or reads no border); weights that serve
other ops are not stored twice beyond 4 KiB; (x − mean)·s with mean·s > 64 stays as it is.
What goes past a ReLU is a family of its own, scales_past_relu. Saves the op, and one pass over the
value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from litesmith.graph import Op, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.affine import KINDS, Affine, Blocked, as_constant, read_affine
from litesmith.rewrite.affine_linear import (
    CENTERED_LIMIT,
    LINEAR,
    LOST,
    before,
    data_position,
)
from litesmith.rewrite.affine_through import forward
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, binary

Plan = dict[Op, list[Op]]
_SPREAD_LIMIT = 64.0
# Ops that take a ReLU which stood behind the MUL that goes.
_HOSTS = ("ADD", "SUB", "MUL", "DIV", "AVERAGE_POOL_2D", "MAX_POOL_2D", *LINEAR[:3])


def fold(op: Op, view: View, past_relu: bool = False) -> Edit | Decline | None:
    """Return the edit that takes a scale and shift into the ops that read it.

    Args:
        op: the constant arithmetic.
        view: its surroundings.
        past_relu: it may go past a ReLU on the way.
    """
    found = read_affine(op)
    if found is None:
        return None
    x, a = found[0], replace(found[1], past_relu=past_relu)
    result = op.outputs[0]
    try:
        _digits(x, a, view)
        plan = _host(op, x, a, view)
        return Edit(_merged(plan, _push(result, x, a, view)))
    except Blocked as blocked:
        return Decline(op, str(blocked)) if str(blocked) and _near(result, view) else None


def _near(tensor: Tensor, view: View) -> bool:
    """True when linear ops read it, if need be with constant arithmetic between."""
    readers = view.read_by.get(tensor, ())
    return any(
        op.kind in LINEAR or (read_affine(op) is not None and _near(op.outputs[0], view))
        for op in readers
    )


def _digits(x: Tensor, a: Affine, view: View) -> None:
    """Raise Blocked when the scale must stay where it is, behind a subtraction that must."""
    first = view.maker(x, "ADD", "SUB")
    own = read_affine(first) if first is not None else None
    if own is not None and a.after(own[1]).centered > CENTERED_LIMIT:
        raise Blocked(LOST)


def _host(op: Op, x: Tensor, a: Affine, view: View) -> Plan:
    """Return what becomes of the op, and of the op before it when that takes the ReLU over."""
    fused = activation(op)
    if fused == Activation.NONE:
        return {op: []}
    if a.unscaled:
        raise Blocked("")  # what makes a ReLU useful
    if fused != Activation.RELU or not a.keeps_relu:
        raise Blocked(f"{Activation(fused).name} stands between")
    host = view.plain(x, *_HOSTS)
    if host is None or host.options is None:
        raise Blocked("RELU stands between")
    return {op: [], host: [host.with_(options=host.options.with_(fused_activation_function=fused))]}


def _merged(one: Plan, two: Plan) -> Plan:
    if one.keys() & two.keys():
        raise Blocked("two of its paths meet again")
    return one | two


def _push(old: Tensor, new: Tensor, a: Affine, view: View) -> Plan:
    """Return the edit after which `new` serves where `old` = a(new) did."""
    readers = view.read_by.get(old, [])
    if old in view.outputs or not readers:
        raise Blocked("its result is an output of the model")
    plan: Plan = {}
    for op in readers:
        if op.inputs.count(old) != 1:
            raise Blocked("")
        plan = _merged(plan, _reader(op, old, new, a, view))
    return plan


def _reader(op: Op, old: Tensor, new: Tensor, a: Affine, view: View) -> Plan:
    position = data_position(op)
    if position is not None:
        if op.inputs[position] is not old:
            raise Blocked("")
        return {op: [before(op, a, new, view)]}
    own = read_affine(op)
    if own is not None:
        return _first(
            lambda: _composed(op, new, a, own[1], view), lambda: _kept(op, new, a, own[1], view)
        )
    changed, a = forward(op, old, new, a)
    return _passed(op, changed, a, view)


def _first(*ways: Callable[[], Plan]) -> Plan:
    why = ""
    for way in ways:
        try:
            return way()
        except Blocked as blocked:
            why = str(blocked) or why
    raise Blocked(why)


def _composed(op: Op, new: Tensor, a: Affine, own: Affine, view: View) -> Plan:
    """The op goes too: both are one scale and shift."""
    if activation(op) != Activation.NONE:
        raise Blocked(f"{Activation(activation(op)).name} stands between")
    return {op: [], **_push(op.outputs[0], new, own.after(a), view)}


def _kept(op: Op, new: Tensor, a: Affine, own: Affine, view: View) -> Plan:
    """The op stays, with its constant divided by the scale, which goes on alone."""
    fused = activation(op)
    if not a.pure or not own.unscaled or not a.scale.all():
        raise Blocked("")
    shift = own.shift / a.scale
    if fused:
        if fused != Activation.RELU or not a.keeps_relu:
            raise Blocked(_between(fused, a))
        if np.abs(shift).max() > _SPREAD_LIMIT / np.median(a.scale):
            raise Blocked("a dead channel would take the range of the others")
    kept = binary(
        "ADD", new, as_constant(f"{op.outputs[0].name}/shift", shift), op.outputs[0], op, fused
    )
    return _passed(op, kept, a, view)


def _between(fused: int, a: Affine) -> str:
    name = Activation(fused).name
    passable = fused == Activation.RELU and not a.positive
    return (
        f"{name} stands behind factors that are not positive"
        if passable
        else f"{name} stands between"
    )


def _passed(op: Op, changed: Op, a: Affine, view: View) -> Plan:
    """The op stays, changed; what it makes is followed."""
    result = op.outputs[0]
    fresh = result.with_()
    done = {op: [changed.with_(outputs=(fresh,))]}
    return _merged(done, _push(result, fresh, a, view))


FOLD_FORWARD = Family(
    "fold_forward",
    "constant scales and shifts go into the weights of the ops that read them",
    {kind: (fold,) for kind in KINDS},
)
