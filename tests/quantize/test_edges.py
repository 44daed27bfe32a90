"""The first and last ops with weights, in graphs that branch, join and loop."""

from __future__ import annotations

import pytest

from litesmith.errors import InputError
from litesmith.graph import DType, Graph, verify, write
from litesmith.graph.census import weights_bits
from litesmith.quantize import Quantize
from litesmith.quantize.edges import edge_ops
from litesmith.runtime import Session
from tests.support.graphs import Builder, const, draw, examples, make
from tests.support.graphs import tensor as float_tensor

_ONE = {"stride_w": 1, "stride_h": 1}


def places(graph: Graph) -> list[int]:
    found = edge_ops(graph)
    return [i for i, op in enumerate(graph.ops) if op in found]


def dense(b: Builder, x, units: int = 8):
    return b.op("FULLY_CONNECTED", x, b.weights(units, x.shape[-1], scale=0.3), b.weights(units))


def test_a_chain() -> None:
    b = Builder()
    x = b.op("RELU", b.input((1, 8)))
    for _ in range(4):
        x = dense(b, x)
    assert places(b.graph(b.op("SOFTMAX", x, beta=1.0))) == [1, 4]


def test_branches_have_edges_of_their_own() -> None:
    b = Builder()
    one, two = b.input((1, 8)), b.input((1, 8))
    joined = b.op("ADD", dense(b, one), dense(b, dense(b, two)))
    middle = dense(b, joined)
    graph = b.graph(dense(b, middle), dense(b, middle))
    assert places(graph) == [0, 1, 5, 6]


def test_only_those_that_hold_few_weights() -> None:
    b = Builder()
    x = dense(b, b.input((1, 2)), 40)
    for _ in range(3):
        x = dense(b, x, 40)
    graph = b.graph(dense(b, x, 3))
    counts = [2 * 40, 40 * 40, 40 * 40, 40 * 40, 3 * 40]
    for part, found in ((1.0, [0, 4]), (counts[4] / sum(counts), [0, 4]), (0.02, [0]), (0.01, [])):
        chosen = edge_ops(graph, part)
        assert [i for i, op in enumerate(graph.ops) if op in chosen] == found


def test_one_op_is_both_and_none_is_none() -> None:
    b = Builder()
    assert places(b.graph(dense(b, b.input((1, 8))))) == [0]
    b = Builder()
    assert places(b.graph(b.op("RELU", b.input((1, 8))))) == []


def test_weights_behind_a_loop_are_not_the_first() -> None:
    b = Builder()
    x = b.input((1, 8))
    count = const(0)
    i, v = float_tensor("i", (), DType.INT32), float_tensor("v", (1, 8))
    less = float_tensor("less", (), DType.BOOL)
    condition = Graph((i, v), (less,), (make("LESS", (i, const(2)), (less,)),), "condition")
    j, w = float_tensor("j", (), DType.INT32), float_tensor("w", (1, 8))
    body = Graph((i, v), (j, w), (make("ADD", (i, const(1)), (j,)), make("RELU", (v,), (w,))))
    done, y = float_tensor("done", (), DType.INT32), float_tensor("y", (1, 8))
    loop = make("WHILE", (count, x), (done, y)).with_(subgraphs=(condition, body))
    b.ops.append(loop)
    graph = verify(b.graph(dense(b, dense(b, y))))
    assert places(graph) == [2]


def network() -> Graph:
    b = Builder(1)
    x = b.input((1, 6, 6, 8))
    for _ in range(3):
        x = b.op("CONV_2D", x, b.weights(32, 3, 3, x.shape[-1], scale=0.1), b.weights(32), **_ONE)
    x = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    return b.graph(dense(b, x, 10))


_EDGES = 32 * 9 * 8 + 320
_MIDDLE = 2 * 32 * 9 * 32


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (Quantize("int4"), {"4": _EDGES - 320 + _MIDDLE, "8": 320}),
        (Quantize("int4", edge_bits=4), {"4": _EDGES + _MIDDLE}),
        (Quantize("int4", edge_bits=8), {"4": _MIDDLE, "8": _EDGES}),
        (Quantize("binary"), {"4": _MIDDLE, "8": _EDGES}),
        (Quantize("ternary", edge_bits=2), {"2": 320, "4": _EDGES - 320 + _MIDDLE}),
        (Quantize("ternary", edge_bits=2, litert_forms=False), {"4": _EDGES + _MIDDLE}),
        (Quantize("int8", edge_bits=32), {"8": _MIDDLE, "32": _EDGES}),
        (Quantize("int3", bits=("FULLY_CONNECTED=3",)), {"4": _MIDDLE + 320, "8": _EDGES - 320}),
    ],
)
def test_bits_of_edges(step: Quantize, found: dict[str, int]) -> None:
    graph = network()
    arrays = draw(graph, 6)
    outcome = step(graph, examples(graph, arrays))
    assert weights_bits(outcome.graph) == found
    assert Session(write(outcome.graph)).run(arrays)[0].std() > 0
    edges = step.edge_bits or 8
    if step.scheme != "int8" and "8" in found:
        assert f"the first and last ops with weights have {edges} bits" in outcome.why


def test_mistakes() -> None:
    with pytest.raises(InputError, match="--edge-bits 5: there are no kernels") as caught:
        Quantize("int4", edge_bits=5)
    assert "1, 2, 3, 4, 8" in caught.value.hint
    with pytest.raises(InputError, match="--edge-bits 2 needs integer activations"):
        Quantize("dynamic", edge_bits=2)
    with pytest.raises(InputError, match="--bits CONV_2D=1 needs integer activations") as caught:
        Quantize("dynamic-int4", bits=("CONV_2D=1",))
    assert "--data" in caught.value.hint
