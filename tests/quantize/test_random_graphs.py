"""Random graphs of everything that shares, fixes or ignores scales: always loadable and close."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor, read, verify, write
from litesmith.quantize import ENDS, Quantize
from litesmith.runtime import Session
from tests.support.graphs import Builder, const, draw, examples, execute, named

_WIDTH = 4
Make = Callable[[Builder, Tensor, Tensor], Tensor]


def _dense(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    w = b.weights(_WIDTH, _WIDTH, scale=float(b.random.choice([0.1, 0.6, 3.0])))
    return b.op("FULLY_CONNECTED", x, w, b.weights(_WIDTH, scale=0.3))


def _joined(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    both = b.op("CONCATENATION", x, y, axis=1)
    return b.op("SLICE", both, const([0, 2]), const([1, _WIDTH]))


def _swapped(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    parts = b.op("SPLIT", const(1), x, count=2, num_splits=2, dtype=DType.FLOAT32)
    return b.op("CONCATENATION", parts[1], parts[0], axis=1)


def _packed(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    return b.op("REDUCE_MAX", b.op("PACK", x, y, values_count=2, axis=1), const([1]))


def _chosen(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    condition = b.op("GREATER", x, y, dtype=DType.BOOL)
    return b.op("SELECT_V2", condition, y, x, dtype=DType.FLOAT32)


def _reshaped(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    wide = b.op("RESHAPE", x, const([1, 2, 2]), new_shape=[1, 2, 2])
    turned = b.op("TRANSPOSE", wide, const([0, 2, 1]))
    return b.op("RESHAPE", turned, const([1, _WIDTH]), new_shape=[1, _WIDTH])


def _unary(kind: str, **fields: float) -> Make:
    return lambda b, x, y: b.op(kind, x, **fields)


def _binary(kind: str, **fields: int) -> Make:
    return lambda b, x, y: b.op(kind, x, y, **fields)


_MAKERS: tuple[Make, ...] = (
    _dense,
    _dense,
    _joined,
    _swapped,
    _packed,
    _chosen,
    _reshaped,
    _unary("LOGISTIC"),
    _unary("TANH"),
    _unary("SOFTMAX", beta=1.0),
    _unary("RELU"),
    _unary("LEAKY_RELU", alpha=0.1),
    _unary("ABS"),
    _unary("SIN"),
    _binary("ADD", fused_activation_function=1),
    _binary("SUB"),
    _binary("MUL"),
    _binary("MAXIMUM"),
    _binary("MINIMUM"),
    lambda b, x, y: b.op("MAXIMUM", x, const(np.float32(0.5))),
    lambda b, x, y: b.op(
        "PAD", b.op("SLICE", x, const([0, 0]), const([1, 3])), const([[0, 0], [1, 0]])
    ),
)


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    b = Builder(draw_(st.integers(0, 99)))
    pool = [b.input((1, _WIDTH)) for _ in range(draw_(st.integers(1, 2)))]
    for _ in range(draw_(st.integers(1, 7))):
        make = draw_(st.sampled_from(_MAKERS))
        x, y = (draw_(st.sampled_from(pool[-4:])) for _ in range(2))
        pool.append(make(b, x, y))
    more = draw_(st.lists(st.sampled_from(pool), max_size=2))
    return named(b.graph(pool[-1], *more))


# Derandomized: a long chain of steep ops may amplify honest rounding beyond any bound.
@settings(max_examples=150, deadline=None, derandomize=True)
@given(graphs(), st.sampled_from(ENDS), st.sampled_from(ENDS))
def test_random_graphs(graph: Graph, into: str, out: str) -> None:
    arrays = draw(graph, 12)
    outcome = Quantize("int8", into, out)(graph, examples(graph, arrays))
    result = verify(read(write(outcome.graph)))
    assert [t.dtype.value for t in result.inputs] == [into] * len(graph.inputs)
    assert [t.dtype.value for t in result.outputs] == [out] * len(graph.outputs)
    for kernels in ("default", "reference"):
        found = Session(write(result), kernels=kernels).run([a[:, 0] for a in arrays])
        for a, wanted in zip(found, execute(graph, arrays), strict=True):
            b = wanted[:, 0] if wanted.shape[1] == 1 else wanted
            assert a.shape == b.shape
            # Ops in a row add up; what must not happen is a wrong scale, an order of magnitude.
            assert np.abs(a - b).mean() <= 0.15 * max(np.abs(b).max(), 1e-2)
