"""Clamps move into their producers; what the graph computes stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.activations import ACTIVATIONS
from tests.support.graphs import RELU, RELU6, RELU_N1_TO_1, SAME, VALID, Builder, const
from tests.support.rewriting import check, declined, golden, kinds

_CODES = {"RELU": RELU, "RELU6": RELU6, "RELU_N1_TO_1": RELU_N1_TO_1}
_SQUARE = {"stride_w": 1, "stride_h": 1, "padding": SAME}
_POOL = {**_SQUARE, "filter_width": 2, "filter_height": 2}


def _limit(value: float) -> Tensor:
    return const(np.float32(value))


def _produce(b: Builder, kind: str, x: Tensor, fused: int = 0) -> Tensor:
    c = x.shape[-1]
    option = {"fused_activation_function": fused}
    if kind == "CONV_2D":
        return b.op(kind, x, b.weights(c, 3, 3, c), b.weights(c), **_SQUARE, **option)
    if kind == "DEPTHWISE_CONV_2D":
        more = {**_SQUARE, **option, "depth_multiplier": 1}
        return b.op(kind, x, b.weights(1, 3, 3, c), b.weights(c), **more)
    if kind == "FULLY_CONNECTED":
        more = {**option, "keep_num_dims": True}
        return b.op(kind, x, b.weights(c, c), b.weights(c), **more)
    if kind == "TRANSPOSE_CONV":
        more = {**_SQUARE, "dtype": DType.FLOAT32, "version": 3}
        return b.op(kind, const(list(x.shape)), b.weights(c, 3, 3, c), x, b.weights(c), **more)
    if kind.endswith("POOL_2D"):
        return b.op(kind, x, **_POOL, **option)
    if kind == "CONCATENATION":
        return b.op(kind, _produce(b, "CONV_2D", x), b.op("MUL", x, _limit(2)), axis=3)
    return b.op(kind, x, b.op("MUL", x, x), **option)


_FUSE = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "TRANSPOSE_CONV",
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
)
_MAKERS = (*_FUSE[:-3], *_FUSE[-2:], "CONCATENATION")


def _move(b: Builder, kind: str, x: Tensor) -> Tensor:
    n, h, w, c = x.shape
    pads = const([[0, 0], [1, 0], [0, 1], [0, 0]])
    forms = {
        "RESHAPE": lambda: b.op(
            kind, b.op(kind, x, const([-1]), new_shape=[-1]), const([n, h, w, c])
        ),
        "TRANSPOSE": lambda: b.op(kind, x, const([0, 2, 1, 3])),
        "PAD": lambda: b.op(kind, x, pads),
        "MIRROR_PAD": lambda: b.op(kind, x, pads, mode=0),
        "SLICE": lambda: b.op(kind, x, const([0, 1, 0, 0]), const([n, h - 1, w, c])),
        "MAX_POOL_2D": lambda: b.op(kind, x, **_POOL),
    }
    return forms[kind]()


_MOVES = ("RESHAPE", "TRANSPOSE", "PAD", "MIRROR_PAD", "SLICE", "MAX_POOL_2D")


def _apply_clamp(b: Builder, kind: str, x: Tensor, limit: float, swapped: bool) -> Tensor:
    if kind not in ("MINIMUM", "MAXIMUM"):
        return b.op(kind, x)
    pair = (_limit(limit), x) if swapped else (x, _limit(limit))
    return b.op(kind, *pair)


_CLAMPS = ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "MINIMUM", "MAXIMUM")


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    """Clamps among producers and moves, with shared tensors and several outputs."""
    b = Builder(draw_(st.integers(0, 9)))
    pool: list[Tensor] = [b.input((draw_(st.integers(1, 2)), 3, 4, 2))]
    for _ in range(draw_(st.integers(1, 7))):
        x = draw_(st.sampled_from(pool[-2:]))
        group = draw_(st.sampled_from((_MAKERS, _MOVES, _CLAMPS, _CLAMPS)))
        kind = draw_(st.sampled_from(group))
        if group is _MAKERS:
            fused = draw_(st.sampled_from([0, 0, RELU, RELU6, RELU_N1_TO_1]))
            pool.append(_produce(b, kind, x, fused))
        elif group is _MOVES:
            assume(x.shape[1] > 1)
            pool.append(_move(b, kind, x))
        else:
            limit = draw_(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 6.0]))
            pool.append(_apply_clamp(b, kind, x, limit, draw_(st.booleans())))
    extra = draw_(st.lists(st.sampled_from(pool[1:]), max_size=1))
    return b.graph(*dict.fromkeys([pool[-1], *extra]))


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_random_graphs(graph: Graph) -> None:
    check(graph, ACTIVATIONS, low=-4, high=4)


@pytest.mark.parametrize("clamp", _CODES)
def test_fused_into_three_dimensional_convolution(clamp: str) -> None:
    b = Builder()
    x, w = b.input((1, 3, 4, 4, 2)), b.weights(2, 2, 2, 2, 3)
    y = b.op("CONV_3D", x, w, b.weights(3), stride_d=1, **_SQUARE)
    assert kinds(check(b.graph(b.op(clamp, y)), ACTIVATIONS, low=-4, high=4)) == {"CONV_3D": 1}


@pytest.mark.parametrize("clamp", _CODES)
@pytest.mark.parametrize("kind", _FUSE)
def test_fused_into(kind: str, clamp: str) -> None:
    b = Builder()
    x = _produce(b, kind, b.input((1, 3, 4, 2)))
    count = len(b.ops)
    after = check(b.graph(b.op(clamp, x)), ACTIVATIONS, low=-9, high=9)
    assert len(after.ops) == count
    assert after.ops[-1].option("fused_activation_function") == _CODES[clamp]


@pytest.mark.parametrize(
    "chain,expected",
    [
        ([("RELU", 0), ("RELU6", 0)], {"RELU6": 1}),
        ([("RELU6", 0), ("RELU", 0)], {"RELU6": 1}),
        ([("RELU6", 0), ("RELU_N1_TO_1", 0)], {"RELU_0_TO_1": 1}),
        ([("MAXIMUM", 0.0), ("MINIMUM", 6.0)], {"RELU6": 1}),
        ([("MINIMUM", 6.0), ("MAXIMUM", 0.0)], {"RELU6": 1}),
        ([("MINIMUM", 1.0), ("MAXIMUM", -1.0)], {"RELU_N1_TO_1": 1}),
        ([("MINIMUM", 1.0), ("MAXIMUM", 0.0)], {"RELU_0_TO_1": 1}),
        ([("MINIMUM", 3.0), ("MAXIMUM", 0.5)], {"MINIMUM": 1, "MAXIMUM": 1}),
        ([("MINIMUM", 3.0), ("MINIMUM", 0.5)], {"MINIMUM": 1}),
        ([("MAXIMUM", 3.0), ("MAXIMUM", 0.5)], {"MAXIMUM": 1}),
        ([("MAXIMUM", 0.0)], {"RELU": 1}),
        ([("RELU", 0), ("RELU", 0), ("RELU", 0)], {"RELU": 1}),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_clamps_of_an_input(
    chain: list[tuple[str, float]], expected: dict[str, int], swapped: bool
) -> None:
    b = Builder()
    x = b.input((1, 5))
    for kind, limit in chain:
        x = _apply_clamp(b, kind, x, limit, swapped)
    assert kinds(check(b.graph(x), ACTIVATIONS, low=-9, high=9)) == expected


@pytest.mark.parametrize(
    "clamps,expected,fused",
    [
        ([("RELU_0_TO_1", 0)], {"CONV_2D": 1, "MINIMUM": 1}, RELU),
        ([("MINIMUM", 1.0), ("MAXIMUM", 0.0)], {"CONV_2D": 1, "MINIMUM": 1}, RELU),
        ([("MINIMUM", 6.0), ("MAXIMUM", 0.0)], {"CONV_2D": 1}, RELU6),
        ([("MINIMUM", 3.0), ("MAXIMUM", 0.0)], {"CONV_2D": 1, "MINIMUM": 1}, RELU),
        ([("MAXIMUM", 0.0), ("MINIMUM", 3.0)], {"CONV_2D": 1, "MINIMUM": 1}, RELU),
        ([("RELU6", 0), ("RELU", 0)], {"CONV_2D": 1}, RELU6),
        ([("RELU", 0), ("RELU_N1_TO_1", 0)], {"CONV_2D": 1, "RELU_N1_TO_1": 1}, RELU),
    ],
)
def test_clamps_of_a_convolution(
    clamps: list[tuple[str, float]], expected: dict[str, int], fused: int
) -> None:
    b = Builder()
    x = _produce(b, "CONV_2D", b.input((1, 3, 4, 2)))
    for kind, limit in clamps:
        x = _apply_clamp(b, kind, x, limit, False)
    after = check(b.graph(x), ACTIVATIONS, low=-4, high=4)
    assert kinds(after) == expected
    assert after.ops[0].option("fused_activation_function") == fused


@pytest.mark.parametrize("kind", _MOVES)
def test_through_moves(kind: str) -> None:
    b = Builder()
    x = _produce(b, "CONV_2D", b.input((1, 3, 4, 2)))
    after = check(b.graph(b.op("RELU6", _move(b, kind, x))), ACTIVATIONS)
    assert "RELU6" not in kinds(after)


def test_not_through_padding_with_zeros_that_the_clamp_would_move() -> None:
    b = Builder()
    x = _move(b, "PAD", _produce(b, "CONV_2D", b.input((1, 3, 4, 2))))
    graph = b.graph(b.op("MAXIMUM", x, _limit(0.5)))
    assert declined(graph, ACTIVATIONS) == ""


def test_concatenation_of_producers() -> None:
    b = Builder()
    x = _produce(b, "CONCATENATION", b.input((1, 3, 4, 2)))
    after = check(b.graph(b.op("RELU", x)), ACTIVATIONS)
    assert kinds(after) == {"CONV_2D": 1, "MUL": 1, "CONCATENATION": 1}


@pytest.mark.parametrize(
    "kind,clamp",
    [
        ("LOGISTIC", "RELU6"),
        ("LOGISTIC", "RELU_0_TO_1"),
        ("TANH", "RELU_N1_TO_1"),
        ("SOFTMAX", "RELU"),
        ("EXP", "RELU"),
    ],
)
def test_clamps_that_do_nothing(kind: str, clamp: str) -> None:
    b = Builder()
    more = {"beta": 1.0} if kind == "SOFTMAX" else {}
    y = b.op(kind, b.input((1, 5)), **more)
    moved = b.op("RESHAPE", y, const([5]), new_shape=[5])
    assert kinds(check(b.graph(b.op(clamp, moved)), ACTIVATIONS)) == {kind: 1, "RESHAPE": 1}


@pytest.mark.parametrize("where", ["read by other ops", "an output"])
def test_values_that_others_need_stay(where: str) -> None:
    b = Builder()
    x = _produce(b, "CONV_2D", b.input((1, 3, 4, 2)))
    y = b.op("RELU", x)
    graph = b.graph(y, x) if where == "an output" else b.graph(y, b.op("NEG", x))
    assert where in declined(graph, ACTIVATIONS)


def test_a_shared_clamped_value_loses_its_second_clamp() -> None:
    b = Builder()
    y = b.op("RELU", _produce(b, "ADD", b.input((1, 3, 4, 2))))
    graph = b.graph(b.op("RELU", y), b.op("NEG", y))
    assert kinds(check(graph, ACTIVATIONS)) == {"MUL": 1, "ADD": 1, "NEG": 1}


def test_other_fused_functions_and_types_are_left_alone() -> None:
    b = Builder()
    x = b.input((1, 3), DType.INT32)
    graph = b.graph(b.op("MAXIMUM", x, const([[0]])))
    assert not apply(graph, (ACTIVATIONS,)).done


def test_a_limit_that_adds_dimensions_stays() -> None:
    b = Builder()
    graph = b.graph(b.op("MAXIMUM", b.input((3,)), const(np.zeros((1, 1, 1), np.float32))))
    assert not apply(graph, (ACTIVATIONS,)).done


def test_golden() -> None:
    cases = {}
    b = Builder()
    x = _move(b, "RESHAPE", _produce(b, "DEPTHWISE_CONV_2D", b.input((1, 3, 4, 2))))
    cases["clip after a reshaped convolution"] = b.graph(
        b.op("MINIMUM", b.op("MAXIMUM", x, _limit(0)), _limit(6))
    )
    b = Builder()
    pool = b.op("AVERAGE_POOL_2D", b.input((1, 4, 4, 2)), **{**_POOL, "padding": VALID})
    cases["clip to [0, 1]"] = b.graph(b.op("RELU_0_TO_1", pool))
    golden("activations", cases, ACTIVATIONS)
