"""Ops without a kernel: which, why, and that LiteRT runs them while the rest is trained."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, schema
from litesmith.graph.facts import FACTS
from litesmith.kernels.evaluate import evaluate
from litesmith.kernels.frozen import FROZEN, frozen_ops
from litesmith.kernels.table import KERNELS
from tests.kernels.against import agrees
from tests.support.graphs import Builder, const, make, one_op, tensor

# Written by no converter of today's models; LiteRT runs what of it is left in old files.
OF_OLD = frozenset(
    {
        "CALL", "CONCAT_EMBEDDINGS", "HASHTABLE_LOOKUP", "LSH_PROJECTION", "LSTM", "REDUCE_WINDOW",
        "RNN", "SKIP_GRAM",
    }
)  # fmt: skip
NO_OPS = frozenset({"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"})
VARIABLES = frozenset({"ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"})


def test_every_builtin_kind_has_a_kernel_or_a_reason() -> None:
    kinds = set(schema.code_values("BuiltinOperator")) - OF_OLD - NO_OPS - VARIABLES
    unknown = {k for k in kinds - set(KERNELS) - set(FROZEN) if not k.startswith("STABLEHLO_")}
    assert not unknown


def test_no_kind_has_both() -> None:
    assert not set(KERNELS) & set(FROZEN)


def test_every_row_of_the_table_of_facts_has_a_kernel() -> None:
    assert set(FACTS) <= set(KERNELS)


def test_litert_runs_what_has_no_kernel() -> None:
    x = tensor("x", (2, 3))
    graph = one_op("BUCKETIZE", x, dtype=DType.INT32, boundaries=(-0.5, 0.0, 0.5))
    assert [op.kind for op in frozen_ops(graph)] == ["BUCKETIZE"]
    agrees(graph)


def test_gradients_end_there_and_go_on_elsewhere() -> None:
    b = Builder()
    x = b.input((2, 3))
    places = b.op("BUCKETIZE", x, dtype=DType.INT32, boundaries=(0.0,))
    real = b.op("CAST", places, dtype=DType.FLOAT32, in_data_type=2, out_data_type=0)
    graph = b.graph(b.op("MUL", real, x))
    agrees(graph)
    fed = tf.constant(np.full((2, 2, 3), 0.25, np.float32))

    @tf.function
    def slope(values: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = tf.reduce_sum(evaluate(graph, {x: values})[graph.outputs[0]].tensor)
        return tape.gradient(total, values)

    np.testing.assert_array_equal(slope(fed), np.ones((2, 2, 3)))


def test_constants_alone_make_a_value_for_all_examples() -> None:
    b = Builder()
    x = b.input((2,))
    stored = const(np.float32([-1, 1]))
    places = b.op("BUCKETIZE", stored, dtype=DType.INT32, boundaries=(0.0,))
    graph = b.graph(b.op("GATHER", x, places, axis=0))
    agrees(graph)


def test_results_of_any_size_are_refused() -> None:
    x, y = tensor("x", (4,), DType.BOOL), tensor("y", (1, 1), DType.INT64)
    graph = Graph((x,), (y,), (make("WHERE", [x], [y]),))
    with pytest.raises(ConversionError, match="depends on the example"):
        evaluate(graph, {x: np.ones((2, 4), bool)})


def test_tables_outside_of_the_graph_are_refused() -> None:
    handle = tensor("handle", (1,), DType.RESOURCE)
    size = tensor("size", (1,), DType.INT64)
    b = Builder()
    x = b.input((1,))
    b.ops += [make("HASHTABLE", [], [handle]), make("HASHTABLE_SIZE", [handle], [size])]
    with pytest.raises(ConversionError, match="HASHTABLE"):
        evaluate(b.graph(size), {x: np.ones((2, 1), np.float32)})
