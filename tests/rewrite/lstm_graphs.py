"""LSTM layers as the converter's loop and as the fused op, with random weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import DType, Graph, Tensor, write
from litesmith.runtime import Session
from tests.support.graphs import Array, Builder, const, make, tensor

ACTIVATIONS = {"TANH": 4, "RELU": 1, "RELU6": 3}  # in the fused op


@dataclass
class Cell:
    """Gates in the order i, f, g, o."""

    weights: Array
    recurrent: Array
    bias: Array
    activation: str = "TANH"

    @property
    def units(self) -> int:
        return int(self.recurrent.shape[1])


def cell(b: Builder, features: int, units: int, activation: str = "TANH") -> Cell:
    def draw(*shape: int) -> Array:
        return b.random.normal(0, 0.4, shape).astype(np.float32)

    return Cell(draw(4 * units, features), draw(4 * units, units), draw(4 * units), activation)


def zeros(*shape: int) -> Tensor:
    return const(np.zeros(shape, np.float32))


def _gates(b: Builder, c: Cell, x: Tensor, h: Tensor, joined: bool) -> Tensor:
    if joined:
        w = const(np.concatenate([c.weights, c.recurrent], axis=1))
        xh = b.op("CONCATENATION", x, h, axis=-1)
        return b.op("FULLY_CONNECTED", xh, w, const(c.bias))
    r = b.op("FULLY_CONNECTED", h, const(c.recurrent), None)
    if h.shape[0] == 1:
        r = b.op("RESHAPE", r, const([4 * c.units]))
    z = b.op("ADD", b.op("FULLY_CONNECTED", x, const(c.weights), None), r)
    return b.op("ADD", z, const(c.bias))


def _body(c: Cell, carried: Sequence[Tensor], every: bool, joined: bool, masked: bool) -> Graph:
    b = Builder()
    t, u, y, h, old, xs = (b.input(v.shape, v.dtype) for v in carried)
    x = b.op("GATHER", xs, u, axis=0)
    z = _gates(b, c, x, h, joined)
    i, f, g, o = b.op("SPLIT", const(np.int32(1)), z, count=4, dtype=DType.FLOAT32, num_splits=4)
    i, f, o = (b.op("LOGISTIC", v) for v in (i, f, o))

    def act(v: Tensor) -> Tensor:
        return v if c.activation == "NONE" else b.op(c.activation, v)

    new = b.op("ADD", b.op("MUL", f, old), b.op("MUL", i, act(g)))
    out = b.op("MUL", o, act(new))
    if masked:
        keep = b.op("LESS", u, const(np.int32(1)), dtype=DType.BOOL)
        out = b.op("SELECT_V2", keep, h, out, dtype=DType.FLOAT32)
    step = b.op("RESHAPE", out, const([1, *out.shape]))
    if every:
        place = b.op("CONCATENATION", b.op("RESHAPE", u, const([1])), const([0, 0]), axis=0)
        step = b.op("DYNAMIC_UPDATE_SLICE", y, step, place)
    one = const(np.int32(1))
    return b.graph(b.op("ADD", t, one), b.op("ADD", u, one), step, out, new, xs)


def loop(
    b: Builder,
    x: Tensor,
    c: Cell,
    every: bool,
    states: tuple[Tensor, Tensor] | None = None,
    joined: bool = False,
    masked: bool = False,
) -> tuple[Tensor, ...]:
    """Add a layer over x[steps, batch, features]; return what the WHILE does.

    The results are two counters, h of every step or of the last one, h, c, x.
    """
    steps, batch = x.shape[:2]
    h, old = states or (zeros(batch, c.units), zeros(batch, c.units))
    first = const(np.int32(0))
    y = zeros(steps if every else 1, batch, c.units)
    carried = (first, first, y, h, old, x)
    test = Builder()
    inputs = [test.input(v.shape, v.dtype) for v in carried]
    limit = const(np.int32(steps))
    less = [test.op("LESS", v, limit, dtype=DType.BOOL) for v in inputs[:2]]
    condition = test.graph(test.op("LOGICAL_AND", *less))
    body = _body(c, carried, every, joined, masked)
    ends = [tensor(f"end{i}", v.shape, v.dtype) for i, v in enumerate(carried)]
    b.ops.append(make("WHILE", carried, ends).with_(subgraphs=(condition, body)))
    return tuple(ends)


def fused(
    b: Builder, x: Tensor, c: Cell, time_major: bool, reset: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Add a layer as one op, whose states the graph sets or not; return y, h, c."""
    batch = x.shape[1 if time_major else 0]
    h, old = (tensor(n, (batch, c.units), is_variable=True) for n in "hc")
    if reset:
        b.ops += [make("ZEROS_LIKE", [zeros(batch, c.units)], [s]) for s in (h, old)]
    parts = [[const(p) for p in np.split(v, 4)] for v in (c.weights, c.recurrent, c.bias)]
    y = tensor("y", (*x.shape[:2], c.units))
    inputs = [x, *parts[0], *parts[1], *[None] * 3, *parts[2], *[None] * 2, h, old, *[None] * 4]
    act = ACTIVATIONS[c.activation]
    more = {"time_major": time_major, "fused_activation_function": act}
    b.ops.append(make("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], **more))
    return y, h, old


def stream(
    graph: Graph, kernels: str = "default", resets: Sequence[int] = (), count: int = 4
) -> list[list[Array]]:
    """Return the outputs of one invocation after the other, state kept but before `resets`."""
    session = Session(write(graph), kernels=kernels)
    random = np.random.default_rng(7)
    found = []
    for i in range(count):
        if i in resets:
            session.reset()
        session.feed([random.normal(size=t.shape).astype(np.float32) for t in graph.inputs])
        session.invoke()
        found.append(session.fetch())
    return found


def same_stream(a: Graph, b: Graph, resets: Sequence[int] = ()) -> None:
    """Assert that two graphs answer alike, invocation by invocation."""
    for kernels in ("default", "builtin", "reference"):
        pairs = zip(stream(a, kernels, resets), stream(b, kernels, resets), strict=True)
        for i, (one, two) in enumerate(pairs):
            for x, y in zip(one, two, strict=True):
                scale = max(float(np.abs(x).max(initial=0)), 1e-3)
                assert x.shape == y.shape
                assert np.abs(x - y).max(initial=0) <= 1e-5 * scale, (kernels, i)
