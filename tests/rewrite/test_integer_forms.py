"""Random graphs around each pattern mean the same before and after, and never grow."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, currently_in_test_context, given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor, verify
from litesmith.quantize import refusal
from litesmith.rewrite import IntegerForms
from tests.support.graphs import (
    RELU,
    RELU6,
    Array,
    Builder,
    all_tensors,
    const,
    draw,
    execute,
)

_SHAPES = ((1, 3, 4), (4,), (1, 1, 4), (1, 3, 1), ())


def kinds(graph: Graph) -> Counter[str]:
    return Counter(op.kind for op in graph.ops)


def rewritten(graph: Graph) -> Graph:
    outcome = IntegerForms()(graph)
    assert outcome.done is (outcome.graph is not graph)
    verify(outcome.graph)
    assert len(outcome.graph.ops) <= len(graph.ops)
    assert [t.shape for t in outcome.graph.outputs] == [t.shape for t in graph.outputs]
    again = IntegerForms()(outcome.graph)
    assert not again.done
    return outcome.graph


def check(graph: Graph, low: float = -2.0, high: float = 2.0) -> Graph:
    """Assert equal outputs, relative to the largest value on the way."""
    after = rewritten(graph)
    arrays: list[Array] = draw(graph, 3, low=low, high=high)
    with np.errstate(all="ignore"):
        scale = max(np.abs(v).max(initial=0) for v in execute(all_tensors(graph), arrays))
    if currently_in_test_context():
        assume(np.isfinite(scale) and scale < 1e8)
    for a, b in zip(execute(graph, arrays), execute(after, arrays), strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max(initial=0) <= 1e-5 * scale
    return after


@st.composite
def expressions(draw_: st.DrawFn) -> Graph:
    """A random graph of the ops that the rules know, with shared tensors and several outputs."""
    b = Builder(draw_(st.integers(0, 9)))
    pool: list[Tensor] = [b.input(s) for s in draw_(st.lists(_shapes, min_size=1, max_size=3))]
    pool += [b.weights(*s) for s in draw_(st.lists(_shapes, max_size=2))]
    for _ in range(draw_(st.integers(1, 9))):
        x = draw_(st.sampled_from(pool[-5:]))
        y = draw_(st.sampled_from(pool[-5:]))
        fused = draw_(st.sampled_from([0, 0, 0, RELU, RELU6]))
        kind = draw_(st.sampled_from(sorted(_MAKERS)))
        if x.is_constant and y.is_constant:
            continue
        pool.append(_MAKERS[kind](b, x, y, fused))
    made = [t for op in b.ops for t in op.outputs]
    assume(made)
    extra = draw_(st.lists(st.sampled_from(made), max_size=2, unique_by=id))
    return b.graph(*dict.fromkeys([made[-1], *extra]))


_shapes = st.sampled_from(_SHAPES)


def _binary(kind: str):  # type: ignore[no-untyped-def]
    return lambda b, x, y, fused: b.op(kind, x, y, fused_activation_function=fused)


_MAKERS = {
    "ADD": _binary("ADD"),
    "SUB": _binary("SUB"),
    "MUL": _binary("MUL"),
    "NEG": lambda b, x, y, fused: b.op("NEG", y if x.is_constant else x),
    "NEG again": lambda b, x, y, fused: b.op("NEG", y if x.is_constant else x),
    "SQUARE": lambda b, x, y, fused: b.op("SQUARE", y if x.is_constant else x),
    "ROOT": lambda b, x, y, fused: b.op(
        "DIV", y, b.op("SQRT", b.op("EXP", x)), fused_activation_function=fused
    ),
    "DIV": lambda b, x, y, fused: b.op(
        "DIV", x, const(np.asarray([0.5, -3, 2, 7], np.float32)), fused_activation_function=fused
    ),
}


@settings(max_examples=120, deadline=None)
@given(expressions())
def test_random_expressions(graph: Graph) -> None:
    after = kinds(check(graph))
    assert not after["SQUARE"]
    # Whatever absorbs a sign takes it over; what nothing absorbs becomes a product.
    assert not after["NEG"]


_A, _B = (1, 3, 4), (4,)


@pytest.mark.parametrize("fused", [0, RELU, RELU6])
@pytest.mark.parametrize("shapes", [(_A, _A), (_A, _B), (_B, _A), (_A, ())])
@pytest.mark.parametrize(
    "left,right,kind,expected",
    [
        ("NEG", "", "ADD", {"SUB": 1}),
        ("", "NEG", "ADD", {"SUB": 1}),
        ("NEG", "NEG", "ADD", {"SUB": 1, "MUL": 1}),
        ("", "NEG", "SUB", {"ADD": 1}),
        ("NEG", "", "SUB", {"SUB": 1, "MUL": 1}),
        ("NEG", "", "MUL", {"MUL": 2}),
        ("SQUARE", "SQUARE", "MUL", {"MUL": 3}),
    ],
)
def test_signs(
    left: str,
    right: str,
    kind: str,
    expected: dict[str, int],
    shapes: tuple[tuple[int, ...], ...],
    fused: int,
) -> None:
    b = Builder()
    x, y = (b.input(s) for s in shapes)
    x = b.op(left, x) if left else x
    y = b.op(right, y) if right else y
    after = check(b.graph(b.op(kind, x, y, fused_activation_function=fused)))
    assert kinds(after) == expected


@pytest.mark.parametrize(
    "kind,expected", [("ADD", {"MUL": 1, "SUB": 1}), ("SUB", {"MUL": 1, "ADD": 1})]
)
def test_sign_moves_through_a_product(kind: str, expected: dict[str, int]) -> None:
    b = Builder()
    x, y, factor = b.input(_A), b.input(_A), b.input(_B)
    graph = b.graph(b.op(kind, y, b.op("MUL", b.op("NEG", x), factor)))
    assert kinds(check(graph)) == expected


def test_sign_does_not_move_through_a_product_that_others_read() -> None:
    b = Builder()
    x, y = b.input(_A), b.input(_A)
    product = b.op("MUL", b.op("NEG", x), b.input(_B))
    graph = b.graph(b.op("ADD", y, product), product)
    assert kinds(check(graph)) == {"MUL": 2, "ADD": 1}


def test_shared_negation_is_kept_once() -> None:
    b = Builder()
    n = b.op("NEG", b.input(_A))
    graph = b.graph(b.op("ADD", n, b.input(_A)), n, b.op("ABS", n))
    assert kinds(check(graph)) == {"SUB": 1, "MUL": 1, "ABS": 1}


@pytest.mark.parametrize(
    "exponent,expected", [(2.0, "MUL"), (0.5, "SQRT"), (-0.5, "RSQRT"), (3.0, "POW"), (1.0, "POW")]
)
@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_powers(exponent: float, expected: str, shape: tuple[int, ...]) -> None:
    b = Builder()
    e = const(np.full(shape, exponent, np.float32))
    graph = b.graph(b.op("POW", b.input(_A), e))
    assert kinds(check(graph, 0.1, 3.0)) == {expected: 1}


@pytest.mark.parametrize("exponent", [2.0, 0.5, -0.5])
def test_powers_that_add_dimensions_keep_the_shape(exponent: float) -> None:
    b = Builder()
    e = const(np.full((1, 1, 1), exponent, np.float32))
    check(b.graph(b.op("POW", b.input((4,)), e)), 0.1, 3.0)


@pytest.mark.parametrize("fused", [0, RELU])
@pytest.mark.parametrize("shape", [(4,), (), (1, 3, 4), (2, 1, 1, 1)])
def test_division_by_constants(shape: tuple[int, ...], fused: int) -> None:
    b = Builder()
    c = const(np.random.default_rng(0).uniform(0.1, 9, shape).astype(np.float32))
    graph = b.graph(b.op("DIV", b.input(_A), c, fused_activation_function=fused))
    assert kinds(check(graph)) == {"MUL": 1}


@pytest.mark.parametrize("value", [0.0, 1e-39])
def test_division_without_a_finite_reciprocal_stays(value: float) -> None:
    b = Builder()
    graph = b.graph(b.op("DIV", b.input(_A), const(np.float32(value))))
    assert kinds(rewritten(graph)) == {"DIV": 1}


def test_division_by_computed_values_stays() -> None:
    b = Builder()
    graph = b.graph(b.op("DIV", b.input(_A), b.input(_A)))
    assert not IntegerForms()(graph).done


def test_division_by_a_root() -> None:
    b = Builder()
    x, y = b.input(_A), b.input((1, 3, 1))
    graph = b.graph(b.op("DIV", x, b.op("SQRT", y)))
    assert kinds(check(graph, 0.1, 4.0)) == {"RSQRT": 1, "MUL": 1}


def test_division_by_a_root_that_others_read_stays() -> None:
    for outputs in ("output", "reader", "itself"):
        b = Builder()
        x, y = b.input(_A), b.input(_A)
        root = b.op("SQRT", y)
        quotient = b.op("DIV", root if outputs == "itself" else x, root)
        more = {"output": [root], "reader": [b.op("ABS", root)], "itself": []}[outputs]
        assert kinds(check(b.graph(quotient, *more), 0.1, 4.0))["DIV"] == 1


def _normalization(b: Builder, x: Tensor, swapped: bool, form: str) -> Tensor:
    """Layer normalization as the converter writes it."""
    axis = const([2])
    mean = b.op("MEAN", x, axis, keep_dims=True)
    variance = b.op("MEAN", b.op("SQUARED_DIFFERENCE", x, mean), axis, keep_dims=True)
    inverse = b.op("RSQRT", b.op("ADD", variance, const(np.float32(1e-3))))
    scale = b.op("MUL", inverse, b.weights(4))
    product = b.op("MUL", *((scale, x) if swapped else (x, scale)))
    shift = b.weights(4)
    if form == "neg":
        rest = b.op("ADD", b.op("MUL", b.op("NEG", mean), scale), shift)
    else:
        rest = b.op("SUB", shift, b.op("MUL", mean, scale))
    return b.op("ADD", *((rest, product) if swapped else (product, rest)))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("form", ["neg", "sub"])
def test_layer_normalization_subtracts_first(form: str, swapped: bool) -> None:
    b = Builder()
    x = b.input(_A)
    graph = b.graph(_normalization(b, x, swapped, form))
    after = check(graph)
    assert not kinds(after)["NEG"]
    assert all(refusal(op) is None for op in after.ops)
    order = "MEAN SUB MUL MEAN ADD RSQRT MUL MUL ADD"
    assert [op.kind for op in after.ops] == order.split()
    assert after.ops[1].inputs[0] is x


def test_products_that_others_read_are_not_centered() -> None:
    b = Builder()
    x, m, a = b.input(_A), b.input((1, 3, 1)), b.input(_B)
    product = b.op("MUL", x, a)
    graph = b.graph(b.op("SUB", product, b.op("MUL", m, a)), product)
    assert kinds(check(graph)) == {"MUL": 2, "SUB": 1}


@pytest.mark.parametrize("fused", [0, RELU])
def test_difference_of_products(fused: int) -> None:
    b = Builder()
    x, m, a = b.input(_A), b.input((1, 3, 1)), b.input(_B)
    minuend, subtrahend = b.op("MUL", x, a), b.op("MUL", a, m)
    graph = b.graph(b.op("SUB", minuend, subtrahend, fused_activation_function=fused))
    assert kinds(check(graph)) == {"SUB": 1, "MUL": 1}


def test_small_minuend_is_not_centered() -> None:
    b = Builder()
    x, m, a = b.input((1, 3, 1)), b.input(_A), b.input(_B)
    check(b.graph(b.op("SUB", b.op("MUL", x, a), b.op("MUL", m, a))))


def test_integer_arithmetic_is_left_alone() -> None:
    b = Builder()
    x = b.input((3,), DType.INT32)
    graph = b.graph(b.op("ADD", b.op("NEG", x), x), b.op("SUB", x, b.op("NEG", x)))
    assert not IntegerForms()(graph).done
