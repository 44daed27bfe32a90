"""Branches of one value become one op wherever that reads and adds up the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.graph.edit import substitute
from litesmith.rewrite import apply
from litesmith.rewrite.parallel_branches import PARALLEL_BRANCHES
from tests.support.graphs import RELU, SAME, VALID, Builder, const, make, tensor
from tests.support.rewriting import check, declined, golden, kinds, same


def _conv(
    b: Builder,
    x: Tensor,
    kernel: tuple[int, int] = (1, 1),
    padding: int = SAME,
    stride: int = 1,
    deep: bool = False,
    outputs: int = 0,
    **more: Any,
) -> Tensor:
    c = x.shape[3]
    options = {"padding": padding, "stride_h": stride, "stride_w": stride, **more}
    if deep:
        w = b.weights(1, *kernel, c)
        return b.op("DEPTHWISE_CONV_2D", x, w, b.weights(c), depth_multiplier=1, **options)
    n = outputs or c
    return b.op("CONV_2D", x, b.weights(n, *kernel, c), b.weights(n), **options)


def _dense(b: Builder, x: Tensor, units: int, bias: bool = True, **more: Any) -> Tensor:
    w, added = b.weights(units, x.shape[-1]), b.weights(units) if bias else None
    return b.op("FULLY_CONNECTED", x, w, added, keep_num_dims=True, **more)


@st.composite
def sums(draw_: st.DrawFn) -> Graph:
    """Branches of up to two values, added and subtracted in some order."""
    b = Builder(draw_(st.integers(0, 9)))
    size = draw_(st.integers(4, 7))
    shape = (draw_(st.integers(1, 2)), size, size, draw_(st.integers(1, 3)))
    inputs = [b.input(shape), b.input(shape)]
    terms = []
    for _ in range(draw_(st.integers(2, 5))):
        x = inputs[draw_(st.sampled_from([0, 0, 0, 1]))]
        kind = draw_(st.sampled_from(["conv", "conv", "deep", "pad", "x", "scale", "shift"]))
        kernel = draw_(st.sampled_from([(1, 1), (3, 3), (1, 3), (3, 1), (2, 2)]))
        if kind in ("conv", "deep"):
            d = draw_(st.sampled_from([1, 1, 2]))
            more = {"dilation_h_factor": d, "dilation_w_factor": d}
            fused = draw_(st.sampled_from([0, 0, 0, RELU]))
            deep = kind == "deep"
            terms.append(_conv(b, x, kernel, deep=deep, fused_activation_function=fused, **more))
        elif kind == "pad":
            p = b.op("PAD", x, const([[0, 0], [1, 1], [1, 1], [0, 0]]))
            terms.append(_conv(b, p, (3, 3), VALID))
        elif kind == "x":
            terms.append(x)
        elif kind == "scale":
            terms.append(b.op("MUL", x, b.weights(*draw_(st.sampled_from([(), (shape[3],)])))))
        else:
            terms.append(b.weights(shape[3]))
    total = terms[0]
    made = []
    for i, term in enumerate(terms[1:]):
        if total.is_constant and term.is_constant:
            continue
        op = draw_(st.sampled_from(["ADD", "ADD", "SUB"]))
        pair = (total, term) if draw_(st.booleans()) else (term, total)
        fused = draw_(st.sampled_from([0, 0, RELU])) if i == len(terms) - 2 else 0
        total = b.op(op, *pair, fused_activation_function=fused)
        made.append(total)
    if not made:
        total = b.op("NEG", inputs[0])
    extra = draw_(st.lists(st.sampled_from(made), max_size=1)) if made else []
    return b.graph(*dict.fromkeys([b.op("TANH", total), *extra]))


@settings(max_examples=200, deadline=None)
@given(sums())
def test_random_sums(graph: Graph) -> None:
    check(graph, PARALLEL_BRANCHES)


@st.composite
def joins(draw_: st.DrawFn) -> Graph:
    b = Builder(draw_(st.integers(0, 9)))
    inputs = [b.input((2, 4, 4, 2)), b.input((2, 4, 4, 2))]
    parts = []
    for _ in range(draw_(st.integers(1, 5))):
        x = inputs[draw_(st.sampled_from([0, 0, 0, 1]))]
        kind = draw_(st.sampled_from(["conv", "conv", "dense", "x"]))
        fused = draw_(st.sampled_from([0, 0, RELU]))
        if kind == "conv":
            kernel = draw_(st.sampled_from([(1, 1), (1, 1), (3, 3)]))
            n = draw_(st.integers(1, 3))
            parts.append(_conv(b, x, kernel, outputs=n, fused_activation_function=fused))
        elif kind == "dense":
            units, bias = draw_(st.integers(1, 3)), draw_(st.booleans())
            parts.append(_dense(b, x, units, bias, fused_activation_function=fused))
        else:
            parts.append(x)
    axis = draw_(st.sampled_from([3, -1]))
    made = [p for p in parts if p not in inputs]
    extra = draw_(st.lists(st.sampled_from(made), max_size=1)) if made else []
    return b.graph(*dict.fromkeys([b.op("CONCATENATION", *parts, axis=axis), *extra]))


@settings(max_examples=120, deadline=None)
@given(joins())
def test_random_joins(graph: Graph) -> None:
    check(graph, PARALLEL_BRANCHES)


def _sum(b: Builder, *terms: Tensor, **last: Any) -> Tensor:
    total = terms[0]
    for i, term in enumerate(terms[1:]):
        more = last if i == len(terms) - 2 else {}
        total = b.op("ADD", total, term, **more)
    return total


def test_a_block_of_three_branches() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 4))
    identity = b.op("ADD", b.op("MUL", x, b.weights(4)), b.weights(4))
    y = _sum(b, _conv(b, x, (3, 3)), _conv(b, x), identity, fused_activation_function=RELU)
    after = check(b.graph(y), PARALLEL_BRANCHES)
    assert kinds(after) == {"CONV_2D": 1}
    assert after.ops[0].option("fused_activation_function") == RELU


def test_narrow_kernels_in_any_order() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 4))
    y = _sum(b, _conv(b, x, (1, 3)), _conv(b, x, (3, 1)), _conv(b, x, (3, 3)))
    assert kinds(check(b.graph(y), PARALLEL_BRANCHES)) == {"CONV_2D": 1}


def test_narrow_kernels_alone_cost_less() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 4))
    graph = b.graph(_sum(b, _conv(b, x, (1, 3)), _conv(b, x, (3, 1))))
    assert "multiply-adds" in declined(graph, PARALLEL_BRANCHES)


@pytest.mark.parametrize("size", [6, 7])
def test_strided_branches(size: int) -> None:
    b = Builder()
    x = b.input((1, size, size, 4))
    y = _sum(b, _conv(b, x, (3, 3), stride=2), _conv(b, x, stride=2))
    assert kinds(check(b.graph(y), PARALLEL_BRANCHES)) == {"CONV_2D": 1}


def test_strided_branches_around_explicit_padding() -> None:
    b = Builder()
    x = b.input((1, 8, 8, 4))
    p = b.op("PAD", x, const([[0, 0], [1, 1], [1, 1], [0, 0]]))
    y = _sum(b, _conv(b, p, (3, 3), VALID, 2), _conv(b, x, (1, 1), VALID, 2))
    assert kinds(check(b.graph(y), PARALLEL_BRANCHES)) == {"PAD": 1, "CONV_2D": 1}


def test_depthwise_branches_stay_depthwise() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 4))
    y = _sum(b, _conv(b, x, (5, 5), deep=True), _conv(b, x, (3, 3), deep=True), x)
    assert kinds(check(b.graph(y), PARALLEL_BRANCHES)) == {"DEPTHWISE_CONV_2D": 1}


def test_other_terms_stay() -> None:
    b = Builder()
    x, z = b.input((1, 6, 6, 4)), b.input((1, 6, 6, 4))
    y = _sum(b, _conv(b, x, (3, 3)), z, _conv(b, x), b.weights(4), fused_activation_function=RELU)
    assert kinds(check(b.graph(y), PARALLEL_BRANCHES)) == {"CONV_2D": 1, "ADD": 1}


def test_dense_branches() -> None:
    b = Builder()
    x = b.input((2, 3, 4))
    y = _sum(b, _dense(b, x, 4), b.op("SUB", _dense(b, x, 4, bias=False), x))
    assert kinds(check(b.graph(y), PARALLEL_BRANCHES)) == {"FULLY_CONNECTED": 1}


@pytest.mark.parametrize("why", ["activation", "output", "strides", "inputs"])
def test_what_stays(why: str) -> None:
    b = Builder()
    x, z = b.input((1, 1, 1, 4)), b.input((1, 1, 1, 4))
    fused = RELU if why == "activation" else 0
    one = _conv(b, x, (3, 3), fused_activation_function=fused)
    two = _conv(b, z if why == "inputs" else x, stride=2 if why == "strides" else 1)
    graph = b.graph(_sum(b, one, two), *([one] if why == "output" else []))
    outcome = apply(graph, (PARALLEL_BRANCHES,))
    assert not outcome.done
    assert any("strides" in line for line in outcome.explain) is (why == "strides")


def test_joined_branches() -> None:
    b = Builder()
    x = b.input((1, 4, 4, 2))
    parts = [_conv(b, x, outputs=n, fused_activation_function=RELU) for n in (1, 2, 3)]
    after = check(b.graph(b.op("CONCATENATION", *parts, axis=3)), PARALLEL_BRANCHES)
    assert kinds(after) == {"CONV_2D": 1}


def test_neighbors_are_joined_among_others() -> None:
    b = Builder()
    x = b.input((1, 4, 4, 2))
    parts = [x, _conv(b, x), _conv(b, x), _conv(b, x, (3, 3)), _conv(b, x, (3, 3))]
    after = check(b.graph(b.op("CONCATENATION", *parts, axis=3)), PARALLEL_BRANCHES)
    assert kinds(after) == {"CONV_2D": 2, "CONCATENATION": 1}


@pytest.mark.parametrize("other", ["axis", "activation", "kernel"])
def test_unlike_branches_are_not_joined(other: str) -> None:
    b = Builder()
    x = b.input((1, 4, 4, 2))
    fused = RELU if other == "activation" else 0
    second = _conv(b, x, (3, 3) if other == "kernel" else (1, 1), fused_activation_function=fused)
    axis = 1 if other == "axis" else 3
    graph = b.graph(b.op("CONCATENATION", _conv(b, x), second, axis=axis))
    assert not apply(graph, (PARALLEL_BRANCHES,)).done


@pytest.mark.parametrize("how", ["summed", "joined"])
def test_large_weights_of_others_are_not_stored_twice(how: str) -> None:
    b = Builder()
    x = b.input((1, 2, 2, 40))
    w, bias = b.weights(40, 1, 1, 40), b.weights(40)
    options = {"padding": VALID, "stride_h": 1, "stride_w": 1}
    one, two = _conv(b, x), b.op("CONV_2D", x, w, bias, **options)
    both = _sum(b, one, two) if how == "summed" else b.op("CONCATENATION", one, two, axis=3)
    other = b.op("CONV_2D", b.op("NEG", x), w, bias, **options)
    assert "others read" in declined(b.graph(both, other), PARALLEL_BRANCHES)


def test_open_sizes() -> None:
    x = tensor("x", (1, 1, 1, 2), shape_signature=(-1, -1, -1, 2))
    y, z, s = (x.with_(name=n) for n in "yzs")
    b = Builder()
    options = {"padding": SAME, "stride_h": 1, "stride_w": 1}
    ops = (
        make("CONV_2D", (x, b.weights(2, 3, 3, 2), b.weights(2)), (y,), **options),
        make("CONV_2D", (x, b.weights(2, 1, 1, 2), b.weights(2)), (z,), **options),
        make("ADD", (y, z), (s,)),
    )
    after = apply(Graph((x,), (s,), ops), (PARALLEL_BRANCHES,)).graph
    assert kinds(after) == {"CONV_2D": 1}
    fixed = tensor("x", (2, 5, 4, 2))
    swap = {x: fixed, s: fixed.with_(name="s")}
    before = substitute(Graph((x,), (s,), ops), {**swap, y: fixed.with_(), z: fixed.with_()})
    same(before, substitute(after, swap))


def test_golden() -> None:
    cases = {}
    b = Builder()
    x = b.input((1, 6, 6, 2))
    cases["three branches"] = b.graph(
        _sum(b, _conv(b, x, (3, 3)), _conv(b, x), x, fused_activation_function=RELU)
    )
    b = Builder()
    x = b.input((1, 4, 4, 2))
    join = b.op("CONCATENATION", _conv(b, x, outputs=1), _conv(b, x, outputs=3), axis=3)
    cases["joined"] = b.graph(join)
    golden("parallel_branches", cases, PARALLEL_BRANCHES)


def test_zero_terms_do_not_matter() -> None:
    b = Builder()
    x = b.input((1, 3, 3, 2))
    graph = b.graph(b.op("ADD", x, const(np.zeros(2, np.float32))))
    assert not apply(graph, (PARALLEL_BRANCHES,)).done
