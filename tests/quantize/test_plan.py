"""Which ops run in integers, and why the others do not."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import DType, Graph, Tensor, read
from litesmith.graph.facts import FACTS
from litesmith.quantize import integer_ops, refusal
from tests.support.converted import converted
from tests.support.graphs import Builder, const, make, random_cnn, tensor


def plan(graph: Graph, integer_outputs: bool = False) -> tuple[list[str], dict[str, str]]:
    """Return the kinds that become integer ops, in order, and kind → reason."""
    decided, reasons = integer_ops(graph, integer_outputs)
    return [op.kind for op in graph.ops if decided.get(op)], {
        op.kind: why for op, why in reasons.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_plain_network_is_all_integer(seed: int) -> None:
    graph = random_cnn(seed)
    kinds, reasons = plan(graph)
    assert kinds == [op.kind for op in graph.ops]
    assert not reasons


def test_an_island_is_named() -> None:
    b = Builder()
    y = b.op("ABS", b.op("SIN", b.op("ABS", b.input((1, 4)))))
    kinds, reasons = plan(b.graph(y))
    assert kinds == ["ABS", "ABS"]
    assert reasons == {"SIN": "LiteRT has no integer kernel for it"}


def test_kinds_without_an_integer_kernel() -> None:
    b = Builder()
    y = b.op(
        "CONV_3D",
        b.input((1, 4, 4, 4, 2)),
        b.weights(2, 2, 2, 2, 3),
        stride_d=1,
        stride_w=1,
        stride_h=1,
    )
    assert plan(b.graph(y)) == ([], {"CONV_3D": "LiteRT has no integer kernel for it"})


def test_carriers_between_float_ops_stay_float() -> None:
    b = Builder()
    x = b.op("SIN", b.input((1, 4)))
    y = b.op("COS", b.op("RESHAPE", b.op("TRANSPOSE", x, const([1, 0])), const([1, 4])))
    assert plan(b.graph(y))[0] == []


def test_carriers_next_to_integer_ops_are_integer() -> None:
    b = Builder()
    x = b.op("SIN", b.input((1, 4)))
    before = b.op("ABS", b.op("RESHAPE", x, const([4, 1])))
    after = b.op("COS", b.op("RESHAPE", before, const([1, 4])))
    assert plan(b.graph(after))[0] == ["RESHAPE", "ABS", "RESHAPE"]


def test_carriers_at_integer_outputs_are_integer() -> None:
    b = Builder()
    graph = b.graph(b.op("RESHAPE", b.input((1, 4)), const([4, 1])))
    assert plan(graph)[0] == []
    assert plan(graph, integer_outputs=True)[0] == ["RESHAPE"]


def test_integer_arithmetic_is_not_decided() -> None:
    b = Builder()
    graph = b.graph(b.op("ADD", b.input((1, 2), DType.INT32), b.input((1, 2), DType.INT32)))
    assert integer_ops(graph) == ({}, {})


def test_refused_by_the_caller() -> None:
    graph = random_cnn(0)
    decided, reasons = integer_ops(graph, refused={graph.ops[0]: "of a whim"})
    assert decided[graph.ops[0]] is False
    assert reasons == {graph.ops[0]: "of a whim"}


def _conv(weights: Tensor | None, bias: Tensor | None, **fields: int) -> str | None:
    x, y = tensor("x", (1, 4, 4, 2)), tensor("y", (1, 4, 4, 3))
    return refusal(make("CONV_2D", (x, weights, bias), (y,), stride_w=1, stride_h=1, **fields))


def test_reasons_of_single_ops() -> None:
    w, bias = const(np.ones((3, 1, 1, 2), np.float32)), const(np.ones(3, np.float32))
    assert _conv(w, bias) is None
    assert _conv(w, bias, fused_activation_function=3) is None
    assert "fused activation" in str(_conv(w, bias, fused_activation_function=4))
    assert "weights are computed" in str(_conv(tensor("w", (3, 1, 1, 2)), bias))
    assert "bias is computed" in str(_conv(w, tensor("b", (3,))))
    state = tensor("x", (1, 2), is_variable=True)
    assert "state" in str(refusal(make("ABS", (state,), (tensor("y", (1, 2)),))))
    half = tensor("x", (1, 2), DType.FLOAT16)
    assert "no float32" in str(refusal(make("ABS", (half,), (half.with_(name="y"),))))
    wide = make("ADD", (tensor("x", (1,)), half), (tensor("y", (1, 2)),))
    assert "mixes" in str(refusal(wide))


def test_weights_that_a_file_stores_as_halves_are_seen_as_computed() -> None:
    kinds, reasons = plan(read(converted("cnn_float16")))
    assert "CONV_2D" not in kinds
    assert "computed" in reasons["CONV_2D"]


def test_every_row_is_consistent() -> None:
    for kind, row in FACTS.items():
        assert row.kind == kind
        assert not (row.tied and row.fixed_output)
        assert row.weights is None or row.weights.index not in row.activations
        assert row.int8 is None or row.int8 >= 1
