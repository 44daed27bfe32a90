"""Normalizations subtract the mean once, whatever axes, shapes, order of operands and readers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.normalization import NORMALIZATION
from litesmith.rewrite.signs import SIGNS
from tests.support.graphs import RELU, Builder, const
from tests.support.rewriting import check, golden, kinds

BOTH = (SIGNS, NORMALIZATION)
_EPSILON = const(np.float32(1e-3))


def _pair(swapped: bool, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return (b, a) if swapped else (a, b)


def written_out(
    b: Builder,
    x: Tensor,
    axes: Sequence[int],
    form: str = "neg",
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    swapped: bool = False,
    fused: int = 0,
) -> dict[str, Tensor]:
    """A normalization as converters write it; every value by name."""
    over = const(list(axes))
    m = b.op("MEAN", x, over, keep_dims=True)
    v = b.op("MEAN", b.op("SQUARED_DIFFERENCE", x, m), over, keep_dims=True)
    r = b.op("RSQRT", b.op("ADD", v, _EPSILON))
    a = r if gamma is None else b.op("MUL", *_pair(swapped, r, gamma))
    product = b.op("MUL", *_pair(swapped, x, a))
    if form == "neg":
        rest = b.op("MUL", *_pair(swapped, b.op("NEG", m), a))
        if beta is not None:
            rest = b.op("ADD", *_pair(swapped, rest, beta))
        y = b.op("ADD", *_pair(swapped, product, rest), fused_activation_function=fused)
    elif beta is None:
        y = b.op("SUB", product, b.op("MUL", m, a), fused_activation_function=fused)
    else:
        rest = b.op("SUB", beta, b.op("MUL", m, a))
        y = b.op("ADD", *_pair(swapped, product, rest), fused_activation_function=fused)
    return {"m": m, "v": v, "r": r, "product": product, "y": y}


@st.composite
def normalizations(draw: st.DrawFn) -> Graph:
    b = Builder(draw(st.integers(0, 9)))
    shape = draw(
        st.sampled_from([(1, 8), (3, 5), (1, 4, 6), (2, 3, 4), (1, 3, 2, 4), (2, 2, 3, 2, 4)])
    )
    rank = len(shape)
    axes = draw(
        st.sampled_from([[-1], [rank - 1], [1], list(range(1, rank)), [0], list(range(rank))])
    )
    x = b.input(shape)
    constants = [tuple(shape), shape[-1:], (*(1,) * (rank - 1), shape[-1]), ()]
    gamma = b.weights(*draw(st.sampled_from(constants))) if draw(st.booleans()) else None
    beta = b.weights(*draw(st.sampled_from(constants))) if draw(st.booleans()) else None
    fused = draw(st.sampled_from([0, RELU]))
    form = draw(st.sampled_from(["neg", "sub"]))
    made = written_out(b, x, axes, form, gamma, beta, draw(st.booleans()), fused)
    outputs = [made["y"]]
    if draw(st.booleans()):  # something in between is needed elsewhere
        outputs.append(made[draw(st.sampled_from(sorted(set(made) - {"y"})))])
    if draw(st.booleans()):
        outputs.append(b.op("TANH", x))
    return b.graph(*outputs)


@settings(max_examples=80, deadline=None)
@given(normalizations())
def test_random_normalizations(graph: Graph) -> None:
    check(graph, *BOTH)


@pytest.mark.parametrize("form", ["neg", "sub"])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    "scale,shift,expected",
    [
        (True, True, "MEAN SUB MUL MEAN ADD RSQRT MUL MUL ADD"),
        (True, False, "MEAN SUB MUL MEAN ADD RSQRT MUL MUL"),
        (False, True, "MEAN SUB MUL MEAN ADD RSQRT MUL ADD"),
        (False, False, "MEAN SUB MUL MEAN ADD RSQRT MUL"),
    ],
)
def test_layer_normalization(
    scale: bool, shift: bool, expected: str, form: str, swapped: bool
) -> None:
    b = Builder()
    gamma, beta = (b.weights(1, 1, 4) if there else None for there in (scale, shift))
    y = written_out(b, b.input((1, 3, 4)), [-1], form, gamma, beta, swapped)["y"]
    assert [op.kind for op in check(b.graph(y), *BOTH).ops] == expected.split()


def test_small_factor_stays_in_the_small_product() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 2, 4))
    y = written_out(b, x, [1, 2, 4], "neg", b.weights(1, 1, 1, 2, 4), b.weights(1, 1, 1, 2, 4))["y"]
    after = check(b.graph(y), *BOTH)
    assert [op.outputs[0].shape for op in after.ops if op.kind == "MUL"] == [
        (1, 6, 6, 2, 4),
        (1, 1, 1, 2, 4),
        (1, 6, 6, 2, 4),
    ]


def test_small_factor_moves_to_the_linear_op_that_can_take_it() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 4))
    y = written_out(b, x, [1, 2], "neg", b.weights(4), b.weights(4))["y"]
    conv = b.op("CONV_2D", y, b.weights(3, 1, 1, 4), b.weights(3), stride_w=1, stride_h=1)
    after = check(b.graph(conv), *BOTH)
    assert [op.kind for op in after.ops[-4:]] == ["MUL", "MUL", "ADD", "CONV_2D"]


def test_difference_that_is_there_is_used() -> None:
    """GroupNormalization squares a difference of its own."""
    b = Builder()
    x = b.input((1, 6, 6, 2, 4))
    over = const([1, 2, 4])
    m = b.op("MEAN", x, over, keep_dims=True)
    n = b.op("NEG", m)
    v = b.op("MEAN", b.op("SQUARE", b.op("SUB", x, m)), over, keep_dims=True)
    a = b.op("MUL", b.op("RSQRT", b.op("ADD", v, _EPSILON)), b.weights(1, 1, 1, 2, 4))
    rest = b.op("ADD", b.op("MUL", n, a), b.weights(1, 1, 1, 2, 4))
    after = check(b.graph(b.op("ADD", b.op("MUL", x, a), rest)), *BOTH)
    expected = "MEAN SUB SQUARE MEAN ADD RSQRT MUL MUL ADD"
    assert [op.kind for op in after.ops] == expected.split()


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_squared_difference_of_a_difference(first: bool, swapped: bool) -> None:
    b = Builder()
    x, m = b.input((2, 4)), b.input((2, 1))
    d = b.op("SUB", x, m) if first else None
    square = b.op("SQUARED_DIFFERENCE", *_pair(swapped, x, m))
    d = b.op("SUB", x, m) if d is None else d
    assert kinds(check(b.graph(square, d), *BOTH)) == {"SUB": 1, "MUL": 1}


def test_squared_difference_alone_stays() -> None:
    b = Builder()
    graph = b.graph(b.op("SQUARED_DIFFERENCE", b.input((2, 4)), b.input((2, 1))))
    assert not apply(graph, BOTH).done


@pytest.mark.parametrize("fused", [0, RELU])
def test_division_by_a_root(fused: int) -> None:
    b = Builder()
    root = b.op("SQRT", b.input((2, 1)))
    graph = b.graph(b.op("DIV", b.input((2, 4)), root, fused_activation_function=fused))
    assert kinds(check(graph, *BOTH, low=0.1)) == {"RSQRT": 1, "MUL": 1}


@pytest.mark.parametrize("shape,expected", [((), 1), ((1, 1), 1), ((2, 4), 2)])
def test_reciprocal_root(shape: tuple[int, ...], expected: int) -> None:
    b = Builder()
    one = const(np.ones(shape, np.float32))
    graph = b.graph(b.op("DIV", one, b.op("SQRT", b.input((2, 1)))))
    assert len(check(graph, *BOTH, low=0.1).ops) == expected


def test_golden() -> None:
    cases = {}
    for title, shape, axes in (
        ("layer normalization", (1, 3, 4), [-1]),
        ("group normalization", (1, 3, 3, 2, 4), [1, 2, 4]),
    ):
        b = Builder()
        inner = (*(1,) * (len(shape) - 1), 4)
        made = written_out(b, b.input(shape), axes, "neg", b.weights(*inner), b.weights(*inner))
        cases[title] = b.graph(made["y"])
    golden("normalization", cases, *BOTH)
