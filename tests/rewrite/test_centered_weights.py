"""A linear op before a mean subtraction takes it in; others are left alone and say why."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.centered_weights import CENTERED_WEIGHTS
from tests.support.graphs import RELU, SAME, VALID, Builder, const
from tests.support.rewriting import check, declined, golden, kinds


def _centered(b: Builder, x: Tensor, axis: int = -1, keep: bool = True) -> Tensor:
    m = b.op("MEAN", x, const([axis]), keep_dims=keep)
    return b.op("SUB", x, m)


@st.composite
def linear(draw: st.DrawFn) -> tuple[Graph, bool]:
    """A linear op, its mean subtracted; True when the rule applies."""
    b = Builder(draw(st.integers(0, 9)))
    out = draw(st.integers(1, 6))
    fused = draw(st.sampled_from([0, 0, 0, RELU]))
    bias = b.weights(out) if draw(st.booleans()) else None
    if draw(st.booleans()):
        x = b.input(draw(st.sampled_from([(1, 5), (3, 5), (1, 2, 5), (2, 3, 4, 5)])))
        keep = draw(st.booleans())
        more = {"keep_num_dims": keep, "fused_activation_function": fused}
        y = b.op("FULLY_CONNECTED", x, b.weights(out, 5), bias, **more)
    else:
        x = b.input((draw(st.sampled_from([1, 2])), 6, 5, 3))
        w = b.weights(out, draw(st.sampled_from([1, 3])), 2, 3)
        stride = draw(st.integers(1, 2))
        padding = draw(st.sampled_from([SAME, VALID]))
        more = {"stride_w": stride, "stride_h": 1, "padding": padding}
        bias = b.weights(out) if bias is None else bias
        y = b.op("CONV_2D", x, w, bias, **more, fused_activation_function=fused)
    axis = draw(st.sampled_from([-1, -1, len(y.shape) - 1, 0]))
    d = _centered(b, y, axis)
    shared = draw(st.booleans()) and draw(st.booleans())
    exact = axis != 0 and not fused and not shared
    return b.graph(d, *([y] if shared else [])), exact


@settings(max_examples=60, deadline=None)
@given(linear())
def test_random_linear_ops(case: tuple[Graph, bool]) -> None:
    graph, applies = case
    after = check(graph, CENTERED_WEIGHTS)
    assert len(after.ops) == (1 if applies else len(graph.ops))


def test_weights_that_others_read_are_kept() -> None:
    b = Builder()
    x, w = b.input((1, 5)), b.weights(4, 5)
    d = _centered(b, b.op("FULLY_CONNECTED", x, w, None))
    other = b.op("FULLY_CONNECTED", b.op("TANH", x), w, None)
    after = check(b.graph(d, other), CENTERED_WEIGHTS)
    assert kinds(after) == {"FULLY_CONNECTED": 2, "TANH": 1}
    assert after.ops[-1].inputs[1] is w


def test_large_shared_weights_are_not_copied() -> None:
    b = Builder()
    x, w = b.input((1, 40)), b.weights(40, 40)
    d = _centered(b, b.op("FULLY_CONNECTED", x, w, None))
    graph = b.graph(d, b.op("FULLY_CONNECTED", b.op("TANH", x), w, None))
    assert "large and shared" in declined(graph, CENTERED_WEIGHTS)


def test_grouped_convolution_stays() -> None:
    b = Builder()
    y = b.op(
        "CONV_2D",
        b.input((1, 4, 4, 4)),
        b.weights(4, 1, 1, 2),
        b.weights(4),
        stride_w=1,
        stride_h=1,
    )
    assert "grouped" in declined(b.graph(_centered(b, y)), CENTERED_WEIGHTS)


def test_computed_weights_stay() -> None:
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.input((1, 5)), b.input((4, 5)), None)
    assert "computed" in declined(b.graph(_centered(b, y)), CENTERED_WEIGHTS)


@pytest.mark.parametrize("who", ["value", "mean"])
def test_values_that_others_need_stay(who: str) -> None:
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.input((1, 5)), b.weights(4, 5), None)
    m = b.op("MEAN", y, const([-1]), keep_dims=True)
    more = b.op("TANH", y if who == "value" else m)
    assert not apply(b.graph(b.op("SUB", y, m), more), (CENTERED_WEIGHTS,)).done


def test_golden() -> None:
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.input((1, 2)), b.weights(3, 2), b.weights(3))
    golden("centered_weights", {"dense": b.graph(_centered(b, y))}, CENTERED_WEIGHTS)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Graph, int]:
    """A residual stream of width 4 that is normalized before each branch; and how often."""
    b = Builder(draw(st.integers(0, 9)))
    z = b.input((1, 3, 5))
    x = b.op("FULLY_CONNECTED", z, b.weights(4, 5), b.weights(4), keep_num_dims=True)
    count = draw(st.integers(1, 4))
    for _ in range(count):
        branch = b.op("TANH", _centered(b, x))
        y = b.op("FULLY_CONNECTED", branch, b.weights(4, 4), None, keep_num_dims=True)
        step = draw(st.sampled_from(["add", "sub", "table", "constant", "move", "token", "both"]))
        if step == "move":
            flat = b.op("RESHAPE", b.op("ADD", x, y), const([1, x.shape[1], 1, 4]))
            turned = b.op("TRANSPOSE", flat, const([0, 2, 1, 3]))
            x = b.op("SQUEEZE", turned, squeeze_dims=[1])
            continue
        if step == "token":
            x = b.op("CONCATENATION", b.weights(1, 1, 4), b.op("ADD", x, y), axis=1)
            continue
        if step == "table":
            rows = b.op("GATHER", b.weights(9, 4), const([list(range(x.shape[1]))]), axis=0)
            y = b.op("ADD", y, rows)
        elif step == "constant":
            y = b.op("ADD", y, b.weights(*draw(st.sampled_from([(4,), (x.shape[1], 4)]))))
        pair = (y, x) if step == "both" else (x, y)
        x = b.op("SUB" if step in ("sub", "both") else "ADD", *pair)
    return b.graph(b.op("ABS", _centered(b, x))), count + 1


@settings(max_examples=60, deadline=None)
@given(streams())
def test_streams(case: tuple[Graph, int]) -> None:
    graph, normalizations = case
    after = check(graph, CENTERED_WEIGHTS)
    assert len(after.ops) == len(graph.ops) - 2 * normalizations


@pytest.mark.parametrize("what", ["output", "read", "scalar", "last axis", "input", "fused"])
def test_stream_that_something_else_needs_stays(what: str) -> None:
    b = Builder()
    z = b.input((1, 3, 5))
    x = b.op("FULLY_CONNECTED", z, b.weights(4, 5), None, keep_num_dims=True)
    branch = b.op("TANH", _centered(b, x))
    fused = {"fused_activation_function": RELU} if what == "fused" else {}
    y = b.op("FULLY_CONNECTED", branch, b.weights(4, 4), None, keep_num_dims=True, **fused)
    y = b.op("ADD", x, b.input((1, 3, 4)) if what == "input" else y)
    if what == "scalar":
        y = b.op("ADD", y, const(1.5))
    if what == "last axis":
        y = b.op("TRANSPOSE", y, const([0, 2, 1]))
    more = {"output": [y], "read": [b.op("EXP", y)]}.get(what, [])
    graph = b.graph(_centered(b, y), *more)
    assert not apply(graph, (CENTERED_WEIGHTS,)).done
