"""Softmax written as the exponential of a log-softmax, over one axis or the last few.

Algebra, over the last k axes; m one number per row:
    EXP(LOG_SOFTMAX(x))                             = SOFTMAX(x)
    EXP(SUB(x, LOG(SUM(EXP(x)))))                   = RESHAPE(SOFTMAX(RESHAPE(x)))
    EXP(SUB(x, ADD(LOG(SUM(EXP(SUB(x, m)))), m)))   = RESHAPE(SOFTMAX(RESHAPE(x)))
The RESHAPEs make one axis of the k and k of the one. Keras's attention over images is written in
this way, with an m of five ops that nothing else reads. Side conditions: values on the way are read
by nothing else; SUM keeps its dimensions; sizes are known; m is finite.
Saves 1 to 11 ops. Minimum: SOFTMAX and two RESHAPEs.
"""

from __future__ import annotations

from math import prod

from litesmith.graph import Op, Tensor
from litesmith.graph.build import make_op
from litesmith.rewrite.engine import Decline, Edit, Family, View, dims, sized
from litesmith.rewrite.layouts import reshaped
from litesmith.rewrite.reductions import axes_of


def _exp(op: Op, view: View) -> Edit | Decline | None:
    soft = view.private(op.inputs[0], "LOG_SOFTMAX")
    if soft is not None and soft.inputs[0] is not None:
        return Edit({soft: (soft,), op: (_softmax(soft.inputs[0], op.outputs[0], op),)})
    sub = view.plain(op.inputs[0], "SUB")
    if sub is None or sub.inputs[0] is None:
        return None
    x, normalizer = sub.inputs[0], sub.inputs[1]
    added = view.plain(normalizer, "ADD")
    pairs = ((normalizer, None),) if added is None else (added.inputs[:2], added.inputs[1::-1])
    for log, m in pairs:
        chain = _log_of_sum(log, x, m, view)
        if chain is not None:
            more = [sub] if added is None else [sub, added]
            return _replaced(op, x, chain, more)
    return None


def _log_of_sum(tensor: Tensor | None, x: Tensor, m: Tensor | None, view: View) -> list[Op] | None:
    """Return the ops from LOG back to x in LOG(SUM(EXP(x − m)))."""
    log = view.private(tensor, "LOG")
    total = view.private(log.inputs[0], "SUM") if log is not None else None
    exp = view.private(total.inputs[0], "EXP") if total is not None else None
    if log is None or total is None or exp is None or not total.option("keep_dims"):
        return None
    if m is None:
        return [log, total, exp] if exp.inputs[0] is x else None
    shifted = view.plain(exp.inputs[0], "SUB")
    rows = ((), dims(total.outputs[0]))
    if shifted is None or shifted.inputs[:2] != (x, m) or dims(m) not in rows:
        return None
    return [log, total, exp, shifted]


def _replaced(op: Op, x: Tensor, chain: list[Op], more: list[Op]) -> Edit | Decline | None:
    axes, shape = axes_of(chain[1]), dims(x)
    if axes is None or axes != tuple(range(len(shape) - len(axes), len(shape))):
        return Decline(op, "a softmax over other axes than the last ones needs transpositions")
    kept = {o: (o,) for o in (*chain, *more)}
    if len(axes) == 1:
        return Edit({**kept, op: (_softmax(x, op.outputs[0], op),)})
    if -1 in shape:
        return Decline(op, "sizes of a softmax over several axes are open")
    name = op.outputs[0].name
    rows = (*shape[: axes[0]], prod(shape[axes[0] :]))
    one = sized(x.with_(name=f"{name}/rows"), rows)
    soft = sized(x.with_(name=f"{name}/softmax"), rows)
    first, last = reshaped(x, one, op), reshaped(soft, op.outputs[0], op)
    if first is None or last is None:
        return None
    return Edit({**kept, op: (first, _softmax(one, soft, op), last)})


def _softmax(x: Tensor, result: Tensor, op: Op) -> Op:
    return make_op("SOFTMAX", (x,), (result,), beta=1.0).with_(origin=op.origin)


SOFTMAX_AXES = Family(
    "softmax_axes",
    "softmax written as an exponential, over one axis or several, becomes one op",
    {"EXP": (_exp,)},
)
