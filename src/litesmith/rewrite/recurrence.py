"""An LSTM layer over a sequence, and how a WHILE loop is read as one.

Algebra (what Keras, TensorFlow's converter and the fused kernel all compute), σ the sigmoid, a one
activation for both places:
    i, f, g, o = rows of W·x[t] + R·h[t−1] + b
    c[t] = σ(f)·c[t−1] + σ(i)·a(g)            h[t] = σ(o)·a(c[t])
A loop is read by what its body computes, not by its ops' order: the four values behind the gates
are taken apart into sums of matrices times x[t] and h[t−1], whichever FULLY_CONNECTED, ADD, SPLIT,
RESHAPE, CONCATENATION they were written with. Whatever does not fit is no LSTM, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import activation, value
from litesmith.rewrite.layouts import SHAPERS

# Ops that can be an LSTM's activation, as the fused op's option names them.
ACTIVATIONS: Mapping[str, int] = {
    "TANH": Activation.TANH,
    "RELU": Activation.RELU,
    "RELU6": Activation.RELU6,
    "RELU_N1_TO_1": Activation.RELU_N1_TO_1,
}


@dataclass(frozen=True)
class Lstm:
    """One LSTM over a sequence.

    Attributes:
        x: float32 [steps, batch, features], or [batch, steps, features] if not `time_major`.
        time_major: the first axis is time.
        weights: W, float32 [4·units, features]; gates in the order i, f, g, o, here and below.
        recurrent: R, float32 [4·units, units].
        bias: b, float32 [4·units].
        activation: a, as in `Activation`.
        h: state before the first step, [batch, units]: constant, computed, or a variable tensor.
        c: cell state before the first step, likewise.
    """

    x: Tensor
    time_major: bool
    weights: Array
    recurrent: Array
    bias: Array
    activation: int
    h: Tensor
    c: Tensor

    @property
    def units(self) -> int:
        """Size of the state."""
        return int(self.recurrent.shape[1])

    @property
    def steps(self) -> int:
        """Length of the sequence."""
        return self.x.shape[0 if self.time_major else 1]

    @property
    def batch(self) -> int:
        """Sequences side by side."""
        return self.x.shape[1 if self.time_major else 0]

    @property
    def features(self) -> int:
        """Size of one step."""
        return self.x.shape[2]


@dataclass(frozen=True)
class Loop:
    """A WHILE that is an LSTM: what its results are, by position.

    Attributes:
        lstm: the layer.
        every: results that hold h of every step, in the layout of x.
        last: results that hold h of the last step, in any shape.
        cell: the result that holds c of the last step.
        carried: result → the operand that it equals.
    """

    lstm: Lstm
    every: tuple[int, ...]
    last: tuple[int, ...]
    cell: int
    carried: Mapping[int, Tensor]


class NotAnLstmError(Exception):
    """A loop that is none; the text says why, "" when nobody would expect it to be one."""


@dataclass(frozen=True)
class _Sum:
    """Σ matrix·source + bias, per row.

    Attributes:
        parts: source → its matrix [rows, size], or the range of its own rows that is added.
        bias: [rows].
    """

    parts: Mapping[Tensor, Array | range]
    bias: Array

    def rows(self, start: int, stop: int) -> _Sum:
        """Return some of the rows."""
        parts = {t: m[start:stop] for t, m in self.parts.items()}
        return _Sum(parts, self.bias[start:stop])


@dataclass
class _Body:
    """A loop's body, while it is read.

    Attributes:
        op: the WHILE.
        steps: how often the body runs.
        counters: positions of carried values that count from 0.
    """

    op: Op
    steps: int
    counters: frozenset[int]
    made_by: Mapping[Tensor, Op] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        return self.op.subgraphs[1]

    def maker(self, tensor: Tensor | None, *kinds: str) -> Op | None:
        op = self.made_by.get(tensor) if tensor is not None else None
        return op if op is not None and op.kind in kinds else None

    def bare(self, tensor: Tensor) -> Tensor:
        """Return a value without the RESHAPEs behind it."""
        while (op := self.maker(tensor, *SHAPERS)) is not None and op.inputs[0] is not None:
            tensor = op.inputs[0]
        return tensor

    def counts(self, tensor: Tensor | None) -> bool:
        """True for the number of the step, in any shape."""
        if tensor is None:
            return False
        bare = self.bare(tensor)
        return any(self.graph.inputs[k] is bare for k in self.counters)

    def operands(self, tensor: Tensor, kind: str) -> tuple[Tensor, Tensor]:
        """Return the operands of the op of one kind that makes a value.

        Raises:
            NotAnLstmError: something else makes it.
        """
        op = self.maker(tensor, kind)
        if op is None or activation(op) or op.inputs[0] is None or op.inputs[1] is None:
            raise NotAnLstmError(f"'{tensor.name}' is not made by a plain {kind}")
        return op.inputs[0], op.inputs[1]


def read_loop(op: Op, projection: Callable[[Tensor], Op | None]) -> Loop:
    """Return a WHILE as an LSTM.

    Args:
        op: the WHILE.
        projection: sequence → the FULLY_CONNECTED that makes it, if one does.

    Raises:
        NotAnLstmError: it is none.
    """
    steps, counters = _count(op)
    body = _Body(op, steps, counters, producers(op.subgraphs[1]))
    inputs, outputs = body.graph.inputs, body.graph.outputs
    carried = {k: t for k, t in enumerate(op.inputs) if outputs[k] is inputs[k] and t is not None}
    hidden, cell, gates, act = _cell(body, carried)
    kept = [k for k, t in enumerate(outputs) if body.bare(t) is hidden]
    sums = [_sum(body, gate) for gate in gates]
    sources = dict.fromkeys(t for s in sums for t in s.parts)
    read = [k for k in kept if inputs[k] in sources]
    if len(read) != 1 or len(sources) != 2:
        raise NotAnLstmError("its gates read something else than the step and the last output")
    state = inputs[read[0]]
    step = next(t for t in sources if t is not state)
    recurrent = _matrix(sums, state)
    x, time_major = _sequence(body, step, carried)
    units = recurrent.shape[1]
    weights, bias, x = _projected(sums, step, x, projection)
    initial = op.inputs[read[0]], op.inputs[cell]
    if initial[0] is None or initial[1] is None or recurrent.shape[0] != 4 * units:
        raise NotAnLstmError("its states have other sizes than its gates")
    h, c = initial
    lstm = Lstm(x, time_major, weights, recurrent, bias, act, h, c)
    if not h.shape == c.shape == (lstm.batch, units) or lstm.steps != steps:
        raise NotAnLstmError("its states have other sizes than its gates, or it skips steps")
    every = tuple(k for k in range(len(outputs)) if _collects(body, k, hidden, lstm))
    known = {*counters, *carried, *every, *kept, cell}
    if len(known) != len(outputs):
        raise NotAnLstmError("it carries more than an LSTM does")
    return Loop(lstm, every, tuple(kept), cell, carried)


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


def _cell(body: _Body, carried: Mapping[int, Tensor]) -> tuple[Tensor, int, list[Tensor], int]:
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


def _refuse_others(body: _Body, states: Sequence[int]) -> None:
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


def _ways(body: _Body, tensor: Tensor) -> list[tuple[Tensor, Tensor]]:
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


def _activated(body: _Body, tensor: Tensor) -> tuple[int, Tensor]:
    """Return (a, z) for a value a(z)."""
    op = body.maker(tensor, *ACTIVATIONS)
    if op is None or op.inputs[0] is None:
        return Activation.NONE, tensor
    return ACTIVATIONS[op.kind], op.inputs[0]


def _cell_update(body: _Body, c: Tensor, before: Tensor, act: int) -> list[Tensor] | None:
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


def _sum(body: _Body, tensor: Tensor) -> _Sum:
    """Return a value of [batch, rows], in any shape, as a sum of products."""
    rows = tensor.shape[-1] if tensor.shape else 1
    data = value(tensor)
    if data is not None:
        if data.size != rows:
            raise NotAnLstmError("a constant in its gates has more than one row")
        return _Sum({}, data.reshape(-1))
    op = body.made_by.get(tensor)
    read = None if op is None else _SUMS.get(op.kind)
    if op is None or read is None or tensor in body.graph.inputs or op.kind == "GATHER":
        return _Sum({tensor: range(rows)}, np.zeros(rows, np.float32))
    if activation(op):
        raise NotAnLstmError("an activation stands before its gates")
    return read(body, op, tensor)


def _added(body: _Body, op: Op, tensor: Tensor) -> _Sum:
    parts: dict[Tensor, Array | range] = {}
    bias = np.zeros(tensor.shape[-1], np.float32)
    for operand in op.inputs:
        assert operand is not None
        if operand.data is None and _count_of(operand) != _count_of(tensor):
            raise NotAnLstmError("values before its gates are broadcast")
        term = _sum(body, operand)
        if len(term.bias) != len(bias) or set(term.parts) & set(parts):
            raise NotAnLstmError("a value is added twice before its gates")
        parts |= term.parts
        bias = bias + term.bias
    return _Sum(parts, bias)


def _count_of(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64))


def _multiplied(body: _Body, op: Op, tensor: Tensor) -> _Sum:
    x, w, bias = op.inputs[0], value(op.input(1)), op.input(2)
    if x is None or w is None or op.option("weights_format", 0):
        raise NotAnLstmError("its weights are not float constants")
    parts: dict[Tensor, Array | range] = {}
    start = 0
    for source in _columns(body, x):
        stop = start + source.shape[-1]
        if source in parts:
            raise NotAnLstmError("a value is multiplied twice before its gates")
        parts[source] = w[:, start:stop]
        start = stop
    if start != w.shape[1]:
        raise NotAnLstmError("its weights do not fit what they multiply")
    b = np.zeros(len(w), np.float32) if bias is None else value(bias)
    if b is None:
        raise NotAnLstmError("its bias is not constant")
    return _Sum(parts, b.reshape(-1))


def _columns(body: _Body, tensor: Tensor) -> list[Tensor]:
    """Return the values that are side by side in the last axis of one."""
    bare = body.bare(tensor)
    if bare.shape[-1:] != tensor.shape[-1:]:
        return [tensor]
    op = body.maker(bare, "CONCATENATION")
    axis = -1 if op is None else int(op.option("axis", 0))
    if op is None or activation(op) or axis not in (-1, len(bare.shape) - 1):
        return [bare]
    return [t for operand in op.inputs if operand is not None for t in _columns(body, operand)]


def _shaped(body: _Body, op: Op, tensor: Tensor) -> _Sum:
    x = op.inputs[0]
    assert x is not None
    if x.shape[-1:] != tensor.shape[-1:]:
        raise NotAnLstmError("values before its gates change their rows")
    return _sum(body, x)


def _split(body: _Body, op: Op, tensor: Tensor) -> _Sum:
    axis, x = (op.inputs[0], op.inputs[1]) if op.kind == "SPLIT" else (op.inputs[2], op.inputs[0])
    if x is None or axis is None or axis.data is None:
        raise NotAnLstmError("its gates are split in an unknown way")
    if int(axis.data.reshape(-1)[0]) % len(x.shape) != len(x.shape) - 1:
        raise NotAnLstmError("its gates are split along another axis than the last")
    before = op.outputs[: op.outputs.index(tensor)]
    start = sum(t.shape[-1] for t in before)
    return _sum(body, x).rows(start, start + tensor.shape[-1])


def _sliced(body: _Body, op: Op, tensor: Tensor) -> _Sum:
    x, begin = op.inputs[0], op.input(1)
    strides = op.input(3) if op.kind == "STRIDED_SLICE" else None
    masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "offset")
    unit = strides is None or (strides.data is not None and bool((strides.data == 1).all()))
    if x is None or begin is None or begin.data is None or any(op.option(m) for m in masks):
        raise NotAnLstmError("its gates are sliced in an unknown way")
    if not unit or x.shape[:-1] != tensor.shape[:-1] or begin.data.size != len(x.shape):
        raise NotAnLstmError("its gates are sliced in an unknown way")
    masked = int(op.option("begin_mask", 0)) >> (len(x.shape) - 1) & 1
    start = 0 if masked else int(begin.data.reshape(-1)[-1]) % x.shape[-1]
    return _sum(body, x).rows(start, start + tensor.shape[-1])


_SUMS: Mapping[str, Callable[[_Body, Op, Tensor], _Sum]] = {
    "ADD": _added,
    "FULLY_CONNECTED": _multiplied,
    **dict.fromkeys(SHAPERS, _shaped),
    "SPLIT": _split,
    "SPLIT_V": _split,
    "STRIDED_SLICE": _sliced,
    "SLICE": _sliced,
}


def _matrix(sums: Sequence[_Sum], source: Tensor) -> Array:
    """Return the matrices of one source in all gates, stacked."""
    found = [s.parts.get(source) for s in sums]
    if not all(isinstance(m, np.ndarray) for m in found):
        raise NotAnLstmError("not every gate reads the step and the last output")
    return np.concatenate([m for m in found if isinstance(m, np.ndarray)])


def _sequence(body: _Body, step: Tensor, carried: Mapping[int, Tensor]) -> tuple[Tensor, bool]:
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
    sums: Sequence[_Sum], step: Tensor, x: Tensor, projection: Callable[[Tensor], Op | None]
) -> tuple[Array, Array, Tensor]:
    """Return W, b and x; where W·x was computed before the loop, from there."""
    bias = np.concatenate([s.bias for s in sums])
    found = [s.parts.get(step) for s in sums]
    if not any(isinstance(m, range) for m in found):
        return _matrix(sums, step), bias, x
    before = projection(x)
    if before is None or not all(isinstance(m, range) for m in found):
        raise NotAnLstmError("its gates read the step itself, unweighted")
    rows = [i for m in found if isinstance(m, range) for i in m]
    w, b = value(before.input(1)), value(before.input(2))
    source = before.inputs[0]
    if w is None or source is None or len(source.shape) != 3 or activation(before):
        raise NotAnLstmError("its gates read the step itself, unweighted")
    return w[rows], bias if b is None else bias + b.reshape(-1)[rows], source


def _collects(body: _Body, k: int, hidden: Tensor, lstm: Lstm) -> bool:
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


def _at_step(body: _Body, index: Tensor | None, axis: int) -> bool:
    """True for the index (t, 0, 0) or (0, t, 0)."""
    op = body.maker(index, "CONCATENATION", "PACK")
    if op is None:
        return False
    places: list[bool] = []
    for part in op.inputs:
        if part is None or (part.data is not None and part.data.any()):
            return False
        if part.data is None and not (body.counts(part) and _count_of(part) == 1):
            return False
        places += [part.data is None] * max(_count_of(part), 1)
    return places == [i == axis for i in range(3)]
