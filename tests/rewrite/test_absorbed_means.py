"""The mean that a normalization subtracts goes into the next weights, and back for integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import FAMILIES, INTEGER_FAMILIES, apply
from litesmith.rewrite.absorbed_means import ABSORBED_MEANS, RESTORED_MEANS
from tests.support.graphs import RELU, SAME, VALID, Builder, const
from tests.support.rewriting import check, declined, golden, kinds

_EPSILON = const(np.float32(1e-3))


def normalized(b: Builder, x: Tensor, square: str = "MUL", turned: bool = False) -> dict[str, Any]:
    """x minus its mean over the channels, divided by its deviation; every value by name."""
    over = const([-1])
    m = b.op("MEAN", x, over, keep_dims=True)
    d = b.op("SUB", x, m)
    squared = b.op("MUL", d, d) if square == "MUL" else b.op("SQUARE", d)
    r = b.op("RSQRT", b.op("ADD", b.op("MEAN", squared, over, keep_dims=True), _EPSILON))
    return {"m": m, "d": d, "r": r, "y": b.op("MUL", *((r, d) if turned else (d, r)))}


def spatial(b: Builder, size: tuple[int, ...] = (1, 4, 5, 6)) -> Tensor:
    """What a depthwise convolution makes of an input."""
    x, c = b.input(size), size[-1]
    more = {"stride_w": 1, "stride_h": 1, "depth_multiplier": 1}
    return b.op("DEPTHWISE_CONV_2D", x, b.weights(1, 3, 3, c), b.weights(c), **more)


def dense(b: Builder, y: Tensor, out: int = 3) -> Tensor:
    return b.op("FULLY_CONNECTED", y, b.weights(out, y.shape[-1]), None, keep_num_dims=True)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Graph, bool]:
    """A normalization between linear ops; True when the rule applies."""
    b = Builder(draw(st.integers(0, 9)))
    x = spatial(b, (draw(st.sampled_from([1, 2])), 4, 5, 6))
    if draw(st.booleans()):
        x = b.op("ADD", x, draw(st.sampled_from([b.weights(6), const(0.5)])))
    if draw(st.booleans()):
        x = b.op("ADD", x, dense(b, b.op("TANH", x), 6))
    made = normalized(b, x, draw(st.sampled_from(["MUL", "SQUARE"])), draw(st.booleans()))
    y = made["y"]
    outputs = []
    for _ in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            outputs.append(dense(b, y))
            continue
        padding, stride = draw(st.sampled_from([SAME, VALID])), draw(st.sampled_from([1, 2]))
        w, bias = b.weights(2, 2, 2, 6), b.weights(2)
        more = {"padding": padding, "stride_w": stride, "stride_h": 1}
        outputs.append(b.op("CONV_2D", y, w, bias, **more, fused_activation_function=RELU))
    spoiled = draw(st.sampled_from(["no", "no", "no", "d", "y", "tanh"]))
    if spoiled == "tanh":
        outputs.append(b.op("TANH", y))
    elif spoiled != "no":
        outputs.append(made[spoiled])
    return b.graph(*outputs), spoiled == "no"


@settings(max_examples=60, deadline=None)
@given(cases())
def test_random_normalizations(case: tuple[Graph, bool]) -> None:
    graph, applies = case
    after = check(graph, ABSORBED_MEANS)
    assert len(after.ops) == len(graph.ops) - applies
    assert kinds(after)["SUB"] == (not applies)


@settings(max_examples=30, deadline=None)
@given(cases())
def test_integers_get_the_difference_back(case: tuple[Graph, bool]) -> None:
    graph, _ = case
    short = apply(graph, (ABSORBED_MEANS,)).graph
    long = apply(short, (RESTORED_MEANS,)).graph
    assert len(long.ops) == len(graph.ops)
    assert (kinds(long)["SUB"], kinds(long)["SQUARED_DIFFERENCE"]) == (1, 0)


def test_other_weights_are_no_place_for_a_mean() -> None:
    b = Builder()
    x = spatial(b)
    m = b.op("MEAN", x, const([-1]), keep_dims=True)
    r = b.op("RSQRT", b.op("ADD", b.op("SQUARED_DIFFERENCE", x, m), _EPSILON))
    r = b.op("MEAN", r, const([-1]), keep_dims=True)
    graph = b.graph(dense(b, b.op("MUL", x, r)))
    assert not apply(graph, (RESTORED_MEANS,)).done


@pytest.mark.parametrize("what", ["input", "alike", "bias", "activation"])
def test_values_whose_mean_may_dwarf_their_differences_stay(what: str) -> None:
    b = Builder()
    x = b.input((1, 4, 4, 6))
    if what != "input":
        weights = (
            b.weights(1, 3, 3, 6)
            if what != "alike"
            else const(np.full((1, 3, 3, 6), 1 / 9, np.float32))
        )
        bias = const(np.arange(100, 106, dtype=np.float32)) if what == "bias" else b.weights(6)
        fused = RELU if what == "activation" else 0
        more = {"stride_w": 1, "stride_h": 1, "depth_multiplier": 1}
        x = b.op("DEPTHWISE_CONV_2D", x, weights, bias, **more, fused_activation_function=fused)
    graph = b.graph(dense(b, normalized(b, x)["y"]))
    assert "much larger" in declined(graph, ABSORBED_MEANS)


def test_large_shared_weights_are_not_copied() -> None:
    b = Builder()
    w = b.weights(40, 40)
    y = normalized(b, spatial(b, (1, 4, 5, 40)))["y"]
    z = b.op("FULLY_CONNECTED", y, w, None, keep_num_dims=True)
    graph = b.graph(z, b.op("FULLY_CONNECTED", b.input((1, 40)), w, None, keep_num_dims=True))
    assert "large and shared" in declined(graph, ABSORBED_MEANS)


def test_whole_way_to_integers() -> None:
    """No op that int8 has no kernel for, and the small difference where it was."""
    b = Builder()
    graph = b.graph(dense(b, normalized(b, spatial(b))["y"]))
    short = check(graph, *FAMILIES)
    assert kinds(short)["SQUARED_DIFFERENCE"] == 1
    assert kinds(apply(short, INTEGER_FAMILIES).graph)["SUB"] == 1


def test_golden() -> None:
    b = Builder()
    y = normalized(b, spatial(b, (1, 2, 2, 3)))["y"]
    golden("absorbed_means", {"normalization": b.graph(dense(b, y, 2))}, ABSORBED_MEANS)
