"""Scales and shifts behind linear ops: what goes, what must stay and why, and equal outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor, text
from litesmith.rewrite.combine_constants import COMBINE_CONSTANTS
from litesmith.rewrite.fold_backward import FOLD_BACKWARD
from litesmith.rewrite.scales_past_relu import SCALES_PAST_RELU
from tests.rewrite.affine_graphs import (
    check,
    checked,
    conv,
    conv3d,
    dense,
    depthwise,
    factors,
    kinds,
    pool,
    scaled,
    transpose_conv,
)
from tests.support.graphs import RELU, RELU6, RELU_N1_TO_1, SAME, VALID, Builder, const

_GOLDEN = Path(__file__).parents[1] / "golden" / "rewrite_fold_backward.txt"
_FAMILIES = (COMBINE_CONSTANTS, FOLD_BACKWARD, SCALES_PAST_RELU)
_IMAGE = (1, 6, 7, 4)

_Make = Callable[[Builder], Tensor]
_MAKERS: dict[str, _Make] = {
    "convolution": lambda b: conv(b, b.input(_IMAGE)),
    "groups": lambda b: conv(b, b.input(_IMAGE), 4, groups=2, padding=VALID),
    "dilated": lambda b: conv(b, b.input(_IMAGE), dilation_h_factor=2, dilation_w_factor=2),
    "strided": lambda b: conv(b, b.input((2, 6, 7, 4)), stride_h=2, stride_w=2),
    "depthwise": lambda b: depthwise(b, b.input(_IMAGE), 2),
    "dense": lambda b: dense(b, b.input((3, 4))),
    "dense of rank 3": lambda b: dense(b, b.input((2, 3, 4)), bias=False),
    "transposed": lambda b: transpose_conv(b, b.input(_IMAGE)),
    "transposed with bias": lambda b: transpose_conv(b, b.input(_IMAGE), bias=True),
    "volume": lambda b: conv3d(b, b.input((2, 3, 4, 4, 2)), padding=SAME),
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(_MAKERS)),
    seed=st.integers(0, 999),
    fused=st.sampled_from([0, RELU, RELU6, RELU_N1_TO_1]),
    positive=st.booleans(),
    shift=st.booleans(),
)
def test_behind_linear_ops(name: str, seed: int, fused: int, positive: bool, shift: bool) -> None:
    b = Builder(seed)
    y = scaled(b, _MAKERS[name](b), positive, fused, shift)
    after = check(b.graph(y), _FAMILIES)
    assert len(after.ops) == 1
    assert after.ops[0].option("fused_activation_function") == fused


@pytest.mark.parametrize("fused", [0, RELU, RELU6])
def test_a_positive_scale_goes_before_relu(fused: int) -> None:
    b = Builder(1)
    y = conv(b, b.input(_IMAGE), fused=RELU)
    y = b.op("MUL", y, factors(b, 5, positive=True), fused_activation_function=fused)
    after = check(b.graph(y), _FAMILIES)
    assert kinds(after) == {"CONV_2D": 1}
    assert after.ops[0].option("fused_activation_function") == max(fused, RELU)


@pytest.mark.parametrize("own", [RELU, RELU6])
def test_activations_between(own: int) -> None:
    b = Builder(1)
    y = b.op("MUL", conv(b, b.input(_IMAGE), fused=own), const(np.float32([1, 2, -1, 1, 1])))
    outcome = checked(b.graph(y), _FAMILIES)
    assert not outcome.done and "stands between" in outcome.explain[0]


def _branches(b: Builder, x: Tensor) -> Tensor:
    c = x.shape[-1]
    return b.op("ADD", x, conv(b, b.input(x.shape), c))


def _joined(b: Builder, x: Tensor) -> Tensor:
    more = depthwise(b, b.input(x.shape))
    return b.op("CONCATENATION", x, more, b.weights(*x.shape), axis=3)


_PASSES: dict[str, tuple[Callable[[Builder, Tensor], Tensor], bool]] = {
    # name: (op, takes an activation that stands behind)
    "average valid": (lambda b, x: pool(b, x, "AVERAGE_POOL_2D"), True),
    "average same": (lambda b, x: pool(b, x, "AVERAGE_POOL_2D", SAME), True),
    "max": (lambda b, x: pool(b, x, "MAX_POOL_2D", SAME), True),
    "bilinear": (lambda b, x: b.op("RESIZE_BILINEAR", x, const([9, 8])), False),
    "nearest": (lambda b, x: b.op("RESIZE_NEAREST_NEIGHBOR", x, const([9, 8])), True),
    "reshape": (lambda b, x: b.op("RESHAPE", x, const([-1, x.shape[-1]])), True),
    "flatten": (lambda b, x: b.op("RESHAPE", x, const([1, -1])), False),
    "transpose": (lambda b, x: b.op("TRANSPOSE", x, const([3, 0, 2, 1])), False),
    "expand": (lambda b, x: b.op("EXPAND_DIMS", x, const([1])), True),
    "mean": (lambda b, x: b.op("MEAN", x, const([1, 2]), keep_dims=False), False),
    "concatenation": (_joined, True),
    "sum of branches": (_branches, True),
    "gate": (lambda b, x: b.op("MUL", x, b.op("LOGISTIC", b.input((1, 1, 1, 1)))), True),
    "leaky": (lambda b, x: b.op("LEAKY_RELU", x, alpha=0.2), False),
    "pad": (lambda b, x: b.op("PAD", x, const([[0, 0], [1, 1], [0, 2], [0, 0]])), False),
}
_SCALE_ONLY = ("gate", "leaky")


@pytest.mark.parametrize("fused", [0, RELU])
@pytest.mark.parametrize("name", _PASSES)
def test_through(name: str, fused: int) -> None:
    middle, takes = _PASSES[name]
    for seed in range(3):
        b = Builder(seed)
        y = middle(b, conv(b, b.input(_IMAGE), 4, k=1))
        uniform = name in ("flatten", "transpose", "pad")
        c = () if uniform else (y.shape[-1],)
        shift = name not in _SCALE_ONLY
        y = b.op(
            "MUL",
            y,
            factors(b, *c, positive=True),
            fused_activation_function=0 if shift else fused,
        )
        if shift:
            y = b.op("ADD", y, b.weights(*c), fused_activation_function=fused)
        graph = b.graph(y)
        after = check(graph, _FAMILIES)
        moves = name in ("flatten", "transpose")  # an activation goes before them as well
        gone = (2 if shift else 1) if not fused or takes or moves else (1 if shift else 0)
        assert len(after.ops) == len(graph.ops) - gone


def test_per_channel_through_flatten_and_transpose() -> None:
    b = Builder(2)
    y = b.op("TRANSPOSE", conv(b, b.input(_IMAGE), 4), const([0, 3, 1, 2]))
    y = b.op("ADD", b.op("MUL", y, factors(b, 4, 1, 1)), b.weights(1, 4, 1, 1))
    y = b.op("RESHAPE", y, const([1, 4, -1]), new_shape=[1, 4, -1])
    y = b.op("MUL", y, factors(b, 4, 1))
    graph = b.graph(y)
    assert len(check(graph, _FAMILIES).ops) == 3


def test_values_that_others_need_keep_the_op() -> None:
    for case in ("output", "reader", "twice"):
        b = Builder(3)
        z = conv(b, b.input(_IMAGE), 4)
        y = b.op("MUL", z, b.weights(4))
        more = {"output": [z], "reader": [b.op("TANH", z)], "twice": [b.op("MUL", z, z)]}[case]
        outcome = checked(b.graph(y, *more), _FAMILIES)
        assert not outcome.done
        assert "read elsewhere too" in outcome.explain[0]


def test_concatenation_with_an_input_keeps_the_op() -> None:
    b = Builder(3)
    y = b.op("CONCATENATION", conv(b, b.input(_IMAGE), 4), b.input(_IMAGE), axis=3)
    assert not checked(b.graph(b.op("MUL", y, b.weights(8))), _FAMILIES).done


def test_large_weights_of_two_ops_are_not_stored_twice() -> None:
    b = Builder(4)
    w = b.weights(40, 40)
    one, two = (b.op("FULLY_CONNECTED", b.input((1, 40)), w, None) for _ in range(2))
    outcome = checked(b.graph(b.op("MUL", one, b.weights(40)), two), _FAMILIES)
    assert not outcome.done and "serve other ops too" in outcome.explain[0]


def test_results_stay_outputs() -> None:
    b = Builder(5)
    y = scaled(b, conv(b, b.input(_IMAGE)))
    after = check(b.graph(b.op("TANH", y), y), _FAMILIES)
    assert after.outputs[1] is y
    assert kinds(after) == {"CONV_2D": 1, "TANH": 1}


def _pattern_norm(b: Builder) -> Tensor:
    return scaled(b, conv(b, b.input((1, 4, 4, 2)), 2), fused=RELU)


def _pattern_pool(b: Builder) -> Tensor:
    return scaled(b, pool(b, conv(b, b.input((1, 4, 4, 2)), 2), "AVERAGE_POOL_2D"), fused=RELU)


def _pattern_volume(b: Builder) -> Tensor:
    return scaled(b, conv3d(b, b.input((1, 3, 3, 3, 2)), 2))


def _pattern_dense(b: Builder) -> Tensor:
    return dense(b, scaled(b, dense(b, b.input((1, 4)), 3)), 2)


def _pattern_concatenation(b: Builder) -> Tensor:
    x = b.input((1, 4, 4, 2))
    y = b.op("CONCATENATION", conv(b, x, 2), depthwise(b, x), axis=3)
    return scaled(b, y, fused=RELU)


def _pattern_sum(b: Builder) -> Tensor:
    x = b.input((1, 4, 4, 2))
    return scaled(b, b.op("ADD", conv(b, x, 2), conv(b, x, 2, k=1)), fused=RELU)


_PATTERNS: dict[str, Callable[[Builder], Tensor]] = {
    "convolution, batch norm, ReLU": _pattern_norm,
    "convolution, average pool, batch norm, ReLU": _pattern_pool,
    "convolution of volumes, batch norm": _pattern_volume,
    "dense, batch norm, dense": _pattern_dense,
    "concatenation of convolutions, batch norm, ReLU": _pattern_concatenation,
    "sum of branches, batch norm, ReLU": _pattern_sum,
}


def golden() -> str:
    parts = []
    for title, pattern in _PATTERNS.items():
        b = Builder(8)
        graph = b.graph(pattern(b))
        parts.append(f"## {title}\n{text(graph)}\nbecomes\n\n{text(_rewritten(graph))}")
    return "\n".join(parts)


def _rewritten(graph: Graph) -> Graph:
    return check(graph, _FAMILIES)


def test_golden() -> None:
    assert golden() == _GOLDEN.read_text()
