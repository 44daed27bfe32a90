"""Forms of the integer graph compete: the cure fits, and a healthy file is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import Graph, write
from litesmith.graph.census import float_ops
from litesmith.quantize import Quantize
from litesmith.quantize.trials import Trials
from tests.support.graphs import Builder, examples, integer, named, random_cnn


def table(seed: int = 0, hidden: int = 24) -> tuple[Graph, np.ndarray]:
    """Return a net that reads columns of very different scale, and rows for it."""
    rng = np.random.default_rng(seed)
    scale = np.float32([1e4, 1e-2, 1, 30, 5e-2, 2e3])
    b = Builder(seed)
    x = b.input((1, 6))
    first = b.weights(hidden, 6)
    assert first.data is not None
    first.data[:] = 2 * first.data / scale
    y = b.op("FULLY_CONNECTED", x, first, b.weights(hidden), fused_activation_function=1)
    y = b.op("FULLY_CONNECTED", y, b.weights(4, hidden), b.weights(4))
    rows = rng.normal(size=(300, 1, 6)).astype(np.float32) * scale
    return named(b.graph(b.op("SOFTMAX", y, beta=1.0))), rows


def error(graph: Graph, found: Graph, rows: np.ndarray) -> float:
    return Trials(graph, [(row,) for row in rows]).error(found)


def test_wide_inputs_are_cured() -> None:
    graph, rows = table()
    data = examples(graph, [rows[:200]])
    outcome = Quantize()(graph, data)
    plain = error(graph, integer(graph, data), rows[200:])
    tuned = error(graph, outcome.graph, rows[200:])
    assert plain > 0.05
    assert tuned < 0.02 * plain
    assert "one range" in outcome.why or "stays float" in outcome.why
    assert {notice.code for notice in outcome.notices} <= {"float_op", "wide_op"}


@pytest.mark.parametrize("options", [{"integer_only": True}, {"output_type": "int8"}])
def test_integers_were_asked_for(options: dict[str, bool | str]) -> None:
    graph, rows = table()
    more = {"input_type": "int8", "output_type": "int8"} | options
    outcome = Quantize(**more)(graph, examples(graph, [rows]))  # type: ignore[arg-type]
    assert not float_ops(outcome.graph)


def test_inputs_that_are_integers_stay_what_they_are() -> None:
    graph, rows = table()
    outcome = Quantize(input_type="int8")(graph, examples(graph, [rows]))
    assert outcome.graph.inputs[0].dtype.value == "int8"
    kinds = [op.kind for op in outcome.graph.ops]
    assert kinds[0] == "FULLY_CONNECTED"
    assert "wide_input" in [notice.code for notice in outcome.notices]


def test_bits_that_the_user_chose_stay() -> None:
    graph, rows = table()
    outcome = Quantize(bits=("FULLY_CONNECTED=8",))(graph, examples(graph, [rows]))
    linear = [op for op in outcome.graph.ops if op.kind == "FULLY_CONNECTED"]
    assert all(op.inputs[0] is not None and op.inputs[0].quant is not None for op in linear)
    assert "one range" in outcome.why


@pytest.mark.parametrize("seed", range(3))
def test_never_worse_than_plain_ranges(seed: int) -> None:
    graph = random_cnn(seed)
    data = examples(graph, count=40)
    rows = [(a,) for a in next(iter(data.batches(40)))[0]]
    trials = Trials(graph, rows)
    found, plain = Quantize()(graph, data).graph, integer(graph, data)
    assert trials.error(found) <= 1.05 * trials.error(plain)


def test_order_of_examples_does_not_matter() -> None:
    graph, rows = table(1)
    files = [
        write(Quantize()(graph, examples(graph, [x])).graph) for x in (rows, rows[::-1], rows[::7])
    ]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_a_healthy_file_is_left_alone() -> None:
    b = Builder(2)
    x = b.input((1, 8))
    y = b.op("FULLY_CONNECTED", x, b.weights(8, 8, scale=0.3), b.weights(8))
    graph = named(b.graph(b.op("SOFTMAX", b.op("RELU", y), beta=1.0)))
    data = examples(graph, count=100)
    outcome = Quantize()(graph, data)
    assert outcome.why == "3 ops to int8 over 100 examples"
    assert not outcome.notices


def test_few_examples_have_no_rare_ones() -> None:
    graph, rows = table(3)
    few, many = (Quantize(wide_ops=False)(graph, examples(graph, [rows[:n]])) for n in (31, 300))
    assert "clip" not in few.why
    assert "one range" in many.why or "stays float" in many.why
