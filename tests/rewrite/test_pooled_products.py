"""1x1 convolutions and pools change places where that is exact and worth it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph
from litesmith.rewrite import apply
from litesmith.rewrite.pooled_products import POOLED_PRODUCTS
from tests.support.graphs import RELU, SAME, VALID, Builder
from tests.support.rewriting import check, declined, golden, kinds


def _strides(stride: int, other: int | None = None) -> dict[str, int]:
    return {"stride_w": stride, "stride_h": stride if other is None else other}


@st.composite
def pooled(draw: st.DrawFn) -> tuple[Graph, bool]:
    """A convolution whose result is averaged; True when they change places."""
    b = Builder(draw(st.integers(0, 9)))
    x = b.input((draw(st.sampled_from([1, 2])), draw(st.integers(4, 7)), 6, 4))
    size, stride = draw(st.sampled_from([1, 1, 1, 2])), draw(st.sampled_from([1, 1, 1, 2]))
    channels = draw(st.sampled_from([4, 4, 2]))  # grouped convolutions too
    fused = draw(st.sampled_from([0, 0, RELU]))
    w, bias = b.weights(6, size, size, channels), b.weights(6)
    y = b.op("CONV_2D", x, w, bias, **_strides(stride), fused_activation_function=fused)
    step = draw(st.sampled_from([1, 2, 3]))
    window = {"filter_width": 2, "filter_height": draw(st.sampled_from([2, 3]))}
    padding = draw(st.sampled_from([SAME, VALID]))
    more = {"padding": padding, "fused_activation_function": draw(st.sampled_from([0, RELU]))}
    z = b.op("AVERAGE_POOL_2D", y, **window, **_strides(step), **more)
    shared = draw(st.sampled_from([False, False, True]))
    fewer = z.shape[1] * z.shape[2] < x.shape[1] * x.shape[2]
    exact = size == 1 and stride == 1 and not fused and not shared and fewer
    return b.graph(z, *([y] if shared else [])), exact


@settings(max_examples=80, deadline=None)
@given(pooled())
def test_random_pooled_convolutions(case: tuple[Graph, bool]) -> None:
    graph, exact = case
    after = check(graph, POOLED_PRODUCTS)
    assert len(after.ops) == len(graph.ops)
    assert (after.ops[-1].kind == "CONV_2D") is exact


@st.composite
def picked(draw: st.DrawFn) -> tuple[Graph, bool]:
    """Convolutions of every n-th element; True when all of them take the strides over."""
    b = Builder(draw(st.integers(0, 9)))
    x = b.input((1, draw(st.integers(4, 7)), draw(st.integers(4, 7)), 4))
    kind = draw(st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
    padding = draw(st.sampled_from([SAME, VALID]))
    one = {"filter_width": 1, "filter_height": 1, "padding": padding}
    fused = draw(st.sampled_from([0, 0, 0, RELU]))
    steps = _strides(2, draw(st.sampled_from([1, 2, 3])))
    y = b.op(kind, x, **one, **steps, fused_activation_function=fused)
    outputs, exact = [], not fused
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.sampled_from([1, 1, 1, 2]))
        exact = exact and size == 1
        w, padding = b.weights(3, size, size, 4), draw(st.sampled_from([SAME, VALID]))
        more = {**_strides(draw(st.sampled_from([1, 2]))), "padding": padding}
        outputs.append(b.op("CONV_2D", y, w, b.weights(3), **more))
    if draw(st.sampled_from([False, False, True])):
        outputs.append(y)
        exact = False
    return b.graph(*outputs), exact


@settings(max_examples=80, deadline=None)
@given(picked())
def test_random_pools_of_one_element(case: tuple[Graph, bool]) -> None:
    graph, exact = case
    after = check(graph, POOLED_PRODUCTS)
    assert len(after.ops) == len(graph.ops) - exact


@pytest.mark.parametrize("what", ["activation", "reader"])
def test_says_why(what: str) -> None:
    b = Builder()
    x = b.input((1, 4, 4, 4))
    if what == "reader":
        y = b.op("MAX_POOL_2D", x, filter_width=1, filter_height=1, **_strides(2))
        assert "not only 1x1" in declined(b.graph(b.op("TANH", y)), POOLED_PRODUCTS)
        return
    fused = {"fused_activation_function": RELU}
    y = b.op("CONV_2D", x, b.weights(3, 1, 1, 4), b.weights(3), **_strides(1), **fused)
    z = b.op("AVERAGE_POOL_2D", y, filter_width=2, filter_height=2, **_strides(2))
    assert "activation" in declined(b.graph(z), POOLED_PRODUCTS)


def test_pool_that_leaves_as_many_positions_stays() -> None:
    b = Builder()
    w = b.weights(3, 1, 1, 4)
    y = b.op("CONV_2D", b.input((1, 4, 4, 4)), w, b.weights(3), **_strides(1))
    z = b.op("AVERAGE_POOL_2D", y, filter_width=3, filter_height=3, **_strides(1), padding=SAME)
    assert not apply(b.graph(z), (POOLED_PRODUCTS,)).done


def test_golden() -> None:
    b = Builder()
    w, bias = b.weights(2, 1, 1, 2), b.weights(2)
    y = b.op("CONV_2D", b.input((1, 4, 4, 2)), w, bias, **_strides(1))
    transition = b.graph(b.op("AVERAGE_POOL_2D", y, filter_width=2, filter_height=2, **_strides(2)))
    b = Builder()
    y = b.op(
        "AVERAGE_POOL_2D", b.input((1, 4, 4, 2)), filter_width=1, filter_height=1, **_strides(2)
    )
    picked_graph = b.graph(b.op("CONV_2D", y, b.weights(1, 1, 1, 2), b.weights(1), **_strides(1)))
    cases = {"transition": transition, "pool of one element": picked_graph}
    golden("pooled_products", cases, POOLED_PRODUCTS)
    assert kinds(apply(picked_graph, (POOLED_PRODUCTS,)).graph) == {"CONV_2D": 1}
