"""Equal ops and equal constants are merged; what only looks equal is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor, write
from litesmith.quantize import Quantize
from litesmith.rewrite import apply
from litesmith.rewrite.duplicates import DUPLICATES
from tests.support.graphs import RELU, SAME, Builder, const, examples, make, tensor
from tests.support.rewriting import check, golden, kinds

_SHAPE = (2, 3)
_UNARY = ("NEG", "TANH", "ABS")
_BINARY = ("ADD", "SUB", "MUL", "MAXIMUM")


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    """Few kinds of op on few values: most of them meet again."""
    b = Builder()
    pool: list[Tensor] = [b.input(_SHAPE), b.input(_SHAPE)]
    pool += [const(np.full(3, v, np.float32)) for v in draw_(st.lists(_numbers, max_size=3))]
    for _ in range(draw_(st.integers(1, 12))):
        x, y = draw_(st.sampled_from(pool)), draw_(st.sampled_from(pool))
        if x.is_constant and y.is_constant:
            continue
        if draw_(st.booleans()):
            pool.append(b.op(draw_(st.sampled_from(_UNARY)), y if x.is_constant else x))
        else:
            kind, fused = draw_(st.sampled_from(_BINARY)), draw_(st.sampled_from([0, RELU]))
            more = {} if kind == "MAXIMUM" else {"fused_activation_function": fused}
            pool.append(b.op(kind, x, y, **more))
    made = [t for op in b.ops for t in op.outputs] or [b.op("NEG", pool[0])]
    return b.graph(*draw_(st.lists(st.sampled_from(made), min_size=1, max_size=4, unique_by=id)))


_numbers = st.sampled_from([0.5, -1.0])


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_random_graphs(graph: Graph) -> None:
    after = check(graph, DUPLICATES)
    assert after.inputs == graph.inputs
    inner = [op for op in after.ops if not any(t in after.outputs for t in op.outputs)]
    keys = [(op.kind, str(op.options), tuple(map(id, op.inputs))) for op in inner]
    assert len(set(keys)) == len(keys)


def test_chains() -> None:
    b = Builder()
    x, y = b.input(_SHAPE), b.input(_SHAPE)
    sides = [b.op("TANH", b.op("ADD", *pair)) for pair in ((x, y), (y, x))]
    assert kinds(check(b.graph(b.op("SUB", *sides)), DUPLICATES)) == {"ADD": 1, "TANH": 1, "SUB": 1}


def test_order_matters_where_it_does() -> None:
    b = Builder()
    x, y = b.input(_SHAPE), b.input(_SHAPE)
    graph = b.graph(b.op("MUL", b.op("SUB", x, y), b.op("SUB", y, x)))
    assert not apply(graph, (DUPLICATES,)).done


def test_options_matter() -> None:
    b = Builder()
    x = b.input(_SHAPE)
    graph = b.graph(b.op("MUL", *(b.op("SOFTMAX", x, beta=v) for v in (1.0, 2.0))))
    assert not apply(graph, (DUPLICATES,)).done


@pytest.mark.parametrize("first,second,count", [(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 2)])
def test_outputs(first: int, second: int, count: int) -> None:
    b = Builder()
    x = b.input(_SHAPE)
    one, two = b.op("NEG", x), b.op("NEG", x)
    last = b.op("MUL", one, two)
    outputs = [t for t, shown in ((one, first), (two, second)) if shown]
    after = check(b.graph(last, *outputs), DUPLICATES)
    assert kinds(after) == {"NEG": count, "MUL": 1}


def test_several_results() -> None:
    b = Builder()
    x = b.input((1, 4))
    parts = [
        b.op("SPLIT", const(1), x, count=2, num_splits=2, dtype=DType.FLOAT32) for _ in range(2)
    ]
    graph = b.graph(b.op("ADD", parts[0][0], parts[1][1]))
    assert kinds(check(graph, DUPLICATES)) == {"SPLIT": 1, "ADD": 1}


def test_constants() -> None:
    b = Builder()
    x = b.input((1, 64))
    same = np.random.default_rng(0).normal(size=(1, 64)).astype(np.float32)
    other = same.copy()
    other[0, 33] += 1
    y = x
    for value in (same, same.copy(), other, same):
        y = b.op("ADD", y, const(value))
    graph = b.graph(y)
    after = check(graph, DUPLICATES)
    assert len({t for t in after.tensors() if t.is_constant}) == 2
    assert len(after.ops) == 4


@pytest.mark.parametrize("pair", [(0.0, -0.0), (np.float32(1), np.int32(1065353216))])
def test_constants_that_only_look_equal(pair: tuple[float, float]) -> None:
    b = Builder()
    f = b.input((2,))
    i = b.input((2,), DType.INT32)
    one, two = (const(np.asarray(v) if isinstance(v, np.generic) else np.float32(v)) for v in pair)
    second = b.op("ADD", i, two) if two.dtype is DType.INT32 else b.op("DIV", f, two)
    graph = b.graph(b.op("DIV", f, one), second)
    assert not apply(graph, (DUPLICATES,)).done


def test_chance_and_state_are_not_merged() -> None:
    b = Builder()
    x = b.input((1, 3))
    noise = [b.op("RANDOM_UNIFORM", const([1, 3]), dtype=DType.FLOAT32) for _ in range(2)]
    after = apply(b.graph(b.op("ADD", x, b.op("SUB", *noise))), (DUPLICATES,)).graph
    assert kinds(after)["RANDOM_UNIFORM"] == 2
    state = tensor("state", (1, 3), is_variable=True)
    y, z, s = (x.with_(name=n) for n in "yzs")
    ops = (
        make("ADD", (x, state), (y,)),
        make("ADD", (x, state), (z,)),
        make("SUB", (y, z), (s,)),
    )
    assert not apply(Graph((x,), (s,), ops), (DUPLICATES,)).done


def test_inputs_that_nothing_reads_stay() -> None:
    b = Builder()
    x, unused = b.input(_SHAPE), b.input(_SHAPE)
    after = check(b.graph(b.op("ADD", b.op("NEG", x), b.op("NEG", x))), DUPLICATES)
    assert after.inputs == (x, unused)


def test_shared_constants_can_be_quantized() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 3))
    options = {"padding": SAME, "stride_h": 1, "stride_w": 1}
    w = b.weights(3, 3, 3, 3)
    for scale in (1, 9):
        bias = const(np.ones(3, np.float32))
        x = b.op("CONV_2D", x, const((w.data * scale).astype(np.float32)), bias, **options)
    after = check(b.graph(x), DUPLICATES)
    assert len({op.inputs[2] for op in after.ops}) == 1
    write(Quantize("int8", "int8", "int8")(after, examples(after)).graph)


def test_golden() -> None:
    b = Builder()
    x, y = b.input(_SHAPE), b.input(_SHAPE)
    sides = [b.op("EXP", b.op("MUL", *pair)) for pair in ((x, y), (y, x))]
    scaled = [b.op("MUL", s, const(np.arange(3, dtype=np.float32))) for s in sides]
    golden("duplicates", {"both sides": b.graph(b.op("SUB", *scaled), sides[1])}, DUPLICATES)
