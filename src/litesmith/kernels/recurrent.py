"""Recurrent layers as one op: every step of a sequence, state starting as the graph says.

Rows are examples times the graph's own batch: sequences become (steps, rows, features). What does
not depend on the step before is computed for all steps at once. Short sequences are unrolled, which
trains faster; long ones are a tf.while_loop, whose graph does not grow with them.
Source of the formulas: tensorflow/lite/kernels/{lstm_eval,rnn,svdf}.cc and
internal/reference/svdf.h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import tensorflow as tf

from litesmith.kernels.activations import fused
from litesmith.kernels.operands import count_of, lifted
from litesmith.kernels.value import Call, DeclinedError, Kernel, TfTensor, Value

UNROLLED = 64  # steps at most
_EPSILON = 1e-8  # of layer normalization


@dataclass(frozen=True)
class Part:
    """Where one direction of an LSTM keeps its operands.

    Attributes:
        first: W of the gates i, f, g, o; behind it R of them, 3 peepholes, 4 biases, the
            projection and its bias.
        states: h and c.
        norms: scales of layer normalization per gate, 0 where there never is any.
    """

    first: int
    states: tuple[int, int]
    norms: int = 0


_ALONE = Part(1, (18, 19), 20)
_FORWARDS, _BACKWARDS = Part(1, (35, 36)), Part(18, (37, 38))

States = tuple[TfTensor, ...]
Step = Callable[[TfTensor, States], tuple[TfTensor, States]]


def over_time(step: Step, xs: TfTensor, states: States, backwards: bool = False) -> TfTensor:
    """Return what a step makes of each of xs, (steps, rows, …), in their order.

    Args:
        step: (x of one step, states) → (result, new states).
        xs: what differs between steps.
        states: where the first step starts.
        backwards: start with the last one.
    """
    count = int(xs.shape[0])
    order = range(count - 1, -1, -1) if backwards else range(count)
    if count <= UNROLLED:
        found = {}
        for i in order:
            found[i], states = step(xs[i], states)
        return tf.stack([found[i] for i in range(count)])
    first, _ = step(xs[0], states)  # its type and shape alone
    results = tf.TensorArray(first.dtype, count, element_shape=first.shape)

    def body(done: TfTensor, made: TfTensor, *old: TfTensor) -> tuple[TfTensor, ...]:
        i = count - 1 - done if backwards else done
        result, new = step(xs[i], old)
        return (done + 1, made.write(i, result), *new)

    carried = (tf.constant(0), results, *states)
    ends = tf.while_loop(lambda done, *_: done < count, body, carried, maximum_iterations=count)
    return ends[1].stack()


def _sequence(call: Call, position: int = 0) -> TfTensor:
    """Return a sequence as (steps, rows, features)."""
    x = call.value(position)
    if not call.op.option("time_major", False):
        x = x.with_(tf.transpose(x.tensor, (0, 2, 1, 3) if x.batched else (1, 0, 2)))
    if not x.batched:
        return x.tensor
    steps, _, features = x.shape
    return tf.reshape(tf.transpose(x.tensor, (1, 0, 2, 3)), (steps, -1, features))


def _result(call: Call, ys: TfTensor) -> Value:
    """Return (steps, rows, units) in the axes of the op's sequence."""
    x = call.value(0)
    time_major = bool(call.op.option("time_major", False))
    if not x.batched:
        return Value(ys if time_major else tf.transpose(ys, (1, 0, 2)), False)
    steps, units = ys.shape[0], ys.shape[-1]
    batch = x.shape[1 if time_major else 0]
    parts = tf.reshape(ys, (steps, count_of(x), batch, units))
    return Value(tf.transpose(parts, (1, 0, 2, 3) if time_major else (1, 2, 0, 3)), True)


def _state(call: Call, position: int) -> TfTensor:
    """Return a state as (rows, units)."""
    x, state = lifted(call.value(0), call.value(position))
    return tf.cast(tf.reshape(state.tensor, (-1, state.shape[-1])), x.tensor.dtype)


def _weights(call: Call, position: int) -> TfTensor:
    value = call.value(position)
    if value.batched:
        raise DeclinedError("its weights depend on the example")
    return value.tensor


def _lstm(call: Call, part: Part, backwards: bool = False) -> TfTensor:
    """Return h of every step, (steps, rows, units).

    z = W·x + R·h (+ peepholes · c) + b;  c' = σ(f)·c + σ(i)·act(g);  h = P·(σ(o)·act(c')) + p.
    Without a gate i, σ(i) is 1 − σ(f). Layer normalization comes before b.
    """
    if call.op.option("diagonal_recurrent_tensors", False):
        raise DeclinedError("its recurrent weights are diagonals")
    names = "ifgo" if call.has(part.first) else "fgo"
    weights, recurrent = (_stacked(call, part.first + i) for i in (0, 4))
    xs = tf.matmul(_sequence(call), weights, transpose_b=True)
    xs = xs if part.norms and call.has(part.norms + 1) else xs + _stacked(call, part.first + 11)

    def step(x: TfTensor, old: States) -> tuple[TfTensor, States]:
        h, c = old
        z = tf.split(x + tf.matmul(h, recurrent, transpose_b=True), len(names), axis=-1)
        gates = dict(zip(names, z, strict=True))
        forget = tf.sigmoid(_gate(call, part, "f", gates["f"], c))
        write = tf.sigmoid(_gate(call, part, "i", gates["i"], c)) if "i" in gates else 1 - forget
        c = forget * c + write * fused(call, _gate(call, part, "g", gates["g"], c))
        c = _clipped(call, "cell_clip", c)
        read = tf.sigmoid(_gate(call, part, "o", gates["o"], c))
        h = _projected(call, part.first + 15, read * fused(call, c))
        return h, (h, c)

    h, c = (_state(call, position) for position in part.states)
    return over_time(step, xs, (h, c), backwards)


def _stacked(call: Call, first: int) -> TfTensor:
    """Return the weights of the gates i, f, g, o (without i where it is coupled) as rows of one."""
    return tf.concat([_weights(call, p) for p in range(first, first + 4) if call.has(p)], 0)


_PEEPHOLES = {"i": 8, "f": 9, "o": 10}


def _gate(call: Call, part: Part, name: str, z: TfTensor, c: TfTensor) -> TfTensor:
    """Return what a gate's function is applied to: peepholes and layer normalization added."""
    peephole, place = part.first + _PEEPHOLES.get(name, 0), "ifgo".index(name)
    if name in _PEEPHOLES and call.has(peephole):
        z = z + _weights(call, peephole) * c
    if not part.norms or not call.has(part.norms + place):
        return z
    mean, variance = tf.nn.moments(z, -1, keepdims=True)
    z = (z - mean) * tf.math.rsqrt(variance + _EPSILON) * _weights(call, part.norms + place)
    return z + _weights(call, part.first + 11 + place)


def _clipped(call: Call, option: str, x: TfTensor) -> TfTensor:
    limit = float(call.op.option(option, 0.0))
    return tf.clip_by_value(x, -limit, limit) if limit > 0 else x


def _projected(call: Call, position: int, h: TfTensor) -> TfTensor:
    if not call.has(position):
        return h
    h = tf.matmul(h, _weights(call, position), transpose_b=True)
    h = h + _weights(call, position + 1) if call.has(position + 1) else h
    return _clipped(call, "proj_clip", h)


def _unidirectional_lstm(call: Call) -> tuple[Value, ...]:
    return (_result(call, _lstm(call, _ALONE)),)


def _bidirectional_lstm(call: Call) -> tuple[Value, ...]:
    if call.has(39):
        raise DeclinedError("it has an auxiliary input")
    both = _lstm(call, _FORWARDS), _lstm(call, _BACKWARDS, backwards=True)
    return _both(call, *both)


def _both(call: Call, forwards: TfTensor, backwards: TfTensor) -> tuple[Value, ...]:
    if call.op.option("merge_outputs", False):
        return (_result(call, tf.concat([forwards, backwards], -1)),)
    return _result(call, forwards), _result(call, backwards)


def _rnn(call: Call, first: int, backwards: bool = False) -> TfTensor:
    """Return h = act(W·x + R·h + b) of every step; operands: W, R, b, h."""
    recurrent, bias = _weights(call, first + 1), _weights(call, first + 2)
    xs = tf.matmul(_sequence(call), _weights(call, first), transpose_b=True) + bias

    def step(x: TfTensor, states: States) -> tuple[TfTensor, States]:
        h = fused(call, x + tf.matmul(states[0], recurrent, transpose_b=True))
        return h, (h,)

    return over_time(step, xs, (_state(call, first + 3),), backwards)


def _unidirectional_rnn(call: Call) -> tuple[Value, ...]:
    return (_result(call, _rnn(call, 1)),)


def _bidirectional_rnn(call: Call) -> tuple[Value, ...]:
    if call.has(9):
        raise DeclinedError("it has an auxiliary input")
    return _both(call, _rnn(call, 1), _rnn(call, 5, backwards=True))


def _svdf(call: Call) -> tuple[Value, ...]:
    """Features of the newest step join a memory, which weights of time sum up.

    Operands: x (batch, in), features (filters, in), time (filters, memory), bias (units,) or none,
    state (batch, memory · filters). `rank` filters make a unit.
    """
    features, time = _weights(call, 1), _weights(call, 2)
    x, state = lifted(call.value(0), call.value(4))
    filters, memory = (int(d) for d in time.shape)
    rows = tf.reshape(x.tensor, (-1, x.shape[-1]))
    old = tf.cast(tf.reshape(state.tensor, (-1, filters, memory))[:, :, 1:], rows.dtype)
    new = tf.matmul(rows, features, transpose_b=True)[:, :, tf.newaxis]
    summed = tf.reduce_sum(tf.concat([old, new], 2) * time, 2)
    rank = int(call.op.option("rank", 1))
    units = tf.reduce_sum(tf.reshape(summed, (-1, filters // rank, rank)), 2)
    units = units + _weights(call, 3) if call.has(3) else units
    found = fused(call, units)
    lead = (-1,) if x.batched else ()
    return (x.with_(tf.reshape(found, (*lead, x.shape[0], found.shape[-1]))),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "BIDIRECTIONAL_SEQUENCE_LSTM": _bidirectional_lstm,
        "BIDIRECTIONAL_SEQUENCE_RNN": _bidirectional_rnn,
        "SVDF": _svdf,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _unidirectional_lstm,
        "UNIDIRECTIONAL_SEQUENCE_RNN": _unidirectional_rnn,
    }
)
