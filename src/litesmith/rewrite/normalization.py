"""Layer, group, instance and root-mean-square normalization in the fewest ops.

Algebra, exact in real numbers (m: MEAN(x), d = SUB(x, m), kept once per x and m):
    SUB(MUL(x, a), MUL(m, a))          = MUL(d, a)            products read by nothing else
    ADD(MUL(x, a), SUB(b, MUL(m, a)))  = ADD(MUL(d, a), b)
    SQUARED_DIFFERENCE(x, m)           = MUL(d, d)            where d is there
    MUL(d, MUL(r, γ))                  = MUL(MUL(d, r), γ)    γ constant, see below
    DIV(x, SQRT(y))                    = MUL(x, RSQRT(y))     SQRT read by nothing else
    DIV(1, SQRT(y))                    = RSQRT(y)
The factor γ is taken out of the product with r where that costs nothing (the product is as large
as d) or where a linear op follows, which then can absorb γ and the shift behind it.
Subtracting first also matters in 8 bits: the difference of two large products has lost what the
small difference of x and m keeps.

Minimum ops: LayerNormalization 9 (MEAN SUB MUL MEAN ADD RSQRT MUL MUL ADD; the converter's: 11),
7 before a linear op that takes γ and β in, 6 where it also takes the mean in (`absorbed_means`), 5
where the value is made without its mean (`centered_weights`). GroupNormalization two RESHAPEs more
(the converter's: 14). RMSNormalization 6 (SQUARE MEAN ADD RSQRT MUL MUL), 5 before a linear op.
L2_NORMALIZATION of the difference with a channel of √(nε) beside would be 4 ops, but its kernel is
a plain loop: measured 2 to 5 times slower. MEAN and ADD as one FULLY_CONNECTED with one column
costs what 20 columns cost: measured never faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.graph import Op, Tensor
from litesmith.rewrite.engine import (
    Edit,
    Family,
    View,
    activation,
    binary,
    broadcast,
    dims,
    sized,
    value,
)
from litesmith.rewrite.signs import form_rule, like

_LINEAR = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")


def _difference(x: Tensor, m: Tensor, op: Op, view: View) -> Op | None:
    """Return the SUB(x, m) that is there before `op`, if there is one."""
    for other in view.read_by.get(x, ()):
        exact = other.kind == "SUB" and other.inputs[:2] == (x, m) and not activation(other)
        if exact and view.position[other] < view.position[op]:
            return other
    return None


def _add(op: Op, view: View) -> Sequence[Op] | Edit | None:
    a, b = op.inputs[:2]
    return _centered_add(op, a, b, view) or _centered_add(op, b, a, view)


def _centered_add(op: Op, product: Tensor | None, rest: Tensor | None, view: View) -> Edit | None:
    """ADD(MUL(x, a), SUB(b, MUL(m, a))) → ADD(MUL(SUB(x, m), a), b)."""
    offset = view.plain(rest, "SUB")
    if offset is None:
        return None
    return _center(op, product, offset.inputs[1], offset.inputs[0], view)


def _sub(op: Op, view: View) -> Sequence[Op] | Edit | None:
    a, b = op.inputs[:2]
    return _center(op, a, b, None, view)


def _center(
    op: Op, first: Tensor | None, second: Tensor | None, shift: Tensor | None, view: View
) -> Edit | None:
    """MUL(x, a) − MUL(m, a) [+ shift] → MUL(SUB(x, m), a) [+ shift]."""
    one, two = view.plain(first, "MUL"), view.plain(second, "MUL")
    if one is None or two is None or one is two:
        return None
    for x, a in (one.inputs[:2], one.inputs[1::-1]):
        if a is None or x is None or a not in two.inputs:
            continue
        m = two.inputs[1 - two.inputs.index(a)]
        if m is None or broadcast(x, m) != dims(x):
            continue
        stays = {view.made_by[t]: (view.made_by[t],) for t in op.inputs if t in view.made_by}
        return Edit({**stays, **_centered(op, one, (x, m, a), shift, view)})
    return None


def _centered(
    op: Op, one: Op, xma: tuple[Tensor, Tensor, Tensor], shift: Tensor | None, view: View
) -> dict[Op, Sequence[Op]]:
    x, m, a = xma
    base = op.outputs[0]
    there = _difference(x, m, op, view)
    if there is None:
        d = sized(base.with_(name=base.name + "/centered"), dims(x))
        first, kept = [binary("SUB", x, m, d, op)], {}
    else:
        first, kept, d = [], {there: (there,)}, there.outputs[0]
    if shift is None:
        return {**kept, op: [*first, like(op, "MUL", d, a)]}
    scaled = one.outputs[0].with_(name=base.name + "/scaled")
    last = like(op, "ADD", scaled, shift)
    return {**kept, op: [*first, binary("MUL", d, a, scaled, op), last]}


def _squared_difference(op: Op, view: View) -> Edit | None:
    """SQUARED_DIFFERENCE(x, m) → MUL(d, d) where SUB(x, m) = d is computed anyway."""
    for x, m in (op.inputs[:2], op.inputs[1::-1]):
        if x is None or m is None:
            continue
        for other in view.read_by.get(x, ()):
            if other.kind == "SUB" and other.inputs[:2] == (x, m) and not activation(other):
                d = other.outputs[0]
                product = like(op, "MUL", d, d)
                if view.position[other] < view.position[op]:
                    return Edit({other: (other,), op: [product]})
                return Edit({other: (), op: [other, product]})
    return None


def _reassociate(op: Op, view: View) -> Sequence[Op] | None:
    """MUL(d, MUL(r, γ)) → MUL(MUL(d, r), γ)."""
    for d, scale in (op.inputs[:2], op.inputs[1::-1]):
        inner = view.plain(scale, "MUL")
        if inner is None or d is None or d.is_constant or scale is None:
            continue
        r, gamma = inner.inputs[:2]
        if value(gamma) is None:
            r, gamma = gamma, r
        if r is None or gamma is None or value(gamma) is None or r.is_constant:
            continue
        whole = dims(op.outputs[0])
        if dims(d) != whole or broadcast(d, r) != whole or dims(r) == dims(scale):
            continue
        if dims(scale) == whole or _feeds_linear(op.outputs[0], view):
            scaled = op.outputs[0].with_(name=op.outputs[0].name + "/normalized")
            return [binary("MUL", d, r, scaled, op), like(op, "MUL", scaled, gamma)]
    return None


def _feeds_linear(tensor: Tensor, view: View) -> bool:
    """True when constants are added and multiplied at most before a linear op follows."""
    for _ in range(4):
        reader = view.reader(tensor)
        if reader is None:
            return False
        if reader.kind in _LINEAR:
            return reader.inputs[0] is tensor and value(reader.input(1)) is not None
        constant = any(value(t) is not None for t in reader.inputs)
        if reader.kind not in ("ADD", "MUL") or not constant or activation(reader):
            return False
        tensor = reader.outputs[0]
    return False


def _div(op: Op, view: View) -> Sequence[Op] | None:
    """DIV(x, SQRT(y)) → MUL(x, RSQRT(y))."""
    x, y = op.inputs[:2]
    maker = view.plain(y, "SQRT")
    if maker is None or y is None or x is None or x is y:
        return None
    if not activation(op) and _is_one(x) and broadcast(x, y) == dims(y):
        return [maker.with_(kind="RSQRT", outputs=op.outputs, version=1)]
    inverse = y.with_(name=y.name + "/rsqrt")
    rsqrt = maker.with_(kind="RSQRT", outputs=(inverse,), version=1)
    return [rsqrt, like(op, "MUL", x, inverse)]


def _is_one(tensor: Tensor) -> bool:
    data = value(tensor)
    return data is not None and bool(np.all(data == 1))


NORMALIZATION = Family(
    "normalization",
    "layer, group and root-mean-square normalization subtract the mean once",
    {
        "ADD": (form_rule(_add),),
        "SUB": (form_rule(_sub),),
        "SQUARED_DIFFERENCE": (form_rule(_squared_difference),),
        "MUL": (form_rule(_reassociate),),
        "DIV": (form_rule(_div),),
    },
)
