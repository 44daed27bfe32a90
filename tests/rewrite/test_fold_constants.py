from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, QuantParams, Tensor, read, verify
from litesmith.graph.census import op_counts
from litesmith.rewrite import apply
from litesmith.rewrite.fold_constants import FOLD_CONSTANTS
from tests.support.converted import converted
from tests.support.graphs import Builder, const, draw, execute, make, random_cnn, tensor

_UNARY = ("NEG", "ABS", "SQUARE", "EXP", "TANH", "ELU", "RELU", "LOGISTIC", "FLOOR")
_BINARY = ("ADD", "SUB", "MUL", "MAXIMUM", "SQUARED_DIFFERENCE")


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    """A random graph that mixes constants and inputs."""
    b = Builder(draw_(st.integers(0, 9)))
    pool: list[Tensor] = [b.input((1, 4)), b.weights(1, 4), b.weights(4), b.weights()]
    for _ in range(draw_(st.integers(1, 10))):
        x, y = draw_(st.sampled_from(pool)), draw_(st.sampled_from(pool))
        if draw_(st.booleans()):
            pool.append(b.op(draw_(st.sampled_from(_UNARY)), x))
        else:
            pool.append(b.op(draw_(st.sampled_from(_BINARY)), x, y))
    made = pool[4:]
    outputs = draw_(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique_by=id))
    return b.graph(*outputs)


def constant_ops(graph: Graph) -> list[str]:
    """Kinds of ops that read only constants and are not outputs."""
    return [
        op.kind
        for op in graph.ops
        if all(t is None or t.is_constant for t in op.inputs)
        and not any(t in graph.outputs for t in op.outputs)
    ]


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_random_graphs(graph: Graph) -> None:
    outcome = apply(graph, (FOLD_CONSTANTS,))
    after = verify(outcome.graph)
    assert outcome.done is (after is not graph)
    assert len(after.ops) <= len(graph.ops)
    used = {t for op in after.ops for t in op.inputs} | set(after.outputs)
    assert not [op for op in after.ops if op.kind in constant_ops(after) and op.outputs[0] in used]
    arrays = draw(graph, 2)
    for a, b in zip(execute(graph, arrays), execute(after, arrays), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_chain_is_one_constant() -> None:
    b = Builder()
    w = b.op("RESHAPE", b.op("EXP", b.weights(2, 2)), const([4]), new_shape=[4])
    graph = b.graph(b.op("ADD", b.input((1, 4)), w))
    outcome = apply(graph, (FOLD_CONSTANTS,))
    assert op_counts(outcome.graph) == {"ADD": 1}
    assert outcome.why == "3 ops became 1: 2 fold_constants"
    folded = outcome.graph.ops[0].inputs[1]
    assert folded is not None and folded.data is not None and folded.shape == (4,)


def test_several_results_of_one_op() -> None:
    b = Builder()
    parts = b.op("SPLIT", const(0), b.weights(4, 2), count=2, num_splits=2, dtype=DType.FLOAT32)
    x = b.input((1, 2))
    graph = b.graph(b.op("ADD", x, parts[0]), b.op("MUL", x, parts[1]))
    assert op_counts(apply(graph, (FOLD_CONSTANTS,)).graph) == {"ADD": 1, "MUL": 1}


def test_outputs_stay_computed() -> None:
    b = Builder()
    b.input((1, 2))
    graph = b.graph(b.op("EXP", b.weights(2)))
    assert not apply(graph, (FOLD_CONSTANTS,)).done


def test_a_constant_that_is_read_and_is_an_output() -> None:
    b = Builder()
    inner = b.op("NEG", b.weights(2))
    e = b.op("EXP", inner)
    graph = b.graph(b.op("ADD", b.input((1, 2)), e), e)
    after = verify(apply(graph, (FOLD_CONSTANTS,)).graph)
    arrays = draw(graph)
    for a, c in zip(execute(graph, arrays), execute(after, arrays), strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-6)


def test_large_results_are_cheaper_computed_than_stored() -> None:
    b = Builder()
    big = b.op("FILL", const([1, 300, 300]), const(np.float32(2)), dtype=DType.FLOAT32)
    small = b.op("FILL", const([1, 3]), const(np.float32(2)), dtype=DType.FLOAT32)
    graph = b.graph(b.op("ADD", b.input((1, 300, 300)), big), b.op("ADD", b.input((1, 3)), small))
    assert op_counts(apply(graph, (FOLD_CONSTANTS,)).graph) == {"ADD": 2, "FILL": 1}


def test_random_numbers_and_state_are_never_folded() -> None:
    b = Builder()
    noise = b.op("RANDOM_UNIFORM", const([1, 3]), dtype=DType.FLOAT32)
    graph = b.graph(b.op("ADD", b.input((1, 3)), noise))
    assert not apply(graph, (FOLD_CONSTANTS,)).done
    assert (
        op_counts(apply(read(converted("counter")), (FOLD_CONSTANTS,)).graph)["READ_VARIABLE"] == 2
    )


def test_half_weights_stay_half() -> None:
    graph = read(converted("cnn_float16"))
    assert not apply(graph, (FOLD_CONSTANTS,)).done


def test_called_graphs_are_folded_too() -> None:
    b = Builder()
    x = b.input((1, 2))
    body = b.graph(b.op("ADD", x, b.op("EXP", b.weights(2))))
    c, y = tensor("c", (), DType.BOOL), tensor("y", (1, 2))
    call = make("IF", (c, x), (y,)).with_(subgraphs=(body, body))
    after = apply(Graph((c, x), (y,), (call,)), (FOLD_CONSTANTS,)).graph
    assert op_counts(after) == {"ADD": 1, "IF": 1}


@pytest.mark.parametrize("seed", range(3))
def test_nothing_to_fold(seed: int) -> None:
    graph = random_cnn(seed)
    outcome = apply(graph, (FOLD_CONSTANTS,))
    assert (outcome.done, outcome.graph) == (False, graph)


def test_strings_are_left_alone() -> None:
    raw = np.frombuffer(b"\x01\x00\x00\x00\x0c\x00\x00\x00\x0e\x00\x00\x00hi", np.uint8).copy()
    text = Tensor("s", (1,), DType.STRING, raw, raw=True)
    i = tensor("i", (1,), DType.INT32)
    picked, out = tensor("p", (1,), DType.STRING), tensor("o", (1,), DType.STRING)
    first = make("GATHER", (text, const([0])), (picked,))
    graph = Graph((i,), (out,), (first, make("GATHER", (picked, i), (out,))))
    verify(apply(graph, (FOLD_CONSTANTS,)).graph)


def test_quantized_constants_keep_their_parameters() -> None:
    quant = QuantParams(np.asarray([0.5], np.float32), np.asarray([3], np.int64))
    w = const(np.asarray([[4, 5]], np.int8)).with_(quant=quant)
    x = tensor("x", (1, 2), DType.INT8, quant=quant)
    middle, y = x.with_(name="m", shape=(2, 1)), x.with_(name="y", shape=(2, 2))
    reshape = make("RESHAPE", (w, const([2, 1])), (middle,), new_shape=(2, 1))
    graph = Graph((x,), (y,), (reshape, make("ADD", (middle, x), (y,))))
    after = verify(apply(graph, (FOLD_CONSTANTS,)).graph)
    folded = after.ops[0].inputs[0]
    assert folded is not None and folded.quant is quant
