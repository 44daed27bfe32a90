"""Dense layers, reductions and one-pixel convolutions take the RESHAPE beside them in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph
from litesmith.rewrite import apply
from litesmith.rewrite.absorbed_reshapes import ABSORBED_RESHAPES
from tests.support.graphs import RELU, SAME, VALID, Builder, const
from tests.support.rewriting import check, golden, kinds


@st.composite
def dense(draw: st.DrawFn) -> Graph:
    """RESHAPE → FULLY_CONNECTED → RESHAPE in random shapes."""
    b = Builder(draw(st.integers(0, 9)))
    shape = draw(st.sampled_from([(1, 12), (2, 6), (1, 3, 4), (2, 3, 4), (1, 2, 3, 2)]))
    x = b.op("TANH", b.input(shape))
    size = 1
    for d in shape:
        size *= d
    if draw(st.booleans()):
        into = draw(st.sampled_from([d for d in (2, 4, 6, 12) if size % d == 0]))
        x = b.op("RESHAPE", x, const([size // into, into]))
    keep = draw(st.booleans())
    fused = draw(st.sampled_from([0, RELU]))
    more = {"keep_num_dims": keep, "fused_activation_function": fused}
    y = b.op("FULLY_CONNECTED", x, b.weights(5, x.shape[-1]), b.weights(5), **more)
    rows = 1
    for d in y.shape[:-1]:
        rows *= d
    forms = [[rows, 5], [1, rows, 5], [*shape[:-1], 5], [rows * 5]]
    fitting = [f for f in forms if _size(f) == rows * 5]
    z = b.op("RESHAPE", y, const(draw(st.sampled_from(fitting))))
    return b.graph(z, *([y] if draw(st.booleans()) and draw(st.booleans()) else []))


def _size(shape: list[int]) -> int:
    size = 1
    for d in shape:
        size *= d
    return size


@settings(max_examples=80, deadline=None)
@given(dense())
def test_random_dense_layers(graph: Graph) -> None:
    check(graph, ABSORBED_RESHAPES)


@st.composite
def pools(draw: st.DrawFn) -> Graph:
    """RESHAPE → reduction → RESHAPE that add and drop axes of size 1."""
    b = Builder(draw(st.integers(0, 9)))
    shapes = [(1, 1, 6, 4), (1, 6, 4), (6, 4), (6, 1, 4), (1, 6, 1, 4)]
    x = b.op("TANH", b.input(draw(st.sampled_from(shapes))))
    x = b.op("RESHAPE", x, const(list(draw(st.sampled_from(shapes)))))
    kind = draw(st.sampled_from(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]))
    axes = st.integers(-len(x.shape), len(x.shape) - 1)
    reduced = const(draw(st.lists(axes, min_size=1, max_size=3)))
    y = b.op(kind, x, reduced, keep_dims=draw(st.booleans()))
    left = [d for d in y.shape if d != 1]
    ends = [left or [1], [1, *left], [*left, 1], [1, 1, *left]]
    return b.graph(b.op("RESHAPE", y, const(draw(st.sampled_from(ends)))))


@settings(max_examples=80, deadline=None)
@given(pools())
def test_random_pools(graph: Graph) -> None:
    check(graph, ABSORBED_RESHAPES)


def test_flatten_before_dense() -> None:
    b = Builder()
    flat = b.op("RESHAPE", b.op("TANH", b.input((1, 2, 3, 2))), const([1, 12]))
    y = b.op("FULLY_CONNECTED", flat, b.weights(5, 12), b.weights(5))
    assert kinds(check(b.graph(y), ABSORBED_RESHAPES)) == {"TANH": 1, "FULLY_CONNECTED": 1}


def test_dense_on_higher_ranks() -> None:
    b = Builder()
    flat = b.op("RESHAPE", b.op("TANH", b.input((2, 3, 4))), const([6, 4]))
    y = b.op("FULLY_CONNECTED", flat, b.weights(5, 4), b.weights(5))
    z = b.op("RESHAPE", y, const([2, 3, 5]))
    after = check(b.graph(z), ABSORBED_RESHAPES)
    assert kinds(after) == {"TANH": 1, "FULLY_CONNECTED": 1}
    assert after.ops[-1].option("keep_num_dims")


def test_squeeze_and_excite() -> None:
    b = Builder()
    x = b.input((1, 4, 4, 3))
    y = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    y = b.op("FULLY_CONNECTED", y, b.weights(2, 3), b.weights(2))
    y = b.op("RESHAPE", y, const([1, 1, 1, 2]))
    y = b.op("FULLY_CONNECTED", y, b.weights(3, 2), b.weights(3), keep_num_dims=True)
    after = check(b.graph(b.op("MUL", x, y)), ABSORBED_RESHAPES)
    assert kinds(after) == {"MEAN": 1, "FULLY_CONNECTED": 2, "MUL": 1}


@pytest.mark.parametrize(
    "shape,kernel,padding,gone",
    [
        ((1, 1, 1, 4), (1, 1), SAME, True),
        ((3, 1, 1, 4), (1, 1), VALID, True),
        ((1, 2, 3, 4), (2, 3), VALID, True),
        ((1, 1, 1, 4), (3, 3), SAME, False),
        ((1, 2, 3, 4), (1, 3), VALID, False),
    ],
)
@pytest.mark.parametrize("fused", [0, RELU])
def test_convolution_over_everything(
    shape: tuple[int, ...], kernel: tuple[int, int], padding: int, gone: bool, fused: int
) -> None:
    b = Builder()
    more = {"stride_w": 1, "stride_h": 1, "padding": padding, "fused_activation_function": fused}
    w = b.weights(5, *kernel, shape[-1])
    y = b.op("CONV_2D", b.op("TANH", b.input(shape)), w, b.weights(5), **more)
    z = b.op("RESHAPE", y, const([y.shape[0], -1]))
    after = kinds(check(b.graph(z), ABSORBED_RESHAPES))
    assert after["FULLY_CONNECTED"] == int(gone)


def test_value_that_others_need_stays() -> None:
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.input((2, 3, 4)), b.weights(5, 4), b.weights(5))
    graph = b.graph(b.op("RESHAPE", y, const([2, 3, 5])), b.op("TANH", y))
    assert not apply(graph, (ABSORBED_RESHAPES,)).done


def test_golden() -> None:
    b, c = Builder(), Builder()
    flat = b.op("RESHAPE", b.input((1, 2, 3, 2)), const([1, 12]))
    pooled = c.op("RESHAPE", c.input((1, 1, 6, 2)), const([1, 6, 2]))
    cases = {
        "flatten and dense": b.graph(b.op("FULLY_CONNECTED", flat, b.weights(5, 12), None)),
        "pool of a sequence": c.graph(c.op("MEAN", pooled, const([1]), keep_dims=False)),
    }
    golden("absorbed_reshapes", cases, ABSORBED_RESHAPES)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "SQUARED_DIFFERENCE"])
def test_broadcasting_adds_leading_axes_itself(kind: str, first: bool) -> None:
    b = Builder()
    x = b.input((1, 6))
    y = b.op("EXP", b.input((1, 6)))
    flat = b.op("RESHAPE", y, const([6]), new_shape=(6,))
    pair = (flat, x) if first else (x, flat)
    after = check(b.graph(b.op(kind, *pair)), ABSORBED_RESHAPES)
    assert kinds(after) == {"EXP": 1, kind: 1}


def test_the_result_keeps_its_rank() -> None:
    b = Builder()
    x, y = b.input((6,)), b.input((1, 6))
    flat = b.op("RESHAPE", y, const([6]), new_shape=(6,))
    graph = b.graph(b.op("ADD", x, flat))
    assert not apply(graph, (ABSORBED_RESHAPES,)).done


def test_axes_between_are_not_leading() -> None:
    b = Builder()
    x, y = b.input((2, 2, 3)), b.input((2, 1, 3))
    flat = b.op("RESHAPE", y, const([2, 3]), new_shape=(2, 3))
    graph = b.graph(b.op("ADD", x, flat))
    assert not apply(graph, (ABSORBED_RESHAPES,)).done
