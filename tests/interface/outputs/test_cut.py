"""The file ends before an op; what was cut off proves the cut."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph
from litesmith.graph.census import op_counts
from litesmith.interface.cut import cut_before, find_ops, place
from tests.interface.outputs.shaped import compared, run, shaped
from tests.support.graphs import Builder, const, draw, named, random_cnn


def two_ends() -> Graph:
    b = Builder(2)
    x = b.input((1, 6), name="x")
    y = b.op("FULLY_CONNECTED", x, b.weights(5, 6), b.weights(5))
    z = b.op("SOFTMAX", b.op("FULLY_CONNECTED", y, b.weights(4, 5), b.weights(4)), beta=1.0)
    return named(b.graph(z, b.op("TANH", y)))


def check(graph: Graph, label: str) -> Any:
    """Cut, and hold what was cut off, run on the cut file's answers, against the whole."""
    outcome = shaped(graph, cut_before=label)
    fed = [x.reshape(len(x), *x.shape[2:]) for x in draw(graph, 3)]
    for wanted, seen in compared(outcome, run(graph, *fed), run(outcome.graph, *fed)):
        np.testing.assert_allclose(seen, wanted, atol=1e-5)
    return outcome


@given(st.integers(0, 40), st.data())
@settings(max_examples=25, deadline=None)
def test_any_place_of_a_random_network(seed: int, data: Any) -> None:
    graph = random_cnn(seed, 4)
    op = data.draw(st.sampled_from(graph.ops[1:]))
    try:
        outcome = check(graph, op.outputs[0].name)
    except ConversionError as error:  # a sum with the network's own input
        assert "input" in str(error)
        return
    assert op not in outcome.graph.ops
    assert set(outcome.graph.ops) <= set(graph.ops)


def test_kind_that_occurs_once() -> None:
    outcome = check(two_ends(), "softmax")
    assert op_counts(outcome.graph) == {"FULLY_CONNECTED": 2, "TANH": 1}
    assert outcome.graph.output_names() == ("fully_connected1", "y1")
    assert not outcome.notices


def test_what_is_behind_reads_more() -> None:
    b = Builder(1)
    x = b.input((1, 4), name="x")
    y = b.op("TANH", x)
    graph = named(b.graph(b.op("ADD", b.op("EXP", y), b.op("SQRT", b.op("ABS", y)))))
    outcome = check(graph, "SQRT")
    assert len(outcome.graph.outputs) == 2
    assert [notice.code for notice in outcome.notices] == ["cut_outputs"]


def test_wrong_values_are_seen() -> None:
    graph = two_ends()
    outcome = shaped(graph, cut_before="SOFTMAX")
    fed = draw(graph, 3)[0].reshape(3, 6)
    answers = run(outcome.graph, fed)
    (first, _) = compared(outcome, run(graph, fed), [-answers[0], answers[1]])
    assert np.abs(first[0] - first[1]).max() > 0.1


def test_names_of_layers() -> None:
    graph = two_ends()
    names = {
        graph.ops[1]: "model/dense_1/MatMul;model/dense_1/BiasAdd",
        graph.ops[2]: "model/probabilities/Softmax",
    }
    swap = {op.outputs[0]: op.outputs[0].with_(name=name) for op, name in names.items()}
    from litesmith.graph.edit import substitute

    named_graph = substitute(graph, swap)
    assert [place(op) for op in find_ops(named_graph, "dense")] == [names[graph.ops[1]]]
    assert [place(op) for op in find_ops(named_graph, "dense_1")] == [names[graph.ops[1]]]
    assert check(named_graph, "probabilities").graph.output_names() == ("dense", "y1")


@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        ("SOFTMX", InputError, "no such op"),
        ("FULLY_CONNECTED", InputError, "2 of them"),
        ("fully_connected0", ConversionError, "nothing would be left"),
    ],
)
def test_what_cannot_be_cut(label: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cut_before(two_ends(), label)


def test_suggestion() -> None:
    with pytest.raises(InputError) as error:
        cut_before(two_ends(), "SOFTMX")
    assert "SOFTMAX" in error.value.hint


def test_input_behind_the_cut() -> None:
    b = Builder(1)
    x = b.input((1, 4), name="x")
    graph = named(b.graph(b.op("ADD", b.op("EXP", b.op("TANH", x)), x)))
    with pytest.raises(ConversionError, match="reads an input"):
        cut_before(graph, "EXP")


def test_nothing_else_goes_with_a_cut() -> None:
    with pytest.raises(InputError, match=re.escape("--cut-before does not go together")):
        shaped(two_ends(), cut_before="SOFTMAX", heads=("argmax",))


def test_constant_operands_are_no_outputs() -> None:
    b = Builder(1)
    graph = named(b.graph(b.op("MUL", b.op("TANH", b.input((1, 4))), const(2.0))))
    assert len(check(graph, "MUL").graph.outputs) == 1
