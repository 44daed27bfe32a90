"""Samples of loops, branches and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from litesmith.graph import DType, Graph, Tensor
from tests.conformance.sample import Sample
from tests.kernels.sample import g
from tests.rewrite.lstm_graphs import cell, loop
from tests.support.graphs import Builder, const, make, tensor

TANH, RELU, RELU6 = 4, 1, 3
Build = Callable[[], Graph]
UNITS, FEATURES = 4, 3


def _steps(b: Builder, time_major: bool, steps: int = 5, batch: int = 2) -> Tensor:
    return b.input((steps, batch, FEATURES) if time_major else (batch, steps, FEATURES))


def _gates(
    b: Builder, columns: int, rows: int = UNITS, coupled: bool = False
) -> list[Tensor | None]:
    found: list[Tensor | None] = [b.weights(rows, columns, scale=0.4) for _ in range(4)]
    return [None, *found[1:]] if coupled else found


def _vectors(b: Builder, count: int, coupled: bool = False) -> list[Tensor | None]:
    found: list[Tensor | None] = [b.weights(UNITS, scale=0.4) for _ in range(count)]
    return [None, *found[1:]] if coupled else found


def _direction(
    b: Builder, coupled: bool = False, peepholes: bool = False, projected: int = 0
) -> list[Tensor | None]:
    """Return W, R, peepholes, biases, projection and its bias: 17 operands."""
    none: list[Tensor | None] = [None] * 3
    return [
        *_gates(b, FEATURES, coupled=coupled),
        *_gates(b, projected or UNITS, coupled=coupled),
        *(_vectors(b, 3, coupled) if peepholes else none),
        *_vectors(b, 4, coupled),
        *([b.weights(projected, UNITS), b.weights(projected)] if projected else [None, None]),
    ]


def _states(batch: int, *units: int) -> list[Tensor]:
    return [tensor(f"state{i}", (batch, u), is_variable=True) for i, u in enumerate(units)]


def _lstm(
    time_major: bool = False,
    projected: int = 0,
    normalized: bool = False,
    coupled: bool = False,
    peepholes: bool = False,
    steps: int = 5,
    **more: Any,
) -> Graph:
    b = Builder(3)
    x = _steps(b, time_major, steps)
    inputs = [x, *_direction(b, coupled, peepholes, projected)]
    norms = _vectors(b, 4, coupled) if normalized else [None] * 4
    inputs += [*_states(2, projected or UNITS, UNITS), *norms]
    y = tensor("y", (*x.shape[:2], projected or UNITS))
    options = {"fused_activation_function": TANH, "time_major": time_major} | more
    b.ops.append(make("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], **options))
    return b.graph(y)


def _both_lstm(time_major: bool = False, merge: bool = False, **more: Any) -> Graph:
    b = Builder(4)
    x = _steps(b, time_major)
    inputs: list[Tensor | None] = [x, *_direction(b, **more), *_direction(b, **more)]
    inputs += [*_states(2, *(UNITS,) * 4), *[None] * 9]
    return _two(b, "BIDIRECTIONAL_SEQUENCE_LSTM", x, inputs, time_major, merge, TANH)


def _two(
    b: Builder,
    kind: str,
    x: Tensor,
    inputs: list[Tensor | None],
    time_major: bool,
    merge: bool,
    act: int,
) -> Graph:
    sizes = [2 * UNITS] if merge else [UNITS, UNITS]
    ys = [tensor(f"y{i}", (*x.shape[:2], u)) for i, u in enumerate(sizes)]
    options = {"fused_activation_function": act, "time_major": time_major, "merge_outputs": merge}
    b.ops.append(make(kind, inputs, ys, **options))
    return b.graph(*ys)


def _plain(b: Builder) -> list[Tensor | None]:
    return [b.weights(UNITS, FEATURES), b.weights(UNITS, UNITS, scale=0.4), b.weights(UNITS)]


def _rnn(time_major: bool, act: int) -> Graph:
    b = Builder(5)
    x = _steps(b, time_major)
    y = tensor("y", (*x.shape[:2], UNITS))
    options = {"fused_activation_function": act, "time_major": time_major}
    inputs = [x, *_plain(b), *_states(2, UNITS)]
    b.ops.append(make("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, [y], **options))
    return b.graph(y)


def _both_rnn(time_major: bool, merge: bool) -> Graph:
    b = Builder(6)
    x = _steps(b, time_major)
    one, two = _states(2, UNITS, UNITS)
    inputs = [x, *_plain(b), one, *_plain(b), two, *[None] * 3]
    return _two(b, "BIDIRECTIONAL_SEQUENCE_RNN", x, inputs, time_major, merge, TANH)


def _svdf(rank: int, bias: bool) -> Graph:
    b = Builder(7)
    x, filters, memory = b.input((2, FEATURES)), 2 * rank, 4
    (state,) = _states(2, memory * filters)
    y = tensor("y", (2, 2))
    weights = b.weights(filters, FEATURES), b.weights(filters, memory)
    inputs = [x, *weights, b.weights(2) if bias else None, state]
    b.ops.append(make("SVDF", inputs, [y], rank=rank, fused_activation_function=RELU))
    return b.graph(y)


def loop_of(steps: int, every: bool, masked: bool) -> Graph:
    b = Builder(8)
    x = b.input((steps, 2, FEATURES))
    ends = loop(b, x, cell(b, FEATURES, UNITS), every, masked=masked)
    return b.graph(ends[0], ends[2], ends[4])


def until(limit: float) -> Graph:
    """Doubles until the sum passes a limit: how often depends on the example."""
    b = Builder()
    x = b.input((3,))
    carried = (const(np.int32(0)), x)
    ask = Builder()
    _, v = ask.input((), DType.INT32), ask.input((3,))
    total = ask.op("SUM", ask.op("ABS", v), const([0]), keep_dims=False)
    more = ask.graph(ask.op("LESS", total, const(np.float32(limit)), dtype=DType.BOOL))
    go = Builder()
    n, v = go.input((), DType.INT32), go.input((3,))
    body = go.graph(go.op("ADD", n, const(np.int32(1))), go.op("MUL", v, const(np.float32(2))))
    ends = [tensor("n", (), DType.INT32), tensor("v", (3,))]
    b.ops.append(make("WHILE", carried, ends).with_(subgraphs=(more, body)))
    return b.graph(*ends)


def branch(constant: bool | None) -> Graph:
    b = Builder()
    x = b.input((1, 3))
    total = b.op("SUM", x, const([0, 1]), keep_dims=False)
    if constant is None:
        asked = b.op("GREATER", total, const(np.float32(0)), dtype=DType.BOOL)
    else:
        asked = const(np.asarray(constant))
    sides = []
    for kind in ("MUL", "SUB"):
        side = Builder()
        sides.append(side.graph(side.op(kind, side.input((1, 3)), const(np.float32(3)))))
    y = tensor("y", (1, 3))
    b.ops.append(make("IF", [asked, x], [y]).with_(subgraphs=tuple(sides)))
    return b.graph(y)


def _composite() -> Graph:
    inner = Builder()
    part = inner.graph(inner.op("MUL", inner.input((2, 3)), const(np.float32(3))))
    x, y = tensor("x", (2, 3)), tensor("y", (2, 3))
    more: dict[str, Any] = {"name": "tripled", "composite_attributes": (0, 0, 1, 0, 0, 36, 1)}  # {}
    op = make("STABLEHLO_COMPOSITE", [x], [y], **more)
    return Graph((x,), (y,), (op.with_(subgraphs=(part,)),))


def _lstms() -> Iterator[tuple[str, Build]]:
    forms: dict[str, dict[str, Any]] = {
        "plain": {},
        "time_major": {"time_major": True},
        "relu": {"fused_activation_function": RELU},
        "peepholes": {"peepholes": True},
        "coupled": {"coupled": True, "peepholes": True},
        "projected": {"projected": 3},
        "clipped": {"cell_clip": 0.3, "proj_clip": 0.2, "projected": 3},
        "normalized": {"normalized": True},
        "normalized_coupled": {"normalized": True, "coupled": True, "peepholes": True},
        "long": {"steps": 70, "time_major": True},
    }
    for name, more in forms.items():
        yield name, partial(_lstm, **more)


def _all() -> Iterator[Sample]:
    for name, build in _lstms():
        yield g("UNIDIRECTIONAL_SEQUENCE_LSTM", name, build)
    for major in (False, True):
        name = "time_major" if major else "batch_major"
        for merge in (False, True):
            more = f"{name}_merged" if merge else name
            # LiteRT itself answers at random where results of batches are merged.
            if major or not merge:
                yield g("BIDIRECTIONAL_SEQUENCE_LSTM", more, partial(_both_lstm, major, merge))
            yield g("BIDIRECTIONAL_SEQUENCE_RNN", more, partial(_both_rnn, major, merge))
        yield g("UNIDIRECTIONAL_SEQUENCE_RNN", name, partial(_rnn, major, TANH))
    yield g("UNIDIRECTIONAL_SEQUENCE_RNN", "relu6", partial(_rnn, False, RELU6))
    yield g("BIDIRECTIONAL_SEQUENCE_LSTM", "peepholes", partial(_both_lstm, peepholes=True))
    for rank in (1, 2):
        yield g("SVDF", f"rank{rank}", partial(_svdf, rank, bias=rank == 2))
    for steps in (4, 70):
        for every in (False, True):
            name = f"{steps}_{'every' if every else 'last'}"
            yield g("WHILE", name, partial(loop_of, steps, every, masked=every))
    yield g("WHILE", "until", partial(until, 20.0))
    yield g("WHILE", "never", partial(until, -1.0))
    yield g("STABLEHLO_COMPOSITE", "plain", _composite)
    yield g("IF", "computed", partial(branch, None))
    yield g("IF", "yes", partial(branch, True))
    yield g("IF", "no", partial(branch, False))


RECURRENT: tuple[Sample, ...] = tuple(_all())
