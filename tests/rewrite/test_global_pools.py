"""Averages over whole images become MEAN, and nothing else does."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph
from litesmith.quantize import Quantize
from litesmith.quantize.trials import Trials
from litesmith.rewrite import IntegerForms, apply
from litesmith.rewrite.global_pools import GLOBAL_POOLS
from tests.support.graphs import RELU, SAME, VALID, Builder, examples
from tests.support.rewriting import check, kinds


@st.composite
def pooled(draw: st.DrawFn) -> tuple[Graph, bool]:
    """An average; True when it is over the whole image."""
    b = Builder(draw(st.integers(0, 9)))
    size = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    x = b.input((draw(st.sampled_from([1, 2])), *size, 4))
    window = draw(st.sampled_from([size, (1, 2)]))
    stride = draw(st.sampled_from([1, 5]))
    padding, fused = draw(st.sampled_from([SAME, VALID])), draw(st.sampled_from([0, 0, RELU]))
    y = b.op(
        "AVERAGE_POOL_2D",
        x,
        filter_height=window[0],
        filter_width=window[1],
        stride_h=stride,
        stride_w=stride,
        padding=padding,
        fused_activation_function=fused,
    )
    return b.graph(y), window == size and not fused and (padding == VALID or stride == 5)


@settings(max_examples=60, deadline=None)
@given(pooled())
def test_random_pools(case: tuple[Graph, bool]) -> None:
    graph, whole = case
    assert kinds(check(graph, GLOBAL_POOLS))["MEAN"] == whole


def test_averages_keep_their_digits() -> None:
    """Single places are sixty times larger than what their average moves."""
    b = Builder(0)
    x = b.input((1, 8, 8, 6))
    y = b.op("AVERAGE_POOL_2D", x, filter_height=8, filter_width=8, stride_h=8, stride_w=8)
    out = b.op("FULLY_CONNECTED", y, b.weights(3, 6), b.weights(3))
    graph = b.graph(out)
    data = np.random.default_rng(1).normal(0, 1, (64, 8, 8, 6)).astype(np.float32)
    changed = apply(graph, (GLOBAL_POOLS,)).graph
    trials = Trials(graph, [(row,) for row in data])
    before, after = (
        trials.error(Quantize("int8")(g, examples(g, [data])).graph) for g in (graph, changed)
    )
    assert after < before / 4
    assert kinds(IntegerForms()(graph).graph)["MEAN"] == 1
