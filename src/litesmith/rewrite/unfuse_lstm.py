"""UNIDIRECTIONAL_SEQUENCE_LSTM becomes a loop, and a loop's step becomes as small as it can be.

Algebra: rewrite/recurrence.py, and rows of W·x[t] + b for all t at once, before the loop:
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
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, dims, value
from litesmith.rewrite.fuse_lstm import Wanted, sequence, set_state
from litesmith.rewrite.layouts import reshaped
from litesmith.rewrite.loop_body import NotAnLstmError
from litesmith.rewrite.recurrence import ACTIVATIONS, Lstm, batch_first, read_loop, steps_first

_KINDS = {code: kind for kind, code in ACTIVATIONS.items()}
_KEEPS_DIMS = 5  # version of FULLY_CONNECTED that the converter writes with keep_num_dims
_PEEPHOLES, _PROJECTION, _NORMS = (9, 10, 11), (16, 17), (20, 21, 22, 23)


@dataclass(frozen=True)
class _Results:
    """What is needed of a layer.

    Attributes:
        every: receives h of every step, in the layout of x.
        last: receive h of the last step, in any shape.
        cell: receives c of the last step.
    """

    every: Tensor | None
    last: tuple[Tensor, ...]
    cell: Tensor | None


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
    last = [cut.outputs[0] for cut in cuts or ()] + ([h] if stream else [])
    results = _Results(y if cuts is None else None, tuple(last), c if stream else None)
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
    if act != Activation.NONE and act not in _KINDS:
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
    results = _Results(
        steps,
        tuple(op.outputs[k] for k in found.last if k in used),
        op.outputs[found.cell] if found.cell in used else None,
    )
    new = loop(flat, results, op)
    if whole is not None and steps is not None and steps is not whole:
        new.append(steps_first(lstm, steps, whole, op))
    return Edit({op: tuple(new)})


def loop(lstm: Lstm, results: _Results, like: Op) -> list[Op]:
    """Return the ops of a layer as a loop: a projection, a WHILE, changes of shape."""
    name = like.outputs[0].name
    gates = Tensor(fresh_name(name, "gates"), (*lstm.x.shape[:2], 4 * lstm.units))
    w, b = make_constant("weights", lstm.weights), make_constant("bias", lstm.bias)
    dense = make_op("FULLY_CONNECTED", (lstm.x, w, b), (gates,), _KEEPS_DIMS, keep_num_dims=True)
    ops = [dense.with_(origin=like.origin)]
    carried = {"t": make_constant("first", 0, DType.INT32)}
    if results.every is not None:
        carried["every"] = Tensor(fresh_name(name, "none"), results.every.shape)
        sizes = make_constant("sizes", results.every.shape, DType.INT32)
        zero = make_constant("zero", 0.0)
        ops.append(make_op("FILL", (sizes, zero), (carried["every"],), origin=like.origin))
    carried |= {"h": lstm.h, "c": lstm.c, "gates": gates}
    h = next((t for t in results.last if t.shape == lstm.h.shape), None)
    given = {"every": results.every, "h": h, "c": results.cell}
    ends = {
        k: given.get(k) or Tensor(fresh_name(name, f"end_{k}"), t.shape, t.dtype)
        for k, t in carried.items()
    }
    graphs = _condition(lstm, carried), _body(lstm, carried)
    loops = make_op("WHILE", tuple(carried.values()), tuple(ends.values()), origin=like.origin)
    ops.append(loops.with_(subgraphs=graphs))
    for result in results.last:
        shaped = reshaped(ends["h"], result, like) if result is not ends["h"] else None
        ops += [shaped] if shaped is not None else []
    return ops


class _Steps:
    """Collects the ops of a called graph."""

    def __init__(self, name: str, carried: dict[str, Tensor]) -> None:
        self.name = name
        self.inputs = {k: Tensor(k, t.shape, t.dtype) for k, t in carried.items()}
        self.ops: list[Op] = []

    def add(
        self, kind: str, name: str, sizes: Sequence[int], *inputs: Tensor | None, **fields: object
    ) -> Tensor:
        """Add an op; return its result, float32 unless an operand is not."""
        dtype = fields.pop("dtype", DType.FLOAT32)
        assert isinstance(dtype, DType)
        result = Tensor(name, tuple(sizes), dtype)
        self.ops.append(make_op(kind, inputs, (result,), **fields))  # type: ignore[arg-type]
        return result

    def graph(self, *outputs: Tensor) -> Graph:
        return Graph(tuple(self.inputs.values()), outputs, tuple(self.ops), self.name)


def _condition(lstm: Lstm, carried: dict[str, Tensor]) -> Graph:
    s = _Steps("lstm_more", carried)
    limit = make_constant("steps", lstm.steps, DType.INT32)
    return s.graph(s.add("LESS", "more", (), s.inputs["t"], limit, dtype=DType.BOOL))


def _body(lstm: Lstm, carried: dict[str, Tensor]) -> Graph:
    s = _Steps("lstm_step", carried)
    t, h, c, gates = (s.inputs[k] for k in ("t", "h", "c", "gates"))
    size, axis = (lstm.batch, lstm.units), 0 if lstm.time_major else 1
    one = make_constant("one", 1, DType.INT32)
    wide = (lstm.batch, 4 * lstm.units)
    x = s.add("GATHER", "x", wide, gates, t, axis=axis)
    r = s.add("FULLY_CONNECTED", "r", wide, h, make_constant("recurrent", lstm.recurrent), None)
    z = s.add("ADD", "z", wide, x, r)
    parts = [Tensor(name, size) for name in ("i", "f", "g", "o")]
    s.ops.append(make_op("SPLIT", (one, z), parts, num_splits=4))
    i, f, o = (s.add("LOGISTIC", n, size, parts[k]) for n, k in (("si", 0), ("sf", 1), ("so", 3)))
    kept = s.add("MUL", "kept", size, f, c)
    new = s.add("MUL", "new", size, i, _activated(s, "ag", parts[2], lstm.activation))
    c = s.add("ADD", "next_c", size, kept, new)
    h = s.add("MUL", "next_h", size, o, _activated(s, "ac", c, lstm.activation))
    ends = {"t": s.add("ADD", "next_t", (), t, one, dtype=DType.INT32)}
    if "every" in s.inputs:
        ends["every"] = _collected(s, lstm, h, axis)
    return s.graph(*{**ends, "h": h, "c": c, "gates": gates}.values())


def _activated(s: _Steps, name: str, x: Tensor, act: int) -> Tensor:
    return x if act == Activation.NONE else s.add(_KINDS[act], name, x.shape, x)


def _collected(s: _Steps, lstm: Lstm, h: Tensor, axis: int) -> Tensor:
    """Return the values of all steps with h in this one's place."""
    single = make_constant("single", [1], DType.INT32)
    place = s.add("RESHAPE", "place", (1,), s.inputs["t"], single, dtype=DType.INT32)
    zeros: Array = np.zeros(2, np.int32)
    index = [make_constant("zeros", part, DType.INT32) for part in np.split(zeros, [axis])]
    parts = [p for p in (index[0], place, index[1]) if p.shape != (0,)]
    at = s.add("CONCATENATION", "at", (3,), *parts, dtype=DType.INT32)
    one = (1, *h.shape) if axis == 0 else (h.shape[0], 1, h.shape[1])
    shape = make_constant("one_step", one, DType.INT32)
    step = s.add("RESHAPE", "step", one, h, shape)
    every = s.inputs["every"]
    return s.add("DYNAMIC_UPDATE_SLICE", "next_every", every.shape, every, step, at)
