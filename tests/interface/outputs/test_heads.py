"""Each head on built graphs, by value against NumPy that knows nothing of litesmith's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.errors import ConversionError, InputError
from litesmith.graph import DType
from litesmith.graph.census import op_counts
from litesmith.interface.heads import HEADS, parse_head
from tests.interface.outputs.shaped import compared, model, opened, run, shaped, softmax
from tests.support.graphs import Builder, const, named

Array = npt.NDArray[Any]
EXAMPLES = 5

shapes = st.lists(st.integers(1, 5), min_size=0, max_size=2).flatmap(
    lambda middle: st.integers(2, 7).map(lambda last: (1, *middle, last))
)
tied = st.booleans()


def draw(shape: tuple[int, ...], ties: bool, seed: int) -> Array:
    random = np.random.default_rng(seed)
    full = (EXAMPLES, *shape[1:])
    if ties:
        return random.integers(-2, 3, full).astype(np.float32)
    return random.normal(0, 2, full).astype(np.float32)


def of_softmax(kind: str, x: Array) -> Array:
    return softmax(x) if kind == "SOFTMAX" else 1 / (1 + np.exp(-x.astype(np.float64)))


@given(shapes, tied, st.sampled_from(["", "SOFTMAX", "LOGISTIC"]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_argmax(shape: tuple[int, ...], ties: bool, kind: str, seed: int) -> None:
    x = draw(shape, ties, seed)
    outcome = shaped(model(shape, kind), heads=("argmax",))
    (found,) = run(outcome.graph, x)
    assert found.dtype == np.int32 and found.shape == x.shape[:-1]
    np.testing.assert_array_equal(found, x.argmax(-1))
    assert ("SOFTMAX" in op_counts(outcome.graph)) is False


@given(shapes, tied, st.data(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_topk(shape: tuple[int, ...], ties: bool, data: Any, seed: int) -> None:
    k = data.draw(st.integers(1, shape[-1]))
    x = draw(shape, ties, seed)
    outcome = shaped(model(shape), heads=(f"topk={k}",))
    assert outcome.graph.output_names() == ("y0", "y0_indices")
    values, indices = run(outcome.graph, x)
    order = np.argsort(-x, -1, kind="stable")[..., :k]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, -1))
    assert indices.dtype == np.int32


@given(shapes, tied, st.sampled_from([-1.0, 0.0, 0.3, 0.5, 1.0]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_threshold(shape: tuple[int, ...], ties: bool, limit: float, seed: int) -> None:
    x = draw(shape, ties, seed)
    (found,) = run(shaped(model(shape), heads=(f"threshold={limit}",)).graph, x)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, x >= np.float32(limit))


@given(shapes, tied, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_sigmoid_goes_at_one_half_alone(shape: tuple[int, ...], ties: bool, seed: int) -> None:
    x = draw(shape, ties, seed)
    half = shaped(model(shape, "LOGISTIC"), heads=("threshold=0.5",))
    assert "LOGISTIC" not in op_counts(half.graph)
    np.testing.assert_array_equal(run(half.graph, x)[0], x >= 0)
    other = shaped(model(shape, "LOGISTIC"), heads=("threshold=0.25",))
    assert "LOGISTIC" in op_counts(other.graph)


@given(shapes, st.sampled_from(["SOFTMAX", "LOGISTIC"]), st.booleans(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_logits(shape: tuple[int, ...], kind: str, reshaped: bool, seed: int) -> None:
    x = draw(shape, False, seed)
    flat = (1, int(np.prod(shape))) if reshaped else ()
    graph = model(shape, kind, flat)
    outcome = shaped(graph, heads=("logits",))
    (found,) = run(outcome.graph, x)
    np.testing.assert_allclose(found.reshape(x.shape), x, atol=1e-6)
    assert kind not in op_counts(outcome.graph)
    ((wanted, seen),) = compared(outcome, run(graph, x), [found])
    np.testing.assert_allclose(wanted.reshape(x.shape), of_softmax(kind, x), atol=1e-6)
    np.testing.assert_allclose(seen, wanted, atol=1e-6)


def test_wrong_logits_are_seen() -> None:
    graph = model((1, 4), "SOFTMAX")
    x = draw((1, 4), False, 0)
    outcome = shaped(graph, heads=("logits",))
    ((wanted, seen),) = compared(outcome, run(graph, x), [x + np.arange(4, dtype=np.float32)])
    assert np.abs(wanted - seen).max() > 0.1


@given(shapes, st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_probabilities(shape: tuple[int, ...], seed: int) -> None:
    x = draw(shape, False, seed)
    outcome = shaped(model(shape), heads=("probabilities",))
    (found,) = run(outcome.graph, x)
    np.testing.assert_allclose(found, softmax(x), atol=1e-6)
    ((wanted, seen),) = compared(outcome, [x], [found])
    np.testing.assert_allclose(wanted, seen, atol=1e-6)
    (each,) = run(shaped(model(shape), heads=("sigmoid",)).graph, x)
    np.testing.assert_allclose(each, of_softmax("LOGISTIC", x), atol=1e-6)


def test_one_value_gets_a_sigmoid() -> None:
    graph = shaped(model((1, 1)), heads=("probabilities",)).graph
    assert op_counts(graph) == {"ADD": 1, "LOGISTIC": 1}


@pytest.mark.parametrize("kind", ["SOFTMAX", "LOGISTIC"])
def test_probabilities_stay(kind: str) -> None:
    outcome = shaped(model((1, 4), kind), heads=("probabilities",))
    assert op_counts(outcome.graph) == {"ADD": 1, kind: 1}
    assert "already" in outcome.why


def test_log_softmax_becomes_softmax() -> None:
    graph = model((1, 4), "LOG_SOFTMAX")
    x = draw((1, 4), False, 1)
    outcome = shaped(graph, heads=("probabilities",))
    assert "LOG_SOFTMAX" not in op_counts(outcome.graph)
    (found,) = run(outcome.graph, x)
    np.testing.assert_allclose(found, softmax(x), atol=1e-6)
    ((wanted, seen),) = compared(outcome, run(graph, x), [found])
    np.testing.assert_allclose(wanted, seen, atol=1e-6)


@pytest.mark.parametrize(
    "head", ["argmax", "topk=2", "threshold=0.2", "logits", "probabilities", "keep", "sigmoid"]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_open_batch(head: str, batch: int) -> None:
    graph, x = opened(model((1, 3, 4), "SOFTMAX")), draw((1, 3, 4), False, 2)
    outcome = shaped(graph, heads=(head,))
    assert all(t.shape_signature and t.shape_signature[0] == -1 for t in outcome.graph.outputs)
    before = run(graph, x)
    for wanted, seen in compared(outcome, before, run(outcome.graph, x, size=batch)):
        np.testing.assert_allclose(seen, wanted, atol=1e-6)


def test_fixed_batch() -> None:
    b = Builder()
    y = b.op("SOFTMAX", b.op("ADD", b.input((3, 4)), const(0.0)), beta=1.0)
    outcome = shaped(named(b.graph(y)), heads=("argmax",))
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    np.testing.assert_array_equal(run(outcome.graph, x)[0], x.argmax(-1))


def test_alike_in_the_original_is_alike_for_the_file() -> None:
    values = np.array([[0.5, 0.5 - 1e-7, 0.0], [0.6, 0.4, 0.0], [0.3, 0.3, 0.4]], np.float32)
    outcome = shaped(model((1, 3)), heads=("argmax",))
    ((wanted, seen),) = compared(outcome, [values], [np.array([1, 1, 2], np.int32)])
    assert wanted.tolist() == [0, 0, 2] and seen.tolist() == [0, 1, 2]
    outcome = shaped(model((1, 3)), heads=("topk=2",))
    found = [values[:, :2], np.array([[1, 0], [0, 0], [2, 1]], np.int32)]
    (_, (wanted, seen)) = compared(outcome, [values], found)
    assert seen.tolist() == [[0, 1], [0, 0], [2, 0]]
    outcome = shaped(model((1, 3)), heads=("threshold=0.4",))
    found = [np.array([[True, True, True], [True, False, False], [False, False, True]])]
    ((wanted, seen),) = compared(outcome, [values], found)
    assert (wanted == seen).tolist()[0] == [True, True, False] and (wanted == seen)[1:].all()


def test_heads_per_output() -> None:
    b = Builder()
    x = b.input((1, 4), name="x")
    graph = named(b.graph(b.op("SOFTMAX", x, beta=1.0), b.op("ADD", x, const(1.0))))
    outcome = shaped(graph, heads=("y0:topk=2", "y1:argmax"))
    assert outcome.graph.output_names() == ("y0", "y0_indices", "y1")
    drawn = draw((1, 4), False, 5)
    before = run(graph, drawn)
    for wanted, seen in compared(outcome, before, run(outcome.graph, drawn)):
        np.testing.assert_allclose(seen, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("argmin", "no head 'argmin'"),
        ("topk", "not complete"),
        ("argmax=2", "not complete"),
        ("threshold=high", "not a number"),
    ],
)
def test_unknown_heads(head: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_head(head)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("topk=9", "4 values"),
        ("topk=0", "4 values"),
        ("topk=1.5", "4 values"),
        ("threshold=nan", "compared"),
        ("y9:argmax", "no output 'y9'"),
    ],
)
def test_what_does_not_fit(head: str, message: str) -> None:
    with pytest.raises((ConversionError, InputError), match=message):
        shaped(model((1, 4)), heads=(head,))


def test_logits_of_something_else() -> None:
    with pytest.raises(ConversionError, match="ends in TANH"):
        shaped(model((1, 4), "TANH"), heads=("logits",))
    assert "already" in shaped(model((1, 4)), heads=("logits",)).why


@pytest.mark.parametrize("head", ["argmax", "topk=1", "threshold=1", "logits", "probabilities"])
def test_integer_outputs_are_refused(head: str) -> None:
    b = Builder()
    graph = named(b.graph(b.op("CAST", b.input((1, 4)), dtype=DType.INT32, out_data_type=2)))
    with pytest.raises(ConversionError, match="int32"):
        shaped(graph, heads=(head,))


def test_every_head_has_a_summary() -> None:
    assert all(head.summary for head in HEADS.values())
