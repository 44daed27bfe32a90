"""A loop that is an LSTM becomes UNIDIRECTIONAL_SEQUENCE_LSTM.

Algebra: rewrite/lstm_layer.py. The fused op keeps h and c in variable tensors, and they survive
from one invocation to the next; a loop starts anew every time. So the states are set in the graph,
before the op runs:  h ← h₀,  c ← c₀. Then both forms mean the same, whatever the
application resets or does not, and an initial state may be given.
Side conditions: Keras' cell (σ gates, one activation that the op's option names), no mask, static
sizes, and nothing reads the cell state behind the loop, for which the op has no result. Going
backwards is REVERSE_V2 outside of loop and op alike. Saves what a loop costs per step.
Minimum: UNIDIRECTIONAL_SEQUENCE_LSTM, two ops that set its states, a slice for the last step alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from litesmith.graph import DType, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, dims, value
from litesmith.rewrite.layouts import reshaped
from litesmith.rewrite.loop_body import NotAnLstmError
from litesmith.rewrite.lstm_layer import Lstm, batch_first, steps_first
from litesmith.rewrite.recurrence import Loop, read_loop

Wanted = Callable[[Lstm, bool], bool]


def fuse_lstm(wanted: Wanted, tanh_only: bool = False) -> Family:
    """Return the family, for the layers that are better fused.

    Args:
        wanted: (layer, all steps are needed) → whether to fuse it.
        tanh_only: for targets whose kernel takes tanh whatever the option says (measured on TFLM).
    """
    return Family(
        "fuse_lstm",
        "loops that are LSTMs become the fused op",
        {"WHILE": (lambda op, view: _fuse(op, view, wanted, tanh_only),)},
    )


def _fuse(op: Op, view: View, wanted: Wanted, tanh_only: bool) -> Edit | Decline | None:
    try:
        loop = read_loop(op, view)
    except NotAnLstmError as error:
        return Decline(op, str(error)) if str(error) else None
    lstm = loop.lstm
    used = [k for k, t in enumerate(op.outputs) if view.read_by.get(t) or t in view.outputs]
    every = [k for k in loop.every if k in used]
    if not wanted(lstm, bool(every)):
        return None
    why = _hindrance(op, loop, used, view)
    if tanh_only and lstm.activation != Activation.TANH:
        why = "its activation is not tanh, the only one that the target's kernel has"
    if why:
        return Decline(op, why)
    back = _written_back(op, loop, view)
    whole = op.outputs[every[0]] if every else None
    flat = batch_first(lstm, view)
    y = whole if whole is not None and flat is lstm else sequence(op, flat)
    states, setters = _states(op, lstm, kept=back is not None)
    new = [*setters, _fused(op, flat, states, y)]
    if whole is not None and flat is not lstm:
        new.append(steps_first(lstm, y, whole, op))
    read = [k for k in loop.last if k in used and not _only(op.outputs[k], back, view)]
    if read:
        new += _last(op, flat, y, [op.outputs[k] for k in read])
    tensors = {op.outputs[k]: t for k, t in loop.carried.items() if k in used}
    return Edit({op: tuple(new), **{b: () for b in back or ()}}, tensors)


def _hindrance(op: Op, loop: Loop, used: Sequence[int], view: View) -> str:
    """Return why an LSTM must stay a loop, "" if it need not."""
    lstm = loop.lstm
    if lstm.activation == Activation.NONE:
        return "it has no activation, and without one the fused kernel forgets to read its cell"
    if any(-1 in dims(t) for t in (lstm.x, lstm.h, lstm.c)):
        return "the batch is open, and the fused op's state has a fixed size"
    back = _written_back(op, loop, view)
    if (lstm.h.is_variable or lstm.c.is_variable) and back is None:
        return "it starts from a state that is kept in an unknown way"
    if loop.cell in used and not _only(op.outputs[loop.cell], back, view):
        return "the cell state is needed behind it, and the fused op has no result for it"
    known = {*loop.every, *loop.last, loop.cell, *loop.carried}
    if any(k not in known for k in used) or len([k for k in loop.every if k in used]) > 1:
        return "its counter is needed behind it"
    if any(op.outputs[k] in view.outputs for k in loop.carried if k in used):
        return "it hands its input on as an output"
    return ""


def _written_back(op: Op, loop: Loop, view: View) -> tuple[Op, ...] | None:
    """Return the ops that keep both states for the next invocation, when they are kept so."""
    found = []
    for start, ends in ((loop.lstm.h, loop.last), (loop.lstm.c, (loop.cell,))):
        keeper = view.made_by.get(start) if start.is_variable else None
        if keeper is None or not _copies(keeper):
            return None
        if keeper.inputs[0] not in [op.outputs[k] for k in ends] or view.read_by[start] != [op]:
            return None
        found.append(keeper)
    return tuple(found)


def _only(tensor: Tensor, ops: Sequence[Op] | None, view: View) -> bool:
    """True when nothing but these ops reads a value."""
    return tensor not in view.outputs and all(
        r in (ops or ()) for r in view.read_by.get(tensor, ())
    )


def sequence(op: Op, lstm: Lstm) -> Tensor:
    """Return a new tensor for h of every step, in the layout of x."""
    sizes = (*lstm.x.shape[:2], lstm.units)
    return Tensor(fresh_name(_name(op), "steps"), sizes)


def _name(op: Op) -> str:
    return op.outputs[0].name


def _states(op: Op, lstm: Lstm, kept: bool) -> tuple[tuple[Tensor, Tensor], list[Op]]:
    """Return the variable tensors of h and c, and the ops that set them."""
    if kept:
        return (lstm.h, lstm.c), []
    made: list[Tensor] = []
    setters: list[Op] = []
    for letter, start in (("h", lstm.h), ("c", lstm.c)):
        name = fresh_name(_name(op), f"state_{letter}")
        state = Tensor(name, (lstm.batch, lstm.units), is_variable=True)
        setters.append(set_state(start, state, op.origin))
        made.append(state)
    return (made[0], made[1]), setters


def set_state(source: Tensor, state: Tensor, origin: tuple[str, ...]) -> Op:
    """Return the op that writes a value [batch, units] to a variable tensor.

    The runtime lets an op of elementwise kind, or a RESHAPE, take over its operand's memory, which
    is not where the state is kept; neither ZEROS_LIKE nor a slice of everything does that.
    """
    data = value(source)
    if data is not None and not data.any():
        return make_op("ZEROS_LIKE", (source,), (state,), origin=origin)
    zeros, ones = (make_constant("bounds", [v, v], DType.INT32) for v in (0, 1))
    whole = {"begin_mask": 3, "end_mask": 3}
    return make_op("STRIDED_SLICE", (source, zeros, zeros, ones), (state,), origin=origin, **whole)


def _copies(op: Op) -> bool:
    """True for the op that `set_state` makes of a computed value."""
    masks = [op.option("begin_mask"), op.option("end_mask"), op.option("shrink_axis_mask")]
    strides = op.input(3)
    plain = strides is not None and strides.data is not None and bool((strides.data == 1).all())
    return op.kind == "STRIDED_SLICE" and masks == [3, 3, 0] and plain


def _fused(op: Op, lstm: Lstm, states: tuple[Tensor, Tensor], y: Tensor) -> Op:
    def four(values: np.ndarray, name: str) -> list[Tensor]:
        parts = np.split(values, 4)
        return [
            make_constant(fresh_name(_name(op), f"{name}_{gate}"), part)
            for gate, part in zip("ifgo", parts, strict=True)
        ]

    inputs = (
        lstm.x,
        *four(lstm.weights, "weights"),
        *four(lstm.recurrent, "recurrent"),
        *(None, None, None),  # peepholes
        *four(lstm.bias, "bias"),
        *(None, None),  # projection
        *states,
        *(None, None, None, None),  # layer normalization
    )
    return make_op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        (y,),
        origin=op.origin,
        time_major=lstm.time_major,
        fused_activation_function=lstm.activation,
    )


def _last(op: Op, lstm: Lstm, y: Tensor, results: Sequence[Tensor]) -> list[Op]:
    """Return the ops that cut the last step out of all."""
    axis = 0 if lstm.time_major else 1
    begin = [lstm.steps - 1 if i == axis else 0 for i in range(3)]
    bounds = [make_constant("slice", v, DType.INT32) for v in (begin, list(y.shape), [1, 1, 1])]
    whole = 7 - (1 << axis)
    flat = next((t for t in results if len(t.shape) == 2), None)
    cut = flat or Tensor(fresh_name(y.name, "last"), (lstm.batch, lstm.units))
    ops = [
        make_op(
            "STRIDED_SLICE",
            (y, *bounds),
            (cut,),
            origin=op.origin,
            begin_mask=whole,
            end_mask=whole,
            shrink_axis_mask=1 << axis,
        )
    ]
    for result in results:
        shaped = reshaped(cut, result, op) if result is not cut else None
        ops += [shaped] if shaped is not None else []
    return ops
