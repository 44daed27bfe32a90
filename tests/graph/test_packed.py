"""Packed weights read back: only what a graph that runs once computes by known ops."""

from __future__ import annotations

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, QuantParams, Tensor, read, verify, write
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.census import weights_bits
from litesmith.graph.packed import only_fills, packed_weights, with_constants
from litesmith.runtime import Session

_TABLE = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.int8)
_CODES = np.array([0, 3, 1, 2, 2, 0, 3, 1], np.uint8)


def _quant(scale: float, channels: int = 1) -> QuantParams:
    scales, zeros = np.full(channels, scale, np.float32), np.zeros(channels, np.int64)
    return QuantParams(scales, zeros, 0 if channels > 1 else None)


def _handle(name: str) -> tuple[Op, Tensor]:
    handle = Tensor("h", (), DType.RESOURCE)
    return make_op("VAR_HANDLE", (), (handle,), container="", shared_name=name), handle


def _filled(name: str, table: Array = _TABLE, negate: bool = False) -> Graph:
    """Return the graph that fills a variable with two weights per code."""
    codes = make_constant("codes", _CODES, DType.UINT8)
    index = Tensor("i", (8,), DType.INT32)
    rows, matrix = Tensor("r", (8, 2), DType.INT8), Tensor("m", (4, 4), DType.INT8)
    made, handle = _handle(name)
    ops = [
        make_op("CAST", (codes,), (index,), in_data_type=3, out_data_type=2),
        make_op("GATHER", (make_constant("t", table, DType.INT8), index), (rows,)),
        make_op("RESHAPE", (rows,), (matrix,), new_shape=(4, 4)),
    ]
    if negate:
        ops.append(make_op("NEG", (matrix,), (Tensor("n", (4, 4), DType.INT8),)))
    last = ops[-1].outputs[0]
    return Graph((), (), (*ops, made, make_op("ASSIGN_VARIABLE", (handle, last), ())), "init")


def _network(init: Graph, *more: Op, name: str = "v") -> Graph:
    x = Tensor("x", (1, 4), DType.INT8, quant=_quant(0.1))
    weights = Tensor("w", (4, 4), DType.INT8, quant=_quant(0.02, 4))
    y = Tensor("y", (1, 4), DType.INT8, quant=_quant(0.05))
    made, handle = _handle(name)
    ops = (
        make_op("CALL_ONCE", (), ()).with_(subgraphs=(init,)),
        *more,
        made,
        make_op("READ_VARIABLE", (handle,), (weights,)),
        make_op("FULLY_CONNECTED", (x, weights, None), (y,), 12),
    )
    return verify(Graph((x,), (y,), ops))


def test_values_and_bits_are_read_back() -> None:
    graph = read(write(_network(_filled("v"))))
    ((tensor, found),) = packed_weights(graph).items()
    assert tensor.name == "w" and found.bits == 1
    assert np.array_equal(found.values.reshape(-1), _TABLE[_CODES].reshape(-1))
    assert weights_bits(graph) == {"1": 16}


def test_the_same_graph_with_constants() -> None:
    graph = _network(_filled("v"))
    plain = verify(with_constants(graph))
    assert [op.kind for op in plain.ops] == ["FULLY_CONNECTED"]
    assert weights_bits(plain) == {"8": 16}
    x = np.array([[10, -20, 30, 7]], np.int8)
    answers = []
    for form in (graph, plain):
        session = Session(write(form), kernels="builtin")
        session.feed([x])
        session.invoke()
        answers.append(session.fetch()[0])
    assert np.array_equal(*answers)
    assert with_constants(plain) is plain


def test_three_values_take_two_bits_and_a_table_in_memory_counts_as_its_own() -> None:
    table = np.array([[0, -1], [1, 0], [-1, 1], [1, 1]], np.int8)
    assert weights_bits(_network(_filled("v", table))) == {"2": 16}


def test_what_else_is_assigned_or_computed_is_not_known() -> None:
    assigned, handle = _handle("v")
    value = make_constant("z", np.zeros((4, 4)), DType.INT8)
    state = make_op("ASSIGN_VARIABLE", (handle, value), ())
    assert packed_weights(_network(_filled("v"), assigned, state)) == {}
    assert packed_weights(_network(_filled("v", negate=True))) == {}
    assert packed_weights(_network(_filled("v"), name="other")) == {}
    graph = _network(_filled("v", negate=True))
    assert with_constants(graph) is graph
    assert only_fills(_filled("v")) and not only_fills(_filled("v", negate=True))
    assert weights_bits(graph) == {"8": 8}  # the table


def test_files_that_others_made_are_left_alone() -> None:
    beyond = _filled("v", _TABLE[:2])  # codes without a row
    init = _filled("v")
    gather = init.ops[1]
    assert gather.options is not None
    other = gather.with_(options=gather.options.with_(axis=1))
    across = init.with_(ops=(init.ops[0], other, *init.ops[2:]))
    for graph in map(_network, (beyond, across)):
        assert packed_weights(graph) == {}
