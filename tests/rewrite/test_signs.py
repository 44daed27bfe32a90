"""Negations disappear where an op can take them over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.signs import SIGNS
from tests.support.graphs import RELU, RELU6, Builder, const
from tests.support.rewriting import check, declined, golden, kinds

_SHAPES = ((1, 3, 4), (4,), (1, 1, 4), (2, 1, 4), ())


@st.composite
def sums(draw: st.DrawFn) -> Graph:
    """Random sums, differences and products of negated, shared and constant values."""
    b = Builder(draw(st.integers(0, 9)))
    shapes = st.sampled_from(_SHAPES)
    pool: list[Tensor] = [b.input(draw(shapes)) for _ in range(draw(st.integers(1, 3)))]
    pool += [b.weights(*draw(shapes)) for _ in range(draw(st.integers(0, 2)))]
    for _ in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(["ADD", "SUB", "MUL", "NEG", "NEG", "SQUARE", "ABS"]))
        operands = [draw(st.sampled_from(pool[-5:])) for _ in range(2)]
        if all(t.is_constant for t in operands):
            continue
        if kind in ("ADD", "SUB", "MUL"):
            fused = draw(st.sampled_from([0, 0, RELU, RELU6]))
            pool.append(b.op(kind, *operands, fused_activation_function=fused))
        else:
            pool.append(b.op(kind, next(t for t in operands if not t.is_constant)))
    made = [t for op in b.ops for t in op.outputs]
    assume(made)
    extra = draw(st.lists(st.sampled_from(made), max_size=2, unique_by=id))
    return b.graph(*dict.fromkeys([made[-1], *extra]))


@settings(max_examples=60, deadline=None)
@given(sums())
def test_random_sums(graph: Graph) -> None:
    check(graph, SIGNS)


@pytest.mark.parametrize("fused", [0, RELU])
@pytest.mark.parametrize(
    "left,right,kind,expected",
    [
        ("NEG", "", "ADD", {"SUB": 1}),
        ("", "NEG", "ADD", {"SUB": 1}),
        ("", "NEG", "SUB", {"ADD": 1}),
        ("NEG", "NEG", "SUB", {"SUB": 1}),
        ("NEG", "NEG", "MUL", {"MUL": 1}),
        ("NEG", "", "MUL", {"NEG": 1, "MUL": 1}),
    ],
)
def test_two_values(left: str, right: str, kind: str, expected: dict[str, int], fused: int) -> None:
    b = Builder()
    x, y = b.input((2, 3)), b.input((3,))
    x = b.op(left, x) if left else x
    y = b.op(right, y) if right else y
    after = check(b.graph(b.op(kind, x, y, fused_activation_function=fused)), SIGNS)
    assert kinds(after) == expected


def test_constant_factor_takes_the_sign() -> None:
    b = Builder()
    after = check(b.graph(b.op("MUL", b.weights(3), b.op("NEG", b.input((2, 3))))), SIGNS)
    assert kinds(after) == {"MUL": 1}


def test_large_shared_factor_is_not_copied() -> None:
    b = Builder()
    x, factor = b.input((2, 1025)), b.weights(1025)
    graph = b.graph(b.op("MUL", b.op("NEG", x), factor), b.op("ADD", x, factor))
    assert "large" in declined(graph, SIGNS)


@pytest.mark.parametrize("kind", ["SQUARE", "ABS"])
def test_even_functions(kind: str) -> None:
    b = Builder()
    assert kinds(check(b.graph(b.op(kind, b.op("NEG", b.input((3,))))), SIGNS)) == {kind: 1}


def test_negated_difference_is_swapped() -> None:
    b = Builder()
    graph = b.graph(b.op("NEG", b.op("SUB", b.input((3,)), b.input((3,)))))
    assert kinds(check(graph, SIGNS)) == {"SUB": 1}


def test_negated_difference_that_others_need_stays() -> None:
    b = Builder()
    difference = b.op("SUB", b.input((3,)), b.input((3,)))
    graph = b.graph(b.op("NEG", difference), difference)
    assert not apply(graph, (SIGNS,)).done


def test_negation_that_is_an_output_stays_beside_what_reads_it() -> None:
    b = Builder()
    n = b.op("NEG", b.input((3,)))
    after = check(b.graph(n, b.op("ADD", n, b.input((3,)))), SIGNS)
    assert kinds(after) == {"NEG": 1, "SUB": 1}


def test_integers_are_left_alone() -> None:
    b = Builder()
    x = b.input((3,), DType.INT32)
    assert not apply(b.graph(b.op("ADD", b.op("NEG", x), x)), (SIGNS,)).done


def test_golden() -> None:
    b = Builder()
    x, y, f = b.input((1, 4)), b.input((1, 4)), b.input((4,))
    pushed = b.graph(b.op("ADD", y, b.op("MUL", b.op("NEG", x), f)))
    c = Builder()
    constant = c.graph(c.op("MUL", c.op("NEG", c.input((1, 2))), const(np.float32(3))))
    golden("signs", {"through a product": pushed, "into a constant": constant}, SIGNS)
