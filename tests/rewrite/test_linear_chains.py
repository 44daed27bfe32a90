"""Linear ops in a row are merged where that is less work, and mean the same at every border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.linear_chains import LINEAR_CHAINS
from litesmith.rewrite.padding import PADDING
from litesmith.rewrite.parallel_branches import PARALLEL_BRANCHES
from tests.support.graphs import RELU, RELU6, SAME, VALID, Builder, const, make, tensor
from tests.support.rewriting import check, declined, golden, kinds


def _conv(
    b: Builder,
    x: Tensor,
    outputs: int,
    kernel: tuple[int, int] = (1, 1),
    padding: int = VALID,
    stride: int = 1,
    deep: bool = False,
    bias: bool = True,
    **more: Any,
) -> Tensor:
    """A convolution; `outputs` counts results per channel when it is a depthwise one."""
    c = x.shape[3]
    options = {"padding": padding, "stride_h": stride, "stride_w": stride, **more}
    total = outputs * c if deep else outputs
    added = b.weights(total) if bias else const(np.zeros(total, np.float32))
    if deep:
        w = b.weights(1, *kernel, total)
        return b.op("DEPTHWISE_CONV_2D", x, w, added, depth_multiplier=outputs, **options)
    return b.op("CONV_2D", x, b.weights(total, *kernel, c), added, **options)


@st.composite
def convolutions(draw_: st.DrawFn) -> Graph:
    b = Builder(draw_(st.integers(0, 9)))
    sizes = st.integers(4, 8)
    x = b.input((draw_(st.integers(1, 2)), draw_(sizes), draw_(sizes), draw_(st.integers(1, 3))))
    made = []
    for _ in range(draw_(st.integers(2, 3))):
        small = draw_(st.integers(0, 2)) > 0
        kernel = (1, 1) if small else draw_(st.sampled_from([(2, 2), (3, 3), (1, 3), (3, 1)]))
        padding = draw_(st.sampled_from([SAME, VALID]))
        stride = draw_(st.sampled_from([1, 1, 1, 2]))
        dilation = draw_(st.sampled_from([1, 1, 2])) if stride == 1 else 1
        assume(padding == SAME or min(x.shape[1:3]) > 2 * dilation)
        deep = draw_(st.integers(0, 2)) == 0
        outputs = draw_(st.integers(1, 2 if deep else 4))
        x = _conv(
            b,
            x,
            outputs,
            kernel,
            padding,
            stride,
            deep,
            bias=draw_(st.booleans()),
            dilation_h_factor=dilation,
            dilation_w_factor=dilation,
            fused_activation_function=draw_(st.sampled_from([0, 0, 0, RELU])),
        )
        made.append(x)
    extra = draw_(st.lists(st.sampled_from(made), max_size=1))
    return b.graph(*dict.fromkeys([x, *extra]))


@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_random_convolutions(graph: Graph) -> None:
    check(graph, LINEAR_CHAINS)


@st.composite
def layers(draw_: st.DrawFn) -> Graph:
    b = Builder(draw_(st.integers(0, 9)))
    width = st.integers(1, 6)
    x = b.input(draw_(st.sampled_from([(1, 4), (3, 4), (2, 3, 4), (1, 2, 3, 4)])))
    made = []
    for _ in range(draw_(st.integers(2, 4))):
        units = draw_(width)
        bias = b.weights(units) if draw_(st.booleans()) else None
        keep = draw_(st.booleans())
        fused = draw_(st.sampled_from([0, 0, 0, RELU6]))
        x = b.op(
            "FULLY_CONNECTED",
            x,
            b.weights(units, x.shape[-1]),
            bias,
            keep_num_dims=keep,
            fused_activation_function=fused,
        )
        made.append(x)
    extra = draw_(st.lists(st.sampled_from(made), max_size=1))
    return b.graph(*dict.fromkeys([x, *extra]))


@settings(max_examples=100, deadline=None)
@given(layers())
def test_random_layers(graph: Graph) -> None:
    check(graph, LINEAR_CHAINS)


def test_dense() -> None:
    b = Builder()
    x = b.op("FULLY_CONNECTED", b.input((2, 8)), b.weights(16, 8), b.weights(16))
    x = b.op("FULLY_CONNECTED", x, b.weights(4, 16), b.weights(4), fused_activation_function=RELU)
    after = check(b.graph(x), LINEAR_CHAINS)
    assert kinds(after) == {"FULLY_CONNECTED": 1}
    assert after.ops[0].option("fused_activation_function") == RELU


def test_a_bottleneck_stays() -> None:
    b = Builder()
    x = b.op("FULLY_CONNECTED", b.input((2, 16)), b.weights(2, 16), b.weights(2))
    graph = b.graph(b.op("FULLY_CONNECTED", x, b.weights(16, 2), b.weights(16)))
    assert "multiply-adds" in declined(graph, LINEAR_CHAINS)
    b = Builder()
    x = _conv(b, b.input((1, 4, 4, 16)), 2)
    assert "multiply-adds" in declined(b.graph(_conv(b, x, 16)), LINEAR_CHAINS)


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("order", ["1×1 first", "1×1 last", "1×1 both"])
@pytest.mark.parametrize("bias", [True, False])
def test_convolutions(padding: int, order: str, bias: bool) -> None:
    b = Builder()
    x = b.input((1, 6, 6, 2))
    first = (1, 1) if order != "1×1 last" else (3, 3)
    second = (3, 3) if order == "1×1 first" else (1, 1)
    x = _conv(b, x, 9, first, padding, bias=bias)
    graph = b.graph(_conv(b, x, 2, second, padding))
    if order == "1×1 first" and padding == SAME and bias:
        assert "leak" in declined(graph, LINEAR_CHAINS)
    else:
        assert kinds(check(graph, LINEAR_CHAINS)) == {"CONV_2D": 1}


@pytest.mark.parametrize("stride", [(1, 2), (2, 1), (2, 2)])
def test_strides(stride: tuple[int, int]) -> None:
    b = Builder()
    x = _conv(b, b.input((1, 9, 9, 2)), 9, (2, 2), stride=stride[0])
    after = check(b.graph(_conv(b, x, 2, stride=stride[1])), LINEAR_CHAINS)
    assert kinds(after) == {"CONV_2D": 1}
    assert after.ops[0].option("stride_h") == stride[0] * stride[1]


def test_depthwise_stays_depthwise() -> None:
    b = Builder()
    x = _conv(b, b.input((1, 6, 6, 3)), 2, (1, 1), deep=True)
    after = check(b.graph(_conv(b, x, 2, (3, 3), deep=True)), LINEAR_CHAINS)
    assert kinds(after) == {"DEPTHWISE_CONV_2D": 1}
    assert after.ops[0].option("depth_multiplier") == 4


@pytest.mark.parametrize("deep_first", [True, False])
def test_depthwise_and_full(deep_first: bool) -> None:
    b = Builder()
    x = b.input((1, 6, 6, 3))
    if deep_first:
        x = _conv(b, _conv(b, x, 2, (1, 1), deep=True), 4, (3, 3))
    else:
        x = _conv(b, _conv(b, x, 4, (3, 3)), 1, (1, 1), deep=True)
    assert kinds(check(b.graph(x), LINEAR_CHAINS)) == {"CONV_2D": 1}


def test_separable_convolutions_stay_without_a_word() -> None:
    b = Builder()
    x = _conv(b, b.input((1, 6, 6, 8)), 1, (3, 3), deep=True)
    assert declined(b.graph(_conv(b, x, 8)), LINEAR_CHAINS) == ""


@pytest.mark.parametrize("why", ["activation", "output", "reader"])
def test_values_that_matter_stay(why: str) -> None:
    b = Builder()
    fused = RELU if why == "activation" else 0
    x = _conv(b, b.input((1, 6, 6, 2)), 4, fused_activation_function=fused)
    more = {"output": [x], "reader": [b.op("NEG", x)]}.get(why, [])
    graph = b.graph(_conv(b, x, 2), *more)
    assert not apply(graph, (LINEAR_CHAINS,)).done


def test_large_weights_of_others_are_not_stored_twice() -> None:
    b = Builder()
    w = b.weights(40, 1, 1, 40)
    bias = b.weights(40)
    options = {"padding": VALID, "stride_h": 1, "stride_w": 1}
    x = b.input((1, 2, 2, 40))
    y = b.op("CONV_2D", x, w, bias, **options)
    y = b.op("CONV_2D", y, b.weights(40, 1, 1, 40), bias, **options)
    graph = b.graph(y, b.op("NEG", b.op("CONV_2D", x, w, bias, **options)))
    assert "others read the weights" in declined(graph, LINEAR_CHAINS)


@pytest.mark.parametrize(
    "kernel,padding,gone", [(1, SAME, True), (3, VALID, True), (3, SAME, True)]
)
def test_open_sizes(kernel: int, padding: int, gone: bool) -> None:
    x = tensor("x", (1, 1, 1, 2), shape_signature=(-1, -1, -1, 2))
    y = tensor("y", (1, 1, 1, 9), shape_signature=(-1, -1, -1, 9))
    z = tensor("z", (1, 1, 1, 2), shape_signature=(-1, -1, -1, 2))
    b = Builder()
    w1, w2 = b.weights(9, kernel, kernel, 2), b.weights(2, 1, 1, 9)
    options = {"padding": padding, "stride_h": 1, "stride_w": 1}
    ops = (
        make("CONV_2D", (x, w1, b.weights(9)), (y,), **options),
        make("CONV_2D", (y, w2, b.weights(2)), (z,), **options),
    )
    outcome = apply(Graph((x,), (z,), ops), (LINEAR_CHAINS,))
    assert outcome.done is gone


def test_convolutions_of_unknown_rank_stay() -> None:
    x, y, z = (tensor(name, ()) for name in "xyz")
    b = Builder()
    options = {"padding": VALID, "stride_h": 1, "stride_w": 1}
    ops = tuple(
        make("CONV_2D", (v, b.weights(2, 1, 1, 2), b.weights(2)), (r,), **options)
        for v, r in ((x, y), (y, z))
    )
    assert not apply(Graph((x,), (z,), ops), (LINEAR_CHAINS, PARALLEL_BRANCHES, PADDING)).done


def test_golden() -> None:
    cases = {}
    b = Builder()
    x = b.op("FULLY_CONNECTED", b.input((1, 4)), b.weights(8, 4), b.weights(8))
    cases["dense"] = b.graph(b.op("FULLY_CONNECTED", x, b.weights(2, 8), b.weights(2)))
    b = Builder()
    x = _conv(b, b.input((1, 6, 6, 2)), 8, (3, 3), SAME)
    cases["convolutions"] = b.graph(_conv(b, x, 2, fused_activation_function=RELU))
    golden("linear_chains", cases, LINEAR_CHAINS)
