"""Softmax and log-softmax, written out, become one op.

Algebra, over the last axis; m one number per row:
    DIV(EXP(s), SUM(EXP(s)))                    = SOFTMAX(s)
    SUB(s, LOG(SUM(EXP(s))))                    = LOG_SOFTMAX(s)
    SUB(x, ADD(LOG(SUM(EXP(SUB(x, m)))), m))    = LOG_SOFTMAX(x)
    LOG(SOFTMAX(s))                             = LOG_SOFTMAX(s)
    SOFTMAX(SUB(x, m)), SOFTMAX(ADD(x, m))      = SOFTMAX(x); likewise LOG_SOFTMAX
The last one removes the subtraction of the maximum, which the kernels do themselves, and with it
the ops that only computed m. Side conditions: values on the way are read by nothing else; SUM keeps
its dimension; m is finite. Saves 2 to 9 ops. Minimum: 1. Other axes need a TRANSPOSE before and
behind: declined, three ops stay three.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from litesmith.graph import Op, Options, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, dims
from litesmith.rewrite.reductions import axes_of
from litesmith.rewrite.signs import form_rule


def _softmax(x: Tensor, op: Op) -> Op:
    options = Options("SoftmaxOptions", MappingProxyType({"beta": 1.0}))
    return Op("SOFTMAX", (x,), op.outputs, options, origin=op.origin)


def _log_softmax(x: Tensor, op: Op) -> Op:
    options = Options("LogSoftmaxOptions", MappingProxyType({}))
    return Op("LOG_SOFTMAX", (x,), op.outputs, options, origin=op.origin)


def _per_row(tensor: Tensor | None, x: Tensor) -> bool:
    """True for one number, or one per row, that is added to x."""
    if tensor is None or len(tensor.shape) > len(x.shape):
        return False
    return not tensor.shape or dims(tensor)[-1] == 1


def _sum_of_exp(tensor: Tensor | None, view: View) -> tuple[Op, Op] | Decline | None:
    """Return (SUM, EXP) of SUM(EXP(s)) over the last axis."""
    total = view.plain(tensor, "SUM")
    exp = view.maker(total.inputs[0], "EXP") if total is not None else None
    if total is None or exp is None or exp.outputs[0] in view.outputs:
        return None
    if axes_of(total) != (len(exp.outputs[0].shape) - 1,):
        return Decline(total, "a softmax over other axes than the last needs transpositions")
    return (total, exp) if total.option("keep_dims") else None


def _div(op: Op, view: View) -> Edit | Decline | None:
    if activation(op) != Activation.NONE:
        return None
    found = _sum_of_exp(op.inputs[1], view)
    if found is None or isinstance(found, Decline):
        return found
    total, exp = found
    s = exp.inputs[0]
    if op.inputs[0] is not exp.outputs[0] or set(view.read_by[exp.outputs[0]]) != {op, total}:
        return None
    assert s is not None
    return Edit({total: (total,), exp: (exp,), op: [_softmax(s, op)]})


def _sub(op: Op, view: View) -> Edit | Decline | None:
    s, normalizer = op.inputs[:2]
    if activation(op) != Activation.NONE or s is None:
        return None
    added = view.plain(normalizer, "ADD")
    for log_of, m in _addends(added) if added is not None else ((normalizer, None),):
        log = view.private(log_of, "LOG")
        found = _sum_of_exp(log.inputs[0], view) if log is not None else None
        if log is None or found is None or isinstance(found, Decline):
            continue
        total, exp = found
        chain = [log, total, exp, *([added] if added is not None else [])]
        shifted = _shifted(s, m, exp, view)
        if shifted is not None and len(view.read_by[exp.outputs[0]]) == 1:
            kept = {o: (o,) for o in (*chain, *shifted)}
            return Edit({**kept, op: [_log_softmax(s, op)]})
    return None


def _addends(added: Op) -> tuple[tuple[Tensor | None, Tensor | None], ...]:
    a, b = added.inputs[:2]
    return ((a, b), (b, a))


def _shifted(s: Tensor, m: Tensor | None, exp: Op, view: View) -> list[Op] | None:
    """Return the ops between s and the exponent when that is s, or s minus the m added later."""
    if m is None:
        return [] if exp.inputs[0] is s else None
    sub = view.plain(exp.inputs[0], "SUB")
    return [sub] if sub is not None and sub.inputs[:2] == (s, m) and _per_row(m, s) else None


def _log(op: Op, view: View) -> Sequence[Op] | None:
    soft = view.private(op.inputs[0], "SOFTMAX")
    if soft is None or soft.option("beta") != 1.0 or soft.inputs[0] is None:
        return None
    return [_log_softmax(soft.inputs[0], op)]


def _shift(op: Op, view: View) -> Sequence[Op] | None:
    moved = view.plain(op.inputs[0], "SUB", "ADD")
    if moved is None:
        return None
    a, b = moved.inputs[:2]
    for x, m in ((a, b), (b, a)) if moved.kind == "ADD" else ((a, b),):
        if x is not None and dims(x) == dims(op.outputs[0]) and _per_row(m, x):
            return [op.with_(inputs=(x,))]
    return None


SOFTMAX = Family(
    "softmax",
    "softmax and log-softmax, written out, become one op",
    {
        "DIV": (form_rule(_div),),
        "SUB": (form_rule(_sub),),
        "LOG": (form_rule(_log),),
        "SOFTMAX": (form_rule(_shift),),
        "LOG_SOFTMAX": (form_rule(_shift),),
    },
)
