"""Evaluation: hooks, inner tensors, called graphs, what is computed at all."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from litesmith.graph import Graph, Op, Tensor
from litesmith.kernels.evaluate import Hooks, evaluate
from litesmith.kernels.value import Value
from tests.kernels.against import computed
from tests.support.graphs import Builder, const, draw, execute, make, random_cnn, tensor


def test_a_whole_network() -> None:
    graph = random_cnn(3)
    arrays = draw(graph, 5)
    np.testing.assert_allclose(computed(graph, arrays)[0], execute(graph, arrays)[0], atol=1e-5)


def test_any_number_of_examples_in_one_trace() -> None:
    graph = random_cnn(4)

    @tf.function
    def run(x: tf.Tensor) -> tf.Tensor:
        return evaluate(graph, {graph.inputs[0]: x})[graph.outputs[0]].tensor

    traced = run.get_concrete_function(tf.TensorSpec((None, *graph.inputs[0].shape)))
    assert traced.output_shapes.as_list() == [None, *graph.outputs[0].shape]
    for count in (1, 3):
        arrays = draw(graph, count)
        found = traced(tf.constant(arrays[0]))
        np.testing.assert_allclose(found, execute(graph, arrays)[0], atol=1e-5)


def _chain() -> tuple[Graph, Tensor]:
    b = Builder()
    inner = b.op("MUL", b.input((3,)), const(np.float32([1, 2, 3]), "factor"))
    return b.graph(b.op("ADD", inner, const(np.float32([1, 1, 1]), "offset"))), inner


def test_constants_are_replaced() -> None:
    graph, _ = _chain()
    seen: list[str] = []

    def constant(t: Tensor) -> tf.Tensor | None:
        seen.append(t.name)
        return tf.zeros(3) if t.name == "factor" else None

    found = computed(graph, [np.ones((2, 3), np.float32)], Hooks(constant=constant))
    assert found[0].tolist() == [[1, 1, 1]] * 2
    assert seen == ["factor", "offset"]


def test_results_and_feeds_are_transformed() -> None:
    graph, inner = _chain()
    seen: list[tuple[str, str]] = []

    def result(op: Op, t: Tensor, value: Value) -> Value:
        seen.append((op.kind, t.name))
        return value.with_(value.tensor * 10) if t is inner else value

    def feed(t: Tensor, value: Value) -> Value:
        return value.with_(value.tensor + 1)

    found = computed(graph, [np.zeros((1, 3), np.float32)], Hooks(result=result, feed=feed))
    assert found[0].tolist() == [[11, 21, 31]]
    assert seen == [("MUL", inner.name), ("ADD", graph.outputs[0].name)]


def test_inner_tensors_are_returned_and_fed() -> None:
    graph, inner = _chain()
    x = np.ones((2, 3), np.float32)
    found = evaluate(graph, {graph.inputs[0]: x}, wanted=[inner])
    assert list(found) == [inner]
    assert found[inner].tensor.numpy().tolist() == [[1, 2, 3]] * 2
    assert evaluate(graph, {inner: x})[graph.outputs[0]].tensor.numpy().tolist() == [[2] * 3] * 2


def test_what_nobody_needs_is_not_computed() -> None:
    graph, inner = _chain()
    seen: list[str] = []

    def result(op: Op, t: Tensor, value: Value) -> Value:
        seen.append(op.kind)
        return value

    x = np.ones((2, 3), np.float32)
    evaluate(graph, {graph.inputs[0]: x}, Hooks(result=result), [inner])
    assert seen == ["MUL"]


def test_what_constants_alone_make_has_no_example_axis() -> None:
    b = Builder()
    x = b.input((2,))
    alone = b.op("NEG", const(np.float32([1, 2])))
    graph = b.graph(b.op("ADD", x, alone))
    found = evaluate(graph, {x: np.zeros((4, 2), np.float32)}, wanted=[alone, graph.outputs[0]])
    assert not found[alone].batched and found[alone].tensor.shape == (2,)
    assert found[graph.outputs[0]].batched


def test_an_output_that_is_an_input_or_a_constant() -> None:
    x, c = tensor("x", (2,)), const(np.float32([5]))
    found = evaluate(Graph((x,), (x, c), ()), {x: np.zeros((3, 2), np.float32)})
    assert found[x].batched and not found[c].batched


def test_an_operand_known_too_late_is_left_to_litert() -> None:
    """SUM's kernel wants its axes beforehand; here they are computed from the input."""
    b = Builder()
    x, axis = b.input((2, 3)), b.input((1,), const([1]).dtype)
    out = tensor("sum", (2,))
    graph = Graph((x, axis), (out,), (make("SUM", (x, axis), (out,)),))
    arrays = [np.ones((2, 2, 3), np.float32), np.ones((2, 1), np.int32)]
    assert computed(graph, arrays)[0].tolist() == [[3, 3], [3, 3]]


def test_hooks_reach_into_called_graphs() -> None:
    x, y = tensor("x", (2,)), tensor("y", (2,))
    bodies = []
    for sign in (1.0, -1.0):
        inner, made = tensor("inner", (2,)), tensor("made", (2,))
        factor = const(np.float32([sign]), "factor")
        bodies.append(Graph((inner,), (made,), (make("MUL", (inner, factor), (made,)),)))
    flag = const(np.asarray(True))
    op = make("IF", (flag, x), (y,)).with_(subgraphs=tuple(bodies))
    graph = Graph((x,), (y,), (op,))

    def constant(t: Tensor) -> tf.Tensor | None:
        return tf.constant([7.0]) if t.name == "factor" else None

    found = computed(graph, [np.ones((3, 2), np.float32)], Hooks(constant=constant))
    assert found[0].tolist() == [[7, 7]] * 3
