"""Each broken invariant is named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from litesmith.errors import InternalError
from litesmith.graph import DType, Graph, Op, QuantParams, Signature, verify
from tests.support.graphs import const, make, one_op, tensor

x = tensor("x", (1, 2))
y = tensor("y", (1, 2))
z = tensor("z", (1, 2))
ABS = make("ABS", (x,), (y,))


def params(*scales: float, zero: int = 0, axis: int | None = None) -> QuantParams:
    return QuantParams(np.asarray(scales, np.float32), np.full(len(scales), zero), axis)


def holding(value: object, **changes: object) -> Graph:
    constant = const(value).with_(**changes)
    return Graph((), (constant,), ())


def quantized(quant: QuantParams, dtype: DType = DType.INT8) -> Graph:
    t = tensor("q", (3, 2), dtype, quant=quant)
    return Graph((t,), (t,), ())


BROKEN: dict[str, tuple[Callable[[], Graph], str]] = {
    "use before definition": (lambda: Graph((), (y,), (ABS,)), "ABS reads 'x' before"),
    "wrong order": (
        lambda: Graph((x,), (z,), (make("ABS", (y,), (z,)), ABS)),
        "ABS reads 'y' before",
    ),
    "unknown activation": (
        lambda: Graph((x,), (y,), (make("ADD", (x, x), (y,), fused_activation_function=-128),)),
        "fused activation function -128",
    ),
    "defined twice": (lambda: Graph((x,), (y,), (ABS, ABS.with_())), "defined already"),
    "input defined": (lambda: Graph((x, y), (y,), (ABS,)), "defines 'y', which is defined already"),
    "constant defined": (
        lambda: Graph((x,), (), (make("ABS", (x,), (const([1.0]),)),)),
        "defined already",
    ),
    "undefined output": (lambda: Graph((x,), (z,), (ABS,)), "nothing defines the output 'z'"),
    "negative shape": (lambda: Graph((t := tensor("n", (-1, 2)),), (t,), ()), "negative dimension"),
    "data shape": (lambda: holding([1.0, 2.0], shape=(3,)), r"holds \(2,\) but is declared \(3,\)"),
    "data dtype": (lambda: holding([1.0], dtype=DType.INT8), "holds float32 but is declared int8"),
    "zero points": (
        lambda: quantized(QuantParams(np.ones(2, np.float32), np.zeros(1, np.int64))),
        "2 scales but 1 zero points",
    ),
    "negative scale": (lambda: quantized(params(-1.0)), "negative or not finite"),
    "nan scale": (lambda: quantized(params(float("nan"))), "negative or not finite"),
    "infinite scale": (lambda: quantized(params(float("inf"))), "negative or not finite"),
    "axis beyond rank": (lambda: quantized(params(1, 1, 1, axis=2)), "3 scales along axis 2"),
    "axis of another size": (lambda: quantized(params(1, 1, 1, axis=1)), "3 scales along axis 1"),
    "zero point int8": (lambda: quantized(params(1, zero=200)), "zero point outside int8"),
    "zero point uint8": (
        lambda: quantized(params(1, zero=-1), DType.UINT8),
        "zero point outside uint8",
    ),
    "loop without body": (
        lambda: Graph((x,), (y,), (Op("WHILE", (x,), (y,)),)),
        "WHILE calls 0 graphs",
    ),
    "loop of another arity": (
        lambda: Graph(
            (x,),
            (y,),
            (Op("WHILE", (x,), (y,), subgraphs=(one_op("ABS", x), Graph((x,), (x, x), ()))),),
        ),
        "disagree about the number",
    ),
    "signature beyond": (
        lambda: Graph((x,), (x,), (), signatures=(Signature("s", (("a", 1),), ()),)),
        "points outside",
    ),
    "signature name twice": (
        lambda: Graph((x,), (x,), (), signatures=(Signature("s", (("a", 0), ("a", 0)), ()),)),
        "uses a name twice",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_invariant_is_named(name: str) -> None:
    make_graph, message = BROKEN[name]
    with pytest.raises(InternalError, match=message):
        verify(make_graph())


def test_called_graphs_are_checked_too() -> None:
    bad = Graph((), (y,), (ABS,), name="then")
    call = make("IF", (tensor("c", (1,), DType.BOOL), x), (z,)).with_(subgraphs=(bad, bad))
    graph = Graph(tuple(t for t in call.inputs if t), (z,), (call,))
    with pytest.raises(InternalError, match="graph 'then'"):
        verify(graph)


def test_the_working_memory_of_compiled_files_is_not_defined() -> None:
    commands = const(np.zeros(4, np.uint8))
    work = tensor("scratch", (8,), DType.UINT8)
    op = Op("CUSTOM:ethos-u", (commands, work, work, x), (y,))
    graph = Graph((x,), (y,), (op,))
    assert verify(graph) is graph


def test_sound_graph_is_returned() -> None:
    graph = one_op("ABS", x)
    assert verify(graph) is graph
