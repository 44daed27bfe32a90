from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Graph, read, write
from litesmith.graph.census import float_ops, op_counts, weights_bits
from litesmith.quantize import Quantize
from litesmith.runtime import Session
from tests.support.converted import converted
from tests.support.graphs import Builder, const, examples, make, random_cnn, tensor


def test_op_counts_include_called_graphs_and_are_sorted() -> None:
    counts = op_counts(read(converted("lstm")))
    assert counts["WHILE"] == 1
    assert counts["FULLY_CONNECTED"] == 2
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_float_graph_is_all_float() -> None:
    graph = random_cnn(0)
    assert float_ops(graph) == graph.ops


def test_conversions_at_the_ends_do_not_count() -> None:
    assert float_ops(read(converted("cnn_int8"))) == ()
    graph = random_cnn(1)
    assert float_ops(Quantize()(graph, examples(graph)).graph) == ()


def test_conversions_inside_count() -> None:
    b = Builder()
    x = b.input((1, 4))
    y = b.op("ABS", b.op("SIN", b.op("ABS", x)))
    graph = b.graph(y)
    result = Quantize("int8", "int8", "int8")(graph, examples(graph)).graph
    assert [op.kind for op in float_ops(result)] == ["DEQUANTIZE", "SIN", "QUANTIZE"]


def test_arithmetic_on_shapes_is_not_float() -> None:
    """What an int8 file of open dimensions does to know its sizes reads no float number."""
    b = Builder()
    x = b.input((1, 6, 4))
    y = b.op("FULLY_CONNECTED", x, b.weights(4, 4), b.weights(4), keep_num_dims=True)
    s, f, z = tensor("s", (3,), DType.INT32), tensor("f", (1, 6, 4)), tensor("z", (1, 6, 4))
    sizes = (
        make("SHAPE", (y,), (s,), out_type=2),
        make("FILL", (s, const(np.float32(2.0))), (f,)),
        make("MUL", (y, f), (z,)),
    )
    graph = Graph((x,), (z,), (*b.ops, *sizes))
    assert [op.kind for op in float_ops(graph)] == ["FULLY_CONNECTED", "MUL"]
    data = examples(graph)
    result = Quantize("int8", "int8", "int8")(graph, data)
    kinds = [op.kind for op in result.graph.ops]
    assert kinds == ["FULLY_CONNECTED", "SHAPE", "FILL", "MUL"]  # SHAPE reads integers
    assert float_ops(result.graph) == ()
    assert result.notices == ()
    (batch,) = data.batches(len(data))
    (exact,), (found,) = (Session(write(g)).run(batch) for g in (graph, result.graph))
    assert np.abs(exact - found).max() < 0.03 * np.abs(exact).max()


def test_control_flow_itself_does_not_count_but_its_graphs_do() -> None:
    kinds = {op.kind for op in float_ops(read(converted("lstm")))}
    assert "WHILE" not in kinds
    assert "FULLY_CONNECTED" in kinds
    assert "LESS" not in kinds


def test_weights_bits() -> None:
    b = Builder()
    x = b.input((1, 3))
    w = b.weights(4, 3)
    y = b.op("ADD", b.op("FULLY_CONNECTED", x, w, b.weights(4)), b.op("FULLY_CONNECTED", x, w))
    graph = b.graph(y)
    assert weights_bits(graph) == {"32": 12}
    assert weights_bits(Quantize()(graph, examples(graph)).graph) == {"8": 12}


def test_weights_bits_see_through_dequantize_and_tables() -> None:
    assert weights_bits(read(converted("cnn_float16"))).keys() == {"16"}
    table = const(np.ones((5, 4), np.float32))
    i, y = tensor("i", (1,), DType.INT32), tensor("y", (1, 4))
    graph = Graph((i,), (y,), (make("GATHER", (table, i), (y,)),))
    assert weights_bits(graph) == {"32": 20}


def test_weights_bits_of_packed_weights_count_elements() -> None:
    w = const(np.ones((4, 3)), "w", DType.INT4)
    x, y = tensor("x", (1, 3)), tensor("y", (1, 4))
    graph = Graph((x,), (y,), (make("FULLY_CONNECTED", (x, w, None), (y,)),))
    assert weights_bits(graph) == {"4": 12}


def test_weightless() -> None:
    b = Builder()
    assert weights_bits(b.graph(b.op("ABS", b.input((1,))))) == {}
