"""Errors of answers: nothing for the same file, Kullback-Leibler behind a softmax, never blind."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import Graph
from litesmith.graph.heads import heads
from litesmith.quantize import Quantize, calibrate
from litesmith.quantize.trials import Trials
from tests.support.graphs import Builder, draw, examples, execute, integer, random_cnn


def classifier(last: str, seed: int = 0, **fields: float) -> Graph:
    b = Builder(seed)
    x = b.input((1, 8))
    y = b.op("FULLY_CONNECTED", x, b.weights(5, 8), None)
    return b.graph(b.op(last, y, **fields) if last else y)


def sample(graph: Graph, count: int = 20) -> list[tuple[np.ndarray, ...]]:
    return [tuple(row) for row in zip(*(a[:, 0] for a in draw(graph, count)), strict=True)]


@pytest.mark.parametrize("last", ["SOFTMAX", "LOGISTIC", "LOG_SOFTMAX", "TANH", ""])
def test_the_same_graph_has_no_error(last: str) -> None:
    graph = classifier(last)
    trials = Trials(graph, sample(graph))
    assert trials.possible and trials.examples == 20
    assert trials.error(graph) == pytest.approx(0, abs=1e-12)


def test_softmax_error_is_the_divergence_of_probabilities() -> None:
    one, two = classifier("SOFTMAX", beta=1.0), classifier("SOFTMAX", seed=1, beta=1.0)
    rows = sample(one)
    arrays = [np.stack([r[0] for r in rows])[:, None]]
    p, q = (execute(g, arrays)[0].astype(np.float64) for g in (one, two))
    each = (p * np.log(p / q)).sum(-1)
    wanted = (each / (1 + each)).mean()
    assert Trials(one, rows).error(two) == pytest.approx(wanted, rel=1e-4)
    assert Trials(one, rows).measured(two).errors == pytest.approx(
        (each / (1 + each)).ravel(), rel=1e-3
    )


@pytest.mark.parametrize("last", ["SOFTMAX", "LOGISTIC", ""])
def test_scores_are_found_in_integer_graphs(last: str) -> None:
    graph = classifier(last, **({"beta": 1.0} if last == "SOFTMAX" else {}))
    low = integer(graph, examples(graph, count=20))
    assert [h.kind for h in heads(low)] == [h.kind for h in heads(graph)] == [last]
    assert 0 < Trials(graph, sample(graph)).error(low) < 1e-3


def test_one_wrong_example_counts_once() -> None:
    graph = classifier("")
    rows = sample(graph)
    trials = Trials(graph, rows)
    far = Builder(0)
    x = far.input((1, 8))
    y = far.op("FULLY_CONNECTED", x, far.weights(5, 8, scale=1e6), None)
    assert trials.error(far.graph(y)) <= 1.0


def test_indices_alone_cannot_be_tried() -> None:
    from litesmith.graph import DType

    b = Builder()
    x = b.input((1, 8))
    from tests.support.graphs import const

    graph = b.graph(b.op("ARG_MAX", x, const(1), dtype=DType.INT64, output_type=4))
    assert not Trials(graph, sample(graph)).possible
    assert Quantize()(graph, examples(graph)).graph is not None


@pytest.mark.parametrize("seed", range(3))
def test_int8_of_random_networks_is_near(seed: int) -> None:
    graph = random_cnn(seed)
    data = examples(graph, count=16)
    trials = Trials(graph, calibrate(graph, data).sample)
    assert trials.error(integer(graph, data)) < 0.05
