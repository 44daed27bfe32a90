"""How loops are traced; what resource variables become."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from litesmith.graph import DType, Graph, Tensor
from litesmith.kernels.evaluate import evaluate
from litesmith.kernels.variables import stateless
from tests.kernels.recurrent_samples import branch, loop_of, until
from tests.support.graphs import Builder, const, make, tensor


def traced(graph: Graph) -> set[str]:
    """Return the kinds of TensorFlow op that a traced function is made of."""
    (x,) = graph.inputs

    def function(values: tf.Tensor) -> list[tf.Tensor]:
        return [v.tensor for v in evaluate(graph, {x: values}).values()]

    made = tf.function(function).get_concrete_function(tf.TensorSpec((None, *x.shape)))
    return {op.type for op in made.graph.get_operations()}


LOOPS = {"While", "StatelessWhile"}


def test_short_loops_are_unrolled() -> None:
    assert not LOOPS & traced(loop_of(4, every=True, masked=False))


@pytest.mark.parametrize("build", [partial(loop_of, 70, True, False), partial(until, 20.0)])
def test_long_loops_and_those_of_unknown_length_stay_loops(build: partial[Graph]) -> None:
    assert LOOPS & traced(build())


def test_a_branch_that_is_known_is_the_only_one() -> None:
    kinds = traced(branch(True))
    assert "Mul" in kinds
    assert not {"Sub", "If", "StatelessIf"} & kinds


def _handle(name: str, handle: Tensor) -> list:
    return [make("VAR_HANDLE", [], [handle], container="", shared_name=name)]


def _variable(*steps: str, start: float | None) -> Graph:
    """A graph that reads a variable, and adds x to it, in that order or any other."""
    b = Builder()
    x, handle = b.input((1, 2)), tensor("handle", (1,), DType.RESOURCE)
    outputs = []
    if start is not None:
        inner = tensor("inner", (1,), DType.RESOURCE)
        first = const(np.full((1, 2), start, np.float32))
        setting = make("ASSIGN_VARIABLE", [inner, first], [])
        once = Graph((), (), (*_handle("v", inner), setting))
        b.ops.append(make("CALL_ONCE", [], []).with_(subgraphs=(once,)))
    b.ops += _handle("v", handle)
    for i, step in enumerate(steps):
        if step == "read":
            outputs.append(tensor(f"read{i}", (1, 2)))
            b.ops.append(make("READ_VARIABLE", [handle], [outputs[-1]]))
        else:
            total = b.op("ADD", x, outputs[-1])
            b.ops.append(make("ASSIGN_VARIABLE", [handle, total], []))
    return b.graph(*outputs)


@pytest.mark.parametrize("start", [None, 2.0])
def test_variables_hold_what_was_assigned_last(start: float | None) -> None:
    graph = _variable("read", "add", "read", "add", "read", start=start)
    x = np.float32([[[1, -2]], [[0.5, 3]]])
    found = evaluate(graph, {graph.inputs[0]: x})
    first, second, third = (found[t].tensor.numpy() for t in graph.outputs)
    np.testing.assert_array_equal(first, np.full((1, 2), start or 0, np.float32))
    np.testing.assert_array_equal(second, first + x)
    np.testing.assert_array_equal(third, second + x)


def test_graphs_without_variables_stay_themselves() -> None:
    graph = branch(True)
    assert stateless(graph) is graph
