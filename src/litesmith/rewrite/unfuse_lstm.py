"""UNIDIRECTIONAL_SEQUENCE_LSTM becomes a loop, and a loop's step becomes as small as it can be.

Algebra: rewrite/lstm_layer.py, and rows of W·x[t] + b for all t at once, before the loop:
    X = FULLY_CONNECTED(x, W, b);  per step  i, f, g, o = SPLIT(X[t] + R·h[t−1])
State: the op's h and c survive from one invocation to the next. Where the graph sets them before
the op runs, the loop starts from what they are set to. Where it does not, the loop starts from the
variable tensors, and what it ends with is written back to them: the same for an application that
feeds a stream step by step, and for one that resets them.
Side conditions: float weights, σ gates; no peephole, projection, layer norm, clipping or coupled
gates; static sizes; nothing else reads the states. When only the last step is cut out of the
result, the loop does not collect the others.
Saves a matrix product per step, and what rewrite/lstm_forms.py says.
Minimum per step: GATHER FULLY_CONNECTED ADD SPLIT, 5 activations, 4 products and sums, a counter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.graph import DType, Op, Tensor
from litesmith.graph.edit import fresh_name
from litesmith.rewrite.engine import Decline, Edit, Family, View, dims, value
from litesmith.rewrite.fuse_lstm import Wanted, sequence, set_state
from litesmith.rewrite.loop_body import NotAnLstmError
from litesmith.rewrite.lstm_layer import Lstm, batch_first, steps_first
from litesmith.rewrite.lstm_loop import KINDS, Results, loop
from litesmith.rewrite.recurrence import read_loop

_PEEPHOLES, _PROJECTION, _NORMS = (9, 10, 11), (16, 17), (20, 21, 22, 23)


def unfuse_lstm(looped: Wanted, kept: Wanted) -> Family:
    """Return the family, for the layers that are better loops.

    Args:
        looped: (layer, all steps are needed) → whether to write the fused op as a loop.
        kept: likewise, whether a loop stays one, and is worth improving.
    """
    return Family(
        "unfuse_lstm",
        "LSTMs are loops that do per step what cannot be done before",
        {
            "UNIDIRECTIONAL_SEQUENCE_LSTM": (lambda op, view: _unfuse(op, view, looped),),
            "WHILE": (lambda op, view: _improve(op, view, kept),),
        },
    )


def _unfuse(op: Op, view: View, wanted: Wanted) -> Edit | Decline | None:
    try:
        lstm = _read(op, view)
    except NotAnLstmError as error:
        return Decline(op, str(error)) if str(error) else None
    cuts = _cuts(op, lstm, view)
    if not wanted(lstm, cuts is None):
        return None
    setters = [view.made_by.get(t) for t in (lstm.h, lstm.c)]
    before: list[Op] = []
    if all(setters):
        lstm, before = _from_set(lstm, [s for s in setters if s is not None])
    stream = not before
    h, c = _ends(lstm)
    y = op.outputs[0]
    last = [cut.outputs[0] for cut in cuts or ()]
    h = next((t for t in last if t.shape == h.shape), h)
    last += [h] if stream and h not in last else []
    results = Results(y if cuts is None else None, tuple(last), c if stream else None)
    new = [*before, *loop(lstm, results, op)]
    if stream:
        new += [set_state(h, lstm.h, op.origin), set_state(c, lstm.c, op.origin)]
    gone: dict[Op, Sequence[Op]] = {o: () for o in (*setters, *(cuts or ())) if o is not None}
    return Edit({**gone, op: tuple(new)})


def _read(op: Op, view: View) -> Lstm:
    x, h, c = op.inputs[0], op.input(18), op.input(19)
    parts = {
        name: [value(op.input(i)) for i in range(first, first + 4)]
        for name, first in (("weights", 1), ("recurrent", 5), ("bias", 12))
    }
    if x is None or h is None or c is None or x.dtype is not DType.FLOAT32:
        raise NotAnLstmError("")
    if op.input(1) is None and op.input(2) is not None:
        raise NotAnLstmError("its input and forget gates are coupled")
    for what, places in (
        ("peepholes", _PEEPHOLES),
        ("a projection", _PROJECTION),
        ("layer normalization", _NORMS),
    ):
        if any(op.input(i) is not None for i in places):
            raise NotAnLstmError(f"it has {what}")
    if any(p is None for ps in parts.values() for p in ps):
        raise NotAnLstmError("")
    if op.option("cell_clip", 0.0) or op.option("proj_clip", 0.0):
        raise NotAnLstmError("it clips its cell")
    act = int(op.option("fused_activation_function", 0))
    if act not in KINDS:  # without any, the kernel computes something else than it should
        raise NotAnLstmError("its activation has no op of its own")
    stacked = {k: np.concatenate([p for p in ps if p is not None]) for k, ps in parts.items()}
    major = bool(op.option("time_major", False))
    lstm = Lstm(x, major, stacked["weights"], stacked["recurrent"], stacked["bias"], act, h, c)
    _check_states(op, lstm, view)
    return lstm


def _check_states(op: Op, lstm: Lstm, view: View) -> None:
    if any(-1 in dims(t) for t in (lstm.x, lstm.h, lstm.c)):
        raise NotAnLstmError("its batch is open")
    if not lstm.h.shape == lstm.c.shape == (lstm.batch, lstm.units):
        raise NotAnLstmError("its states are declared in another shape than [batch, units]")
    setters = [view.made_by.get(t) for t in (lstm.h, lstm.c)]
    place = view.position
    known = all(s is None or place[s] < place[op] for s in setters)
    if any(view.read_by.get(t) != [op] or t in view.outputs for t in (lstm.h, lstm.c)):
        raise NotAnLstmError("something else reads its states")
    if not known or (setters[0] is None) != (setters[1] is None) or lstm.h is lstm.c:
        raise NotAnLstmError("its states are kept in an unknown way")


def _from_set(lstm: Lstm, setters: Sequence[Op]) -> tuple[Lstm, list[Op]]:
    """Return the layer with states that are values, and the ops that make them."""
    values = [t.with_(is_variable=False) for t in (lstm.h, lstm.c)]
    ops = [s.with_(outputs=(v,)) for s, v in zip(setters, values, strict=True)]
    return Lstm(**{**vars(lstm), "h": values[0], "c": values[1]}), ops


def _ends(lstm: Lstm) -> tuple[Tensor, Tensor]:
    names = [fresh_name(t.name, "end") for t in (lstm.h, lstm.c)]
    sizes = (lstm.batch, lstm.units)
    return Tensor(names[0], sizes), Tensor(names[1], sizes)


def _cuts(op: Op, lstm: Lstm, view: View) -> list[Op] | None:
    """Return the slices that read the last step, None when something reads more."""
    y = op.outputs[0]
    readers = view.read_by.get(y, [])
    if y in view.outputs or not readers:
        return None
    axis = 0 if lstm.time_major else 1
    return readers if all(_cuts_last(r, y, axis, lstm) for r in readers) else None


def _cuts_last(op: Op, y: Tensor, axis: int, lstm: Lstm) -> bool:
    """True for a STRIDED_SLICE of y whose result is its last step."""
    if op.kind != "STRIDED_SLICE" or op.inputs[0] is not y:
        return False
    if int(np.prod(op.outputs[0].shape)) != lstm.batch * lstm.units:
        return False
    begin, strides = op.inputs[1], op.inputs[3]
    if begin is None or strides is None or begin.data is None or strides.data is None:
        return False
    if begin.data.size != 3 or not (strides.data == 1).all():
        return False
    if any(op.option(m) for m in ("ellipsis_mask", "new_axis_mask", "offset")):
        return False
    starts = [int(v) % size for v, size in zip(begin.data, y.shape, strict=True)]
    masked = int(op.option("begin_mask", 0))
    starts = [0 if masked >> i & 1 else s for i, s in enumerate(starts)]
    return starts == [lstm.steps - 1 if i == axis else 0 for i in range(3)]


def _improve(op: Op, view: View, wanted: Wanted) -> Edit | None:
    """Move W·x out of a loop that is an LSTM."""
    try:
        found = read_loop(op, view)
    except NotAnLstmError:
        return None
    used = [k for k, t in enumerate(op.outputs) if view.read_by.get(t) or t in view.outputs]
    every = [k for k in found.every if k in used]
    lstm = found.lstm
    if found.projected or not wanted(lstm, bool(every)) or len(every) > 1:
        return None
    if any(-1 in dims(t) for t in (lstm.x, lstm.h, lstm.c)):
        return None
    if any(k not in {*found.every, *found.last, found.cell} for k in used):
        return None
    whole = op.outputs[every[0]] if every else None
    flat = batch_first(lstm, view)
    steps = whole if flat is lstm else whole and sequence(op, flat)
    results = Results(
        steps,
        tuple(op.outputs[k] for k in found.last if k in used),
        op.outputs[found.cell] if found.cell in used else None,
    )
    new = loop(flat, results, op)
    if whole is not None and steps is not None and steps is not whole:
        new.append(steps_first(lstm, steps, whole, op))
    return Edit({op: tuple(new)})
