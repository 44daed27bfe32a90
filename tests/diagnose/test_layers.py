"""Where graphs part ways: numbers against NumPy's, and the op that is to blame is named."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.diagnose import compare_layers
from litesmith.graph import Graph, write
from litesmith.graph.edit import substitute
from litesmith.quantize import Quantize
from litesmith.runtime import Session
from tests.support.graphs import all_tensors, draw, examples, execute, random_cnn


def batches(graph: Graph, count: int = 6) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    x = draw(graph, count)
    return [(x, x)]


def with_noise(graph: Graph, position: int) -> Graph:
    """Return the graph with the weights of one op changed."""
    op = graph.ops[position]
    weights = op.inputs[1]
    assert weights is not None and weights.data is not None
    random = np.random.default_rng(7)
    data = weights.data + random.normal(0, 0.1, weights.shape).astype(np.float32)
    new = op.with_(inputs=(op.inputs[0], weights.with_(data=data), *op.inputs[2:]))
    return graph.with_(ops=tuple(new if o is op else o for o in graph.ops))


def renamed(graph: Graph) -> Graph:
    results = [t for op in graph.ops for t in op.outputs]
    return substitute(graph, {t: t.with_(name=f"other/{t.name}") for t in results})


def test_a_graph_does_not_part_from_itself() -> None:
    graph = random_cnn(0)
    found = compare_layers([graph], graph, batches(graph))
    assert len(found.layers) == found.of == len(graph.ops)
    assert found.examples == 6
    assert all(one.relative_error == 0 and one.added == 0 for one in found.layers)
    assert all(one.sqnr_db == 300 and one.cosine == pytest.approx(1) for one in found.layers)


@pytest.mark.parametrize("seed", range(4))
def test_the_op_that_adds_the_error_is_named(seed: int) -> None:
    graph = random_cnn(seed)
    linear = [i for i, op in enumerate(graph.ops) if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    culprit = linear[len(linear) // 2]
    found = compare_layers([graph], with_noise(graph, culprit), batches(graph))
    assert found.layers[culprit].rank == 1
    assert (found.layers[culprit].added or 0) > 0.01
    others = [one.added for i, one in enumerate(found.layers) if i != culprit]
    assert all(added is not None and added < 1e-5 for added in others)
    assert all(one.relative_error == 0 for one in found.layers[:culprit])


@pytest.mark.parametrize("seed", range(4))
def test_errors_are_those_of_numpy(seed: int) -> None:
    graph = random_cnn(seed)
    x = draw(graph, 6)
    quantized = Quantize("int8")(graph, examples(graph, count=20)).graph
    found = compare_layers([graph], quantized, [(x, x)])
    everything = all_tensors(graph)
    values = dict(
        zip([t.name for t in everything.outputs], execute(everything, x, "default"), strict=True)
    )
    last = graph.outputs[0]
    expected = values[last.name].astype(np.float64)
    actual = np.asarray(Session(write(quantized)).run(x)[0], np.float64)
    noise = np.sqrt(np.square(expected - actual.reshape(expected.shape)).sum())
    relative = noise / np.sqrt(np.square(expected).sum())
    assert found.layers[-1].relative_error == pytest.approx(relative, rel=1e-4, abs=1e-7)
    assert found.layers[-1].sqnr_db == pytest.approx(-20 * np.log10(relative), abs=0.01)
    assert {one.dtype for one in found.layers} == {"int8"}
    assert sorted(one.rank or 0 for one in found.layers) == list(range(1, len(found.layers) + 1))


def test_the_form_with_most_in_common_is_taken() -> None:
    graph = random_cnn(1)
    found = compare_layers([renamed(graph), graph], graph, batches(graph))
    assert len(found.layers) == found.of


def test_nothing_in_common_is_said() -> None:
    graph = random_cnn(1)
    found = compare_layers([graph], renamed(graph), batches(graph))
    assert len(found.layers) == 1 and found.of == len(graph.ops)  # the output, by position
    cut = renamed(graph).with_(outputs=(*renamed(graph).outputs,) * 2)
    assert compare_layers([graph], cut, batches(graph)).layers == ()


def test_the_first_of_joined_names_decides() -> None:
    graph = random_cnn(1)
    results = [t for op in graph.ops for t in op.outputs]
    joined = substitute(graph, {t: t.with_(name=f"{t.name};x{i}") for i, t in enumerate(results)})
    found = compare_layers([graph], joined, batches(graph))
    assert len(found.layers) == found.of
    assert all(one.relative_error == 0 for one in found.layers)
