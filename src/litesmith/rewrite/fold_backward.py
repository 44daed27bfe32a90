"""A constant scale and shift goes back into the linear op whose result it changes.

Algebra, y = act(s·x + t) with constants:
    act(s·linear(z) + t)    = linear'(z)      s, t into weights and bias, act fused
    s·op(z) + t             = op(s'·z + t')   pools, MEAN, moves, resize, PAD with another border
    s·CONCATENATION(…) + t  = CONCATENATION(s₁·z₁ + t₁, …)  each slice into its own producer
    s·(z·v)                 = (s·z)·v         v a value, such as a squeeze-excite gate
    s·(z + v) + t           = (s·z + t) + s·v both into their producers
Side conditions: values on the way are read by nothing else and are no outputs, weights that serve
other ops are not stored twice beyond 4 KiB, and no activation is on the way (what goes past a ReLU
is a family of its own, scales_past_relu). Borders do not matter. Saves the op, and one pass over
the value.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.graph import Op, Tensor
from litesmith.graph.enums import CLAMPS, Activation
from litesmith.rewrite.affine import KINDS, Affine, Blocked, as_constant, read_affine
from litesmith.rewrite.affine_linear import LINEAR, after
from litesmith.rewrite.affine_through import Demand, backward
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, affordable, value

Plan = dict[Op, list[Op]]


def fold(op: Op, view: View, past_relu: bool = False) -> Edit | Decline | None:
    """Return the edit that takes a scale and shift into the ops that make the value.

    Args:
        op: the constant arithmetic.
        view: its surroundings.
        past_relu: it may go past a ReLU on the way.
    """
    found = read_affine(op)
    if found is None:
        return None
    x, a = found[0], replace(found[1], past_relu=past_relu)
    fused = activation(op)
    if fused not in CLAMPS:
        return None
    try:
        return Edit({op: [], **_pull(x, op.outputs[0], a, fused, view)})
    except Blocked as blocked:
        expected = str(blocked) and view.maker(x, *LINEAR) is not None
        return Decline(op, str(blocked)) if expected else None


def _pull(tensor: Tensor, target: Tensor, a: Affine, fused: int, view: View) -> Plan:
    """Return the edit after which `target` = fused(a(tensor)) is made in place of `tensor`."""
    op = view.private(tensor)
    if op is None:
        raise Blocked("what it changes is read elsewhere too")
    if op.kind in LINEAR:
        return {op: [after(op, a, fused, target, view)]}
    own = read_affine(op)
    if own is not None:
        if activation(op) != Activation.NONE:
            raise Blocked("")
        return {op: [], **_pull(own[0], target, a.after(own[1]), fused, view)}
    if len(op.outputs) != 1:
        raise Blocked("")
    why = ""
    for changed, demands in backward(op, a, fused):
        try:
            return _met(op, changed, demands, target, view)
        except Blocked as blocked:
            why = str(blocked)
    raise Blocked(why)


def _met(op: Op, changed: Op, demands: tuple[Demand, ...], target: Tensor, view: View) -> Plan:
    plan: Plan = {}
    inputs = list(changed.inputs)
    for demand in demands:
        tensor = op.inputs[demand.position]
        assert tensor is not None
        if tensor.is_constant:
            inputs[demand.position] = _computed(tensor, demand, view)
            continue
        fresh = tensor.with_()
        inputs[demand.position] = fresh
        more = _pull(tensor, fresh, demand.a, demand.fused, view)
        if plan.keys() & more.keys():
            raise Blocked("")
        plan |= more
    plan[op] = [changed.with_(inputs=tuple(inputs), outputs=(target,))]
    return plan


def _computed(tensor: Tensor, demand: Demand, view: View) -> Tensor:
    data = value(tensor)
    if data is None or not affordable(tensor, view):
        raise Blocked("")
    low, high = CLAMPS[demand.fused]
    result = np.clip(data.astype(np.float64) * demand.a.scale + demand.a.shift, low, high)
    return as_constant(tensor.name, result)


FOLD_BACKWARD = Family(
    "fold_backward",
    "constant scales and shifts go into the weights of the ops that make the value",
    {kind: (fold,) for kind in KINDS},
)
