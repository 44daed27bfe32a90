from __future__ import annotations

import numpy as np

from litesmith.forge.suppose import suppose_int8
from litesmith.graph import DType, Graph, Tensor
from litesmith.graph.census import float_ops
from litesmith.targets import TARGETS, find_target, verdict
from tests.api.fakes import classifier
from tests.rewrite.lstm_graphs import cell, loop
from tests.support.graphs import Builder, const, make, named, tensor

MICRO, EDGE, U55 = map(find_target, ("micro", "edgetpu", "ethos-u55-128"))


def _chain(*kinds: str) -> Graph:
    b = Builder(0)
    x = b.input((1, 4, 4, 4))
    for kind in kinds:
        x = b.op(kind, x)
    return named(b.graph(x))


def _told(graph: Graph, name: str) -> list[tuple[str, bool]]:
    return [(r.op.kind, r.runs) for r in verdict(graph, find_target(name))]


def test_a_plain_classifier_runs_everywhere():
    integer = suppose_int8(classifier(), ("FULLY_CONNECTED",))
    for name in ("cpu", "micro", "ethos-u55-64", "ethos-u85-512", "edgetpu", "gpu"):
        refused = [r for r in verdict(integer, find_target(name)) if not r.runs]
        assert refused == [], name
    assert verdict(classifier(), find_target("cpu")) == ()


def test_what_the_npu_leaves_falls_back_where_the_cpu_has_a_kernel():
    assert _told(suppose_int8(_chain("RELU", "L2_NORMALIZATION")), "ethos-u55-128") == [
        ("L2_NORMALIZATION", True)
    ]
    assert _told(suppose_int8(_chain("RELU", "SQRT")), "ethos-u55-128") == [("SQRT", False)]


def test_what_an_npu_cannot_have_at_all_is_not_told_to_fall_back():
    a, b = tensor("a", (1, 4), DType.INT32), tensor("b", (1, 4), DType.INT32)
    y = tensor("y", (1, 4), DType.BOOL)
    graph = Graph((a, b), (y,), (make("EQUAL", [a, b], [y]),))
    (refusal,) = verdict(graph, U55)
    assert not refusal.runs
    assert "fails on bool inputs and outputs" in refusal.reason
    assert _told(graph, "ethos-u85-256") == []
    z = tensor("z", (1, 4), DType.INT32)
    inside = Graph((a, b), (z,), (*graph.ops, make("CAST", [y], [z])))
    assert _told(inside, "ethos-u55-128") == [("EQUAL", True), ("CAST", True)]


def test_behind_an_op_on_the_cpu_the_edge_tpu_maps_nothing():
    graph = suppose_int8(_chain("RELU", "HARD_SWISH", "RELU", "TANH"))
    found = verdict(graph, EDGE)
    assert [(r.op.kind, r.runs) for r in found] == [
        ("HARD_SWISH", True),
        ("RELU", True),
        ("TANH", True),
    ]
    assert "behind HARD_SWISH" in found[1].reason


def test_float_islands_are_named_without_their_conversions():
    told = _told(suppose_int8(_chain("RELU", "SIN", "RELU")), "ethos-u55-128")
    assert told == [("SIN", False)]
    assert _told(suppose_int8(_chain("RELU", "SIN", "RELU")), "micro") == []


def test_float_ends_run_on_the_cpu():
    x, q = tensor("x", (1, 4)), _int8("q")
    y, r = tensor("y", (1, 4)), _int8("r")
    ops = (
        make("QUANTIZE", [x], [q]),
        make("RELU", [q], [r], version=2),
        make("DEQUANTIZE", [r], [y], version=2),
    )
    found = verdict(Graph((x,), (y,), ops), U55)
    assert [(f.op.kind, f.runs) for f in found] == [("QUANTIZE", True), ("DEQUANTIZE", True)]
    assert all("--input-type" in f.way for f in found)


def test_custom_ops_cannot_run_anywhere():
    x, y = tensor("x", (1, 4)), tensor("y", (1, 4))
    graph = Graph((x,), (y,), (make("RELU", [x], [y]).with_(kind="CUSTOM:FlexErf", options=None),))
    for name in ("cpu", "micro", "gpu"):
        (refusal,) = verdict(graph, find_target(name))
        assert not refusal.runs
        assert "FlexErf" in refusal.reason


def test_hybrid_weights_do_not_run_on_micro():
    weights = suppose_int8(classifier()).ops[0].inputs[1]
    x, y = tensor("x", (1, 8)), tensor("y", (1, 16))
    graph = Graph((x,), (y,), (make("FULLY_CONNECTED", [x, weights, None], [y]),))
    (refusal,) = verdict(graph, MICRO)
    assert refusal.reason.endswith("on float32 with float32 weights, not with int8 ones.")
    assert verdict(graph, find_target("cpu")) == ()


def test_weights_that_the_runtime_expands_count_as_constants():
    stored, weights = const(np.ones((3, 4), np.float16), "half"), tensor("w", (3, 4))
    x, y = tensor("x", (1, 4)), tensor("y", (1, 3))
    ops = (
        make("DEQUANTIZE", [stored], [weights], version=3),
        make("FULLY_CONNECTED", [x, weights, None], [y]),
    )
    graph = Graph((x,), (y,), ops)
    assert verdict(graph, find_target("cpu")) == ()
    assert verdict(graph, find_target("gpu")) == ()
    assert [(r.op.kind, r.op) for r in verdict(graph, MICRO)] == [("DEQUANTIZE", ops[0])]


def test_ops_without_operands_and_results():
    bare = make("RELU", [], []).with_(kind="CALL_ONCE")
    x = tensor("x", (1, 4))
    for target in TARGETS.values():
        verdict(Graph((x,), (x,), (bare,)), target)
    assert verdict(Graph((x,), (x,), (bare,)), MICRO) == ()


def test_graphs_that_an_op_calls_are_held_against_the_processor_that_runs_them():
    c, d = tensor("c", (1, 4)), tensor("d", (1, 4))
    body = Graph((c,), (d,), (make("POW", [c, const(np.ones(4, np.float32))], [d]),), "body")
    x, y = tensor("x", (1, 4)), tensor("y", (1, 4))
    loop = make("RELU", [x], [y]).with_(kind="IF", options=None, subgraphs=(body,))
    found = verdict(Graph((x,), (y,), (loop,)), MICRO)
    assert [(f.op.kind, f.runs) for f in found] == [("POW", False)]


def _int8(name: str) -> Tensor:
    quant = suppose_int8(classifier()).inputs[0].quant
    return tensor(name, (1, 4), DType.INT8, quant=quant)


def test_a_loop_is_supposed_to_be_integers_and_runs_beside_an_npu() -> None:
    b = Builder()
    x = b.input((5, 1, 4))
    ends = loop(b, x, cell(b, 4, 8), every=False)
    graph = suppose_int8(b.graph(ends[2]))
    assert not float_ops(graph)
    assert _told(graph, "micro") == []
    assert ("WHILE", True) in _told(graph, "ethos-u55-128")
