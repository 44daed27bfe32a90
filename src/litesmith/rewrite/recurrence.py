"""How a WHILE loop is read as an LSTM (rewrite/lstm_layer.py): by what its body computes.

The four values behind the gates are taken apart into sums of matrices times x[t] and h[t−1]
(rewrite/loop_body.py). Whatever does not fit is no LSTM, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import View, activation, value
from litesmith.rewrite.loop_body import Body, NotAnLstmError, Sum, size_of, sum_of
from litesmith.rewrite.lstm_layer import ACTIVATIONS, Lstm


@dataclass(frozen=True)
class Loop:
    """A WHILE that is an LSTM: what its results are, by position.

    Attributes:
        lstm: the layer.
        every: results that hold h of every step, in the layout of x.
        last: results that hold h of the last step, in any shape.
        cell: the result that holds c of the last step.
        carried: result → the operand that it equals.
        projected: W·x is computed before the loop.
    """

    lstm: Lstm
    every: tuple[int, ...]
    last: tuple[int, ...]
    cell: int
    carried: Mapping[int, Tensor]
    projected: bool


def read_loop(op: Op, view: View) -> Loop:
    """Return a WHILE as an LSTM.

    Args:
        op: the WHILE.
        view: of the graph it stands in.

    Raises:
        NotAnLstmError: it is none.
    """
    steps, counters = _count(op)
    body = Body(op, steps, counters, producers(op.subgraphs[1]))
    inputs, outputs = body.graph.inputs, body.graph.outputs
    carried = {k: t for k, t in enumerate(op.inputs) if outputs[k] is inputs[k] and t is not None}
    hidden, cell, gates, act = _cell(body, carried)
    kept = [k for k, t in enumerate(outputs) if body.bare(t) is hidden]
    sums = [sum_of(body, gate) for gate in gates]
    sources = dict.fromkeys(t for s in sums for t in s.parts)
    read = [k for k in kept if inputs[k] in sources]
    if len(read) != 1 or len(sources) != 2:
        raise NotAnLstmError("its gates read something else than the step and the last output")
    state = inputs[read[0]]
    step = next(t for t in sources if t is not state)
    recurrent = _matrix(sums, state)
    sequence, time_major = _sequence(body, step, carried)
    units = recurrent.shape[1]
    weights, bias, x = _projected(sums, step, sequence, view)
    h, c = op.inputs[read[0]], op.inputs[cell]
    if h is None or c is None or recurrent.shape[0] != 4 * units:
        raise NotAnLstmError("its states have other sizes than its gates")
    lstm = Lstm(x, time_major, weights, recurrent, bias, act, h, c)
    if not h.shape == c.shape == (lstm.batch, units) or lstm.steps != steps:
        raise NotAnLstmError("its states have other sizes than its gates, or it skips steps")
    every = tuple(k for k in range(len(outputs)) if _collects(body, k, hidden, lstm))
    known = {*counters, *carried, *every, *kept, cell}
    if len(known) != len(outputs):
        raise NotAnLstmError("it carries more than an LSTM does")
    return Loop(lstm, every, tuple(kept), cell, carried, projected=lstm.x is not sequence)


def _count(op: Op) -> tuple[int, frozenset[int]]:
    """Return how often the body runs, and the positions of the counters."""
    condition, body = op.subgraphs
    made_by, body_made = producers(condition), producers(body)
    counters = [k for k in range(len(op.inputs)) if _counts_up(op, k, body_made)]
    limits: set[int] = set()
    todo = list(condition.outputs)
    while todo:
        test = made_by.get(todo.pop())
        if test is None or test.kind not in ("LESS", "LOGICAL_AND"):
            raise NotAnLstmError("")
        if test.kind == "LOGICAL_AND":
            todo += [t for t in test.inputs if t is not None]
            continue
        counter, limit = test.inputs
        if counter not in [condition.inputs[k] for k in counters]:
            raise NotAnLstmError("")
        if limit is None or limit.data is None or limit.data.size != 1:
            raise NotAnLstmError("the number of its steps is not constant")
        limits.add(int(limit.data.reshape(-1)[0]))
    steps = min(limits)
    if steps < 1:
        raise NotAnLstmError("")
    return steps, frozenset(counters)


def _counts_up(op: Op, k: int, made_by: Mapping[Tensor, Op]) -> bool:
    """True for a carried value that is 0, 1, 2, …."""
    body, start = op.subgraphs[1], op.inputs[k]
    add = made_by.get(body.outputs[k])
    if start is None or start.dtype is not DType.INT32 or start.data is None or start.data.any():
        return False
    if add is None or add.kind != "ADD" or start.data.size != 1 or body.inputs[k] not in add.inputs:
        return False
    one = next((t for t in add.inputs if t is not body.inputs[k]), None)
    return one is not None and one.data is not None and one.data.size == 1 and bool(one.data == 1)


def _cell(body: Body, carried: Mapping[int, Tensor]) -> tuple[Tensor, int, list[Tensor], int]:
    """Return h[t], the position of c, the four values before the gates, and the activation."""
    inputs, outputs = body.graph.inputs, body.graph.outputs
    states = [
        k
        for k, t in enumerate(outputs)
        if k not in carried and k not in body.counters and t.dtype is DType.FLOAT32
    ]
    _refuse_others(body, states)
    for new in dict.fromkeys(body.bare(outputs[k]) for k in states):
        for o, squashed in _ways(body, new):
            act, c = _activated(body, squashed)
            cell = next((k for k in states if outputs[k] is c), None)
            if cell is None:
                continue
            found = _cell_update(body, c, inputs[cell], act)
            if found is not None:
                return new, cell, [*found, o], act
    raise NotAnLstmError("its body computes something else than an LSTM's cell")


def _refuse_others(body: Body, states: Sequence[int]) -> None:
    """Say what a loop is that people might take for an LSTM."""
    kinds = {op.kind for op in body.graph.ops}
    if "FULLY_CONNECTED" not in kinds and "BATCH_MATMUL" not in kinds:
        raise NotAnLstmError("")
    if kinds & {"SELECT", "SELECT_V2"}:
        raise NotAnLstmError("it skips masked steps, which the fused op cannot")
    sizes = {body.bare(body.graph.outputs[k]) for k in states}
    if len(sizes) < 2:
        layer = "GRU" if "LOGISTIC" in kinds else "SimpleRNN"
        raise NotAnLstmError(f"it carries one state, as a {layer} does; an LSTM carries two")


def _ways(body: Body, tensor: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return (z, y) for a product σ(z)·y, the ways round that it can be read."""
    op = body.maker(tensor, "MUL")
    if op is None or activation(op):
        return []
    a, b = op.inputs
    found = []
    for gate, other in ((a, b), (b, a)):
        sigmoid = body.maker(gate, "LOGISTIC")
        if sigmoid is not None and sigmoid.inputs[0] is not None and other is not None:
            found.append((sigmoid.inputs[0], other))
    return found


def _activated(body: Body, tensor: Tensor) -> tuple[int, Tensor]:
    """Return (a, z) for a value a(z)."""
    op = body.maker(tensor, *ACTIVATIONS)
    if op is None or op.inputs[0] is None:
        return Activation.NONE, tensor
    return ACTIVATIONS[op.kind], op.inputs[0]


def _cell_update(body: Body, c: Tensor, before: Tensor, act: int) -> list[Tensor] | None:
    """Return what is before the gates i, f and g for σ(f)·before + σ(i)·a(g)."""
    add = body.maker(c, "ADD")
    if add is None or activation(add):
        return None
    for kept, new in (add.inputs, add.inputs[::-1]):
        if kept is None or new is None:
            continue
        forget = next((z for z, y in _ways(body, kept) if y is before), None)
        for i, candidate in _ways(body, new):
            found, g = _activated(body, candidate)
            if forget is not None and found == act:
                return [i, forget, g]
    return None


def _matrix(sums: Sequence[Sum], source: Tensor) -> Array:
    """Return the matrices of one source in all gates, stacked."""
    found = [s.parts.get(source) for s in sums]
    if not all(isinstance(m, np.ndarray) for m in found):
        raise NotAnLstmError("not every gate reads the step and the last output")
    return np.concatenate([m for m in found if isinstance(m, np.ndarray)])


def _sequence(body: Body, step: Tensor, carried: Mapping[int, Tensor]) -> tuple[Tensor, bool]:
    """Return the sequence that x[t] is a step of, and whether time is its first axis."""
    op = body.maker(step, "GATHER")
    axis = -1 if op is None else int(op.option("axis", 0))
    if op is None or not body.counts(op.inputs[1]) or op.option("batch_dims") or axis not in (0, 1):
        raise NotAnLstmError("it does not read its input step by step, in order")
    inputs = body.graph.inputs
    x = next((t for k, t in carried.items() if inputs[k] is op.inputs[0]), None)
    if x is None or len(x.shape) != 3 or x.dtype is not DType.FLOAT32:
        raise NotAnLstmError("it does not read its input step by step, in order")
    return x, axis == 0


def _projected(
    sums: Sequence[Sum], step: Tensor, x: Tensor, view: View
) -> tuple[Array, Array, Tensor]:
    """Return W, b and x; where W·x was computed before the loop, from there."""
    bias = np.concatenate([s.bias for s in sums])
    found = [s.parts.get(step) for s in sums]
    if not any(isinstance(m, range) for m in found):
        return _matrix(sums, step), bias, x
    before = view.maker(x, "FULLY_CONNECTED")
    if before is None or not all(isinstance(m, range) for m in found):
        raise NotAnLstmError("its gates read the step itself, unweighted")
    rows = [i for m in found if isinstance(m, range) for i in m]
    w, b = value(before.input(1)), value(before.input(2))
    source = before.inputs[0]
    if w is None or source is None or len(source.shape) != 3 or activation(before):
        raise NotAnLstmError("its gates read the step itself, unweighted")
    return w[rows], bias if b is None else bias + b.reshape(-1)[rows], source


def _collects(body: Body, k: int, hidden: Tensor, lstm: Lstm) -> bool:
    """True for a carried value whose step t is replaced by h[t]."""
    op = body.maker(body.graph.outputs[k], "DYNAMIC_UPDATE_SLICE")
    if op is None or op.inputs[0] is not body.graph.inputs[k] or op.inputs[1] is None:
        return False
    sizes = (lstm.steps, lstm.batch) if lstm.time_major else (lstm.batch, lstm.steps)
    one = (1, lstm.batch) if lstm.time_major else (lstm.batch, 1)
    if op.outputs[0].shape != (*sizes, lstm.units) or op.inputs[1].shape != (*one, lstm.units):
        return False
    if body.bare(op.inputs[1]) is not hidden:
        return False
    return _at_step(body, op.inputs[2], 0 if lstm.time_major else 1)


def _at_step(body: Body, index: Tensor | None, axis: int) -> bool:
    """True for the index (t, 0, 0) or (0, t, 0)."""
    op = body.maker(index, "CONCATENATION", "PACK")
    if op is None:
        return False
    places: list[bool] = []
    for part in op.inputs:
        if part is None or (part.data is not None and part.data.any()):
            return False
        if part.data is None and not (body.counts(part) and size_of(part) == 1):
            return False
        places += [part.data is None] * max(size_of(part), 1)
    return places == [i == axis for i in range(3)]
