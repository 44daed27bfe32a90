"""The text form, compared exactly with files in tests/golden.

After an intended change: UPDATE_GOLDEN=1 pytest tests/graph/test_text.py, and read the diff.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from litesmith.graph import DType, Graph, read, text
from litesmith.quantize import Quantize
from tests.support.converted import converted
from tests.support.graphs import Builder, const, examples, make, named, tensor

_GOLDEN = Path(__file__).parents[1] / "golden"


def _network() -> Graph:
    b = Builder(1)
    x = b.input((1, 6, 6, 2))
    y = b.op("CONV_2D", x, b.weights(4, 3, 3, 2), b.weights(4), stride_w=2, stride_h=2)
    y = b.op("LOGISTIC", y)
    left, right = b.op("SPLIT", const(3), y, count=2, num_splits=2, dtype=DType.FLOAT32)
    y = b.op("ADD", left, right, fused_activation_function=1)
    y = b.op("LEAKY_RELU", b.op("RESHAPE", y, const([1, 18]), new_shape=[1, 18]), alpha=0.2)
    return named(b.graph(b.op("FULLY_CONNECTED", y, b.weights(3, 18), None)))


def _quantized() -> Graph:
    graph = _network()
    return Quantize("int8", "int8", "float32")(graph, examples(graph, count=4)).graph


def _branch() -> Graph:
    c, x = tensor("c", (), DType.BOOL), tensor("x", (1, 2))
    y, z = tensor("y", (1, 2)), tensor("z", (1, 2))
    then = Graph((x,), (y,), (make("ABS", (x,), (y,)),), name="then")
    otherwise = Graph((x,), (x,), (), name="else")
    call = make("IF", (c, x), (z,)).with_(subgraphs=(then, otherwise))
    return named(Graph((c, x), (z,), (call,)))


GRAPHS: dict[str, Callable[[], Graph]] = {
    "network": _network,
    "network_int8": _quantized,
    "branch": _branch,
}


@pytest.mark.parametrize("name", GRAPHS)
def test_golden(name: str) -> None:
    path = _GOLDEN / f"{name}.txt"
    found = text(GRAPHS[name]())
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_names_do_not_matter() -> None:
    graph = _network()
    x = graph.inputs[0]
    renamed = x.with_(name="another")
    ops = tuple(
        op.with_(inputs=tuple(renamed if t is x else t for t in op.inputs)) for op in graph.ops
    )
    assert text(graph.with_(inputs=(renamed,), ops=ops)) == text(graph)


def test_unknown_dimensions_are_question_marks() -> None:
    x = tensor("x", (1, 3), shape_signature=(-1, 3))
    assert "float32[?,3]" in text(Graph((x,), (x,), ()))


def test_every_called_graph_appears_once() -> None:
    written = text(read(converted("lstm")))
    assert written.count("graph @") == 3
    assert "WHILE" in written and " @1 @2" in written
