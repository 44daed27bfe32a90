"""Data of another scale is found out by what the model is; right data never is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from litesmith.data import TensorSpec, parse_preprocess
from litesmith.diagnose import expected, first_ops
from litesmith.diagnose.examples import Sample
from litesmith.graph import Graph
from tests.support.graphs import Builder, const, named

CLASSES = 6
SIZE = 24
_WORDS = {"unit": (1 / 255, 0.0), "tf": (1 / 127.5, -1.0), "raw": (1.0, 0.0)}


def centers() -> np.ndarray:
    """Return one pattern of bytes per class."""
    random = np.random.default_rng(5)
    brightness = np.linspace(0.3, 1, CLASSES)[:, None]
    return (random.uniform(0, 255, (CLASSES, SIZE)) * brightness).astype(np.float32)


def data(count: int = 96, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return raw bytes (n, SIZE) near the pattern of their class, and the classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    x = centers()[labels] + random.normal(0, 12, (count, SIZE))
    return np.rint(np.clip(x, 0, 255)).astype(np.float32), labels


def classifier(expects: str, first: bool = False) -> Graph:
    """Return a model that finds the nearest pattern in data scaled as it expects.

    Args:
        expects: "unit", "tf" or "raw".
        first: the model scales raw bytes itself.
    """
    scale, offset = _WORDS[expects]
    patterns = centers() * scale + offset
    sharp = 12 / np.square(patterns - patterns.mean(0)).sum(1).mean()
    weights = const((2 * sharp * patterns).astype(np.float32))
    bias = const((-sharp * np.square(patterns).sum(1)).astype(np.float32))
    b = Builder(0)
    x = b.input((1, SIZE))
    if first:
        x = b.op("MUL", x, const(np.float32(scale)))
        x = b.op("ADD", x, const(np.float32(offset)))
    return named(b.graph(b.op("SOFTMAX", b.op("FULLY_CONNECTED", x, weights, bias), beta=1.0)))


def seen(x: np.ndarray, spec: str = "none") -> tuple[Sample, tuple]:
    specs = (TensorSpec("in", (1, x.shape[1]), "float32"),)
    given = parse_preprocess(spec, specs)
    fed = np.asarray(given[0].apply(x, "x"), np.float32)
    return Sample(specs, (fed,), len(x), "x"), given


@pytest.mark.parametrize("expects", _WORDS)
@pytest.mark.parametrize("seed", range(3))
def test_right_data_is_not_suspected(expects: str, seed: int) -> None:
    x, labels = data(seed=seed)
    sample, given = seen(x, {"raw": "none"}.get(expects, expects))
    graph = classifier(expects)
    assert not list(expected.of_labels(graph, sample, labels, given[0]))
    assert not list(expected.of_answers(graph, sample, given[0]))
    assert not list(first_ops.of_graph(graph, sample, given))
    own = classifier(expects, first=True)
    raw, none = seen(x)
    assert not list(first_ops.of_graph(own, raw, none))


@pytest.mark.parametrize(
    ("expects", "given", "remedy"),
    [
        ("unit", "none", "Use --preprocess unit."),
        ("tf", "none", "Use --preprocess tf."),
        ("raw", "unit", "Leave --preprocess out."),
        ("raw", "tf", "Leave --preprocess out."),
        ("tf", "unit", "Use --preprocess tf."),
    ],
)
def test_labels_tell_the_scale(expects: str, given: str, remedy: str) -> None:
    x, labels = data()
    sample, specs = seen(x, given)
    found = list(expected.of_labels(classifier(expects), sample, labels, specs[0]))
    assert [(n.code, n.hint) for n in found] == [("preprocess", remedy)]


def test_labels_tell_nothing_when_no_scale_helps() -> None:
    x, labels = data()
    sample, specs = seen(x)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert not list(expected.of_labels(classifier("raw"), sample, shuffled, specs[0]))


def test_saturated_and_blind_answers_tell_the_scale() -> None:
    x, _ = data()
    sample, specs = seen(x)
    found = list(expected.of_answers(classifier("unit"), sample, specs[0]))
    assert [(n.code, n.hint) for n in found] == [("value_range", "Use --preprocess unit.")]
    sample, specs = seen(x, "unit")
    found = list(expected.of_answers(classifier("raw"), sample, specs[0]))
    assert [(n.code, n.hint) for n in found] == [("value_range", "Leave --preprocess out.")]


@pytest.mark.parametrize(("given", "remedy"), [("unit", "Leave --preprocess out."),
                                               ("tf", "Leave --preprocess out.")])  # fmt: skip
@pytest.mark.parametrize("expects", ["unit", "tf"])
def test_a_model_that_scales_bytes_itself(expects: str, given: str, remedy: str) -> None:
    x, _ = data()
    sample, specs = seen(x, given)
    found = list(first_ops.of_graph(classifier(expects, first=True), sample, specs))
    assert [(n.code, n.hint) for n in found] == [("value_range", remedy)]


def normalizing(mean: np.ndarray, deviation: np.ndarray) -> Graph:
    b = Builder(1)
    x = b.input((1, len(mean)))
    x = b.op("SUB", x, const(mean.astype(np.float32)))
    x = b.op("MUL", x, const((1 / deviation).astype(np.float32)))
    return named(b.graph(b.op("FULLY_CONNECTED", x, b.weights(3, len(mean)), None)))


def test_a_model_that_normalizes_itself() -> None:
    random = np.random.default_rng(0)
    mean, deviation = random.uniform(50, 500, 12), random.uniform(5, 50, 12)
    x = random.normal(mean, deviation, (60, 12)).astype(np.float32)
    graph = normalizing(mean, deviation)
    sample, none = seen(x)
    assert not list(first_ops.of_graph(graph, sample, none))
    for wrong in ((x - mean) / deviation, x * 100):
        sample, none = seen(wrong)
        assert [n.code for n in first_ops.of_graph(graph, sample, none)] == ["value_range"]


def test_one_column_that_decides_alone() -> None:
    random = np.random.default_rng(0)
    b = Builder(2)
    y = b.op("FULLY_CONNECTED", b.input((1, 10)), b.weights(8, 10), None)
    graph = named(b.graph(y))
    x = random.normal(0, 1, (60, 10)).astype(np.float32)
    assert not list(first_ops.of_columns(graph, seen(x)[0]))
    x[:, 4] *= 5000
    found = list(first_ops.of_columns(graph, seen(x)[0]))
    assert [n.code for n in found] == ["unnormalized_columns"]
    assert "Column 4" in found[0].message
    # Weights that were trained on such columns are small for them.
    weights = graph.ops[0].inputs[1]
    assert weights is not None and weights.data is not None
    scale = np.ones(10, np.float32)
    scale[4] = 1 / 5000
    op = graph.ops[0]
    own = op.with_(inputs=(op.inputs[0], weights.with_(data=weights.data * scale), None))
    assert not list(first_ops.of_columns(graph.with_(ops=(own,)), seen(x)[0]))


def test_a_stream_that_is_sorted_by_class() -> None:
    x, labels = data(600)
    graph = classifier("raw")
    mixed, ordered = seen(x[:96])[0], seen(x[labels == 2][:64])[0]
    assert len(ordered) == 64
    for sample, told in ((ordered, True), (mixed, False)):
        stream = replace(sample, size=None, ended=False)
        assert [n.code for n in expected.of_order(graph, stream)] == ["one_class"] * told
        assert not list(expected.of_order(graph, replace(stream, ended=True)))
        assert not list(expected.of_order(graph, sample))


def test_other_models_are_left_alone() -> None:
    b = Builder(3)
    regressor = named(
        b.graph(b.op("FULLY_CONNECTED", b.input((1, SIZE)), b.weights(1, SIZE), None))
    )
    x, labels = data()
    sample, none = seen(x)
    assert not list(expected.of_labels(regressor, sample, labels, none[0]))
    assert not list(expected.of_answers(regressor, sample, none[0]))
    bytes_ = replace(sample, values=(x.astype(np.uint8),))
    assert not list(expected.of_answers(classifier("raw"), bytes_, none[0]))
