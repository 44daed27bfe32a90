"""Scales and shifts before linear ops: what goes, what must stay and why, and equal outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor, text, verify, write
from litesmith.graph.edit import rebuild
from litesmith.rewrite import apply
from litesmith.rewrite.combine_constants import COMBINE_CONSTANTS
from litesmith.rewrite.fold_forward import FOLD_FORWARD
from litesmith.rewrite.scales_past_relu import SCALES_PAST_RELU
from litesmith.runtime import Session
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
from tests.support.graphs import RELU, RELU6, SAME, VALID, Array, Builder, const

_GOLDEN = Path(__file__).parents[1] / "golden" / "rewrite_fold_forward.txt"
_FAMILIES = (COMBINE_CONSTANTS, FOLD_FORWARD, SCALES_PAST_RELU)
_IMAGE = (1, 6, 7, 4)


def forward(graph: Graph) -> Graph:
    return check(graph, _FAMILIES)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 999),
    k=st.sampled_from([1, 2, 3]),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 4]),
    multiplier=st.sampled_from([0, 1, 2]),
    padding=st.sampled_from([SAME, VALID]),
    batch=st.integers(1, 2),
    fused=st.sampled_from([0, RELU6]),
    uniform=st.booleans(),
)
def test_before_convolutions(
    seed: int,
    k: int,
    stride: int,
    dilation: int,
    groups: int,
    multiplier: int,
    padding: int,
    batch: int,
    fused: int,
    uniform: bool,
) -> None:
    b = Builder(seed)
    x = b.input((batch, 7, 8, 4))
    c = () if uniform else (4,)
    x = b.op("ADD", b.op("MUL", x, factors(b, *c)), b.weights(*c))
    geometry = {
        "k": k,
        "stride_w": stride,
        "stride_h": stride,
        "padding": padding,
        "dilation_w_factor": 1 if stride > 1 else dilation,
        "dilation_h_factor": 1 if stride > 1 else dilation,
        "fused": fused,
    }
    if multiplier:
        y = depthwise(b, x, multiplier, **geometry)
    else:
        y = conv(b, x, 8, groups=groups, **geometry)
    left = kinds(forward(b.graph(y)))
    reads_border = k > 1 and padding == SAME
    if not reads_border:
        assert set(left.values()) == {1} and left["MUL"] == left["ADD"] == 0
    else:
        assert left["MUL"] == 0 and left["ADD"] <= 1


def test_a_same_padded_kernel_that_reads_no_border() -> None:
    b = Builder()
    x = scaled(b, b.input((1, 4, 4, 3)))
    y = conv(b, x, k=2, stride_w=2, stride_h=2)
    assert kinds(forward(b.graph(y))) == {"CONV_2D": 1}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    shape=st.sampled_from([(1, 4), (3, 4), (2, 3, 4), (1, 2, 3, 4)]),
    flat=st.booleans(),
    reshaped=st.booleans(),
    bias=st.booleans(),
)
def test_before_dense(
    seed: int, shape: tuple[int, ...], flat: bool, reshaped: bool, bias: bool
) -> None:
    b = Builder(seed)
    x = scaled(b, b.input(shape), positive=False)
    size = int(np.prod(shape[1:])) if flat else 4
    if reshaped:
        to = [shape[0], size] if flat else [-1, 4]
        x = b.op("RESHAPE", x, const(to), new_shape=to)
    left = kinds(forward(b.graph(dense(b, x, size=size, bias=bias))))
    assert left == {"FULLY_CONNECTED": 1, **({"RESHAPE": 1} if reshaped else {})}


@pytest.mark.parametrize("bias", [False, True])
def test_before_transposed_convolution_only_the_scale_goes(bias: bool) -> None:
    b = Builder()
    y = transpose_conv(b, scaled(b, b.input(_IMAGE), positive=False), bias=bias)
    assert kinds(forward(b.graph(y))) == {"ADD": 1, "TRANSPOSE_CONV": 1}


@pytest.mark.parametrize("padding,left", [(VALID, 0), (SAME, 1)])
def test_before_volumes(padding: int, left: int) -> None:
    b = Builder()
    y = conv3d(b, scaled(b, b.input((2, 3, 4, 4, 2))), padding=padding)
    after = kinds(forward(b.graph(y)))
    assert (after["CONV_3D"], after["ADD"], after["MUL"]) == (1, left, 0)


_Middle = Callable[[Builder, Tensor], Tensor]
_PASSES: dict[str, _Middle] = {
    "average valid": lambda b, x: pool(b, x, "AVERAGE_POOL_2D"),
    "average same": lambda b, x: pool(b, x, "AVERAGE_POOL_2D", SAME),
    "max": lambda b, x: pool(b, x, "MAX_POOL_2D", SAME),
    "bilinear": lambda b, x: b.op("RESIZE_BILINEAR", x, const([9, 8])),
    "nearest": lambda b, x: b.op("RESIZE_NEAREST_NEIGHBOR", x, const([9, 8])),
    "reshape": lambda b, x: b.op("RESHAPE", x, const([1, 7, 6, 4]), new_shape=[1, 7, 6, 4]),
    "transpose": lambda b, x: b.op("TRANSPOSE", x, const([0, 2, 1, 3])),
    "concatenation": lambda b, x: b.op("CONCATENATION", x, b.input(x.shape), axis=3),
    "slice": lambda b, x: b.op("SLICE", x, const([0, 1, 1, 0]), const([1, 4, 3, 4])),
    "mirror": lambda b, x: b.op("MIRROR_PAD", x, const([[0, 0], [1, 1], [1, 2], [0, 0]])),
    "mean": lambda b, x: b.op("MEAN", x, const([1, 2]), keep_dims=True),
    "depth": lambda b, x: b.op("TILE", x, const([1, 2, 1, 1])),
}


@pytest.mark.parametrize("name", _PASSES)
def test_scale_and_shift_pass(name: str) -> None:
    for seed in range(3):
        b = Builder(seed)
        y = _PASSES[name](b, scaled(b, b.input(_IMAGE)))
        graph = b.graph(conv(b, y, padding=VALID, k=1))
        assert len(forward(graph).ops) == len(graph.ops) - 2


_SCALE_PASSES: dict[str, _Middle] = {
    "pad": lambda b, x: b.op("PAD", x, const([[0, 0], [1, 1], [1, 2], [0, 0]])),
    "relu": lambda b, x: b.op("RELU", x),
    "leaky": lambda b, x: b.op("LEAKY_RELU", x, alpha=0.2),
    "prelu": lambda b, x: b.op("PRELU", x, b.weights(1, 1, 4)),
    "gate": lambda b, x: b.op("MUL", x, b.input((1, 1, 1, 4))),
    "small gate": lambda b, x: b.op("MUL", x, b.input((2, 6, 7, 4))),
    "quotient": lambda b, x: b.op("DIV", x, b.op("EXP", b.input(x.shape))),
    "sum": lambda b, x: b.op("SUM", x, const([1, 2]), keep_dims=True),
    "max pool": lambda b, x: pool(b, x, "MAX_POOL_2D", fused=RELU),
}


@pytest.mark.parametrize("name", _SCALE_PASSES)
def test_scale_alone_passes(name: str) -> None:
    b = Builder(1)
    y = _SCALE_PASSES[name](b, scaled(b, b.input(_IMAGE), shift=False))
    graph = b.graph(conv(b, y, k=2))
    assert len(forward(graph).ops) == len(graph.ops) - 1


def test_order_is_kept_only_by_positive_factors() -> None:
    b = Builder(1)
    x = b.op("MUL", b.input(_IMAGE), const(np.float32([1, -1, 2, 3])))
    graph = b.graph(conv(b, pool(b, x, "MAX_POOL_2D")))
    assert not checked(graph, _FAMILIES).done


@pytest.mark.parametrize("uniform,left", [(True, {"PADV2": 1}), (False, {"ADD": 1, "PAD": 1})])
def test_a_zero_border_gets_the_value_that_means_zero(uniform: bool, left: dict[str, int]) -> None:
    b = Builder(2)
    c = () if uniform else (4,)
    x = b.op("ADD", b.op("MUL", b.input(_IMAGE), factors(b, *c)), b.weights(*c))
    y = b.op("PAD", x, const([[0, 0], [1, 1], [2, 1], [0, 0]]))
    after = forward(b.graph(conv(b, y, padding=VALID, stride_w=2, stride_h=2)))
    assert kinds(after) == {"CONV_2D": 1, **left}


@pytest.mark.parametrize("convs", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 3])
def test_a_positive_scale_goes_past_relu(convs: int, k: int) -> None:
    b = Builder(3)
    x = scaled(b, b.input(_IMAGE), fused=RELU)
    graph = b.graph(*(conv(b, x, k=k) for _ in range(convs)))
    after = forward(graph)
    assert kinds(after) == {"ADD": 1, "CONV_2D": convs}
    assert after.ops[0].option("fused_activation_function") == RELU


def test_a_scale_behind_the_shift_goes_past_relu_too() -> None:
    b = Builder(3)
    x = b.op("ADD", b.input(_IMAGE), b.weights(4))
    x = b.op("MUL", x, factors(b, 4, positive=True), fused_activation_function=RELU)
    assert kinds(forward(b.graph(conv(b, x)))) == {"ADD": 1, "CONV_2D": 1}


def _reason(graph: Graph) -> str:
    outcome = checked(graph, _FAMILIES)
    assert not outcome.done
    return " ".join(outcome.explain)


def test_declines_say_why() -> None:
    b = Builder(4)
    mixed = b.op("MUL", b.input(_IMAGE), const(np.float32([1, -1, 2, 3])))
    mixed = b.op("ADD", mixed, b.weights(4), fused_activation_function=RELU)
    assert "factors that are not positive" in _reason(b.graph(conv(b, mixed)))

    b = Builder(4)
    same = conv(b, b.op("ADD", b.input(_IMAGE), b.weights(4)))
    assert "SAME padding adds zeros" in _reason(b.graph(same))

    b = Builder(4)
    y = b.op("MUL", b.input(_IMAGE), b.weights(4))
    assert "output of the model" in _reason(b.graph(conv(b, y), y))

    b = Builder(4)
    y = b.op("MUL", b.input(_IMAGE), b.weights(4), fused_activation_function=RELU6)
    assert "RELU6 stands between" in _reason(b.graph(conv(b, y)))

    b = Builder(4)
    y = b.op("MUL", b.input(_IMAGE), b.weights(6, 7, 4))
    assert "varies along more than channels" in _reason(b.graph(conv(b, y)))

    b = Builder(4)
    w, x = b.weights(40, 40), b.input((1, 40))
    scaled_ = b.op("MUL", x, b.weights(40))
    both = [b.op("FULLY_CONNECTED", t, w, None, keep_num_dims=False) for t in (x, scaled_)]
    assert "serve other ops too" in _reason(b.graph(*both))


def test_a_reader_that_needs_the_value_keeps_it() -> None:
    b = Builder(4)
    y = scaled(b, b.input(_IMAGE))
    assert not checked(b.graph(conv(b, y, padding=VALID), b.op("TANH", y)), _FAMILIES).done


def test_small_shared_weights_are_copied_never_changed() -> None:
    b = Builder(5)
    w, x = b.weights(3, 4), b.input((1, 4))
    kept = w.data.copy() if w.data is not None else None
    first = b.op("FULLY_CONNECTED", x, w, None, keep_num_dims=False)
    second = b.op("FULLY_CONNECTED", scaled(b, x), w, None, keep_num_dims=False)
    after = forward(b.graph(first, second))
    assert kinds(after) == {"FULLY_CONNECTED": 2}
    assert w.data is not None and np.array_equal(w.data, kept)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("mean,left", [(2.0, 0), (3000.0, 1)])
def test_subtracting_first_is_kept_where_it_saves_digits(
    mean: float, left: int, scale: bool
) -> None:
    b = Builder(6)
    x = b.op("SUB", b.input((1, 4)), const(np.full(4, mean, np.float32)))
    graph = b.graph(dense(b, b.op("MUL", x, factors(b, 4)) if scale else x))
    after = kinds(check(graph, _FAMILIES))
    assert (after["MUL"], after["SUB"]) == (left * scale, left)


def test_a_dead_channel_behind_relu_keeps_its_scale() -> None:
    b = Builder(6)
    x = b.op("MUL", b.input(_IMAGE), const(np.float32([1, 1e-6, 2, 1])))
    x = b.op("ADD", x, b.weights(4), fused_activation_function=RELU)
    outcome = checked(b.graph(conv(b, x)), _FAMILIES)
    assert not outcome.done


def _opened(graph: Graph, axes: tuple[int, ...]) -> Graph:
    """Return the graph with these axes of every activation of rank 4, and axis 0, open."""
    swaps = {}
    for t in graph.tensors():
        if not t.is_constant:
            known = axes if len(t.shape) == 4 else (0,)
            signature = tuple(-1 if i in known else d for i, d in enumerate(t.shape))
            swaps[t] = t.with_(shape=tuple(map(abs, signature)), shape_signature=signature)
    return rebuild(graph, {}, swaps)


def _run(graph: Graph, x: Array) -> Array:
    session = Session(write(graph), kernels="builtin")
    session.feed([x])
    session.invoke()
    return session.fetch()[0]


@pytest.mark.parametrize(
    "name,axes",
    [
        *((name, (0,)) for name in ("valid", "same", "flat", "rows", "mean")),
        *((name, (0, 1, 2)) for name in ("same", "rows", "mean")),
    ],
)
def test_open_dimensions(name: str, axes: tuple[int, ...]) -> None:
    """The rewritten file is right at sizes other than the declared ones."""
    b = Builder(7)
    x = scaled(b, b.input((1, 5, 5, 3)), positive=False)
    if name in ("valid", "same"):
        y = conv(b, x, padding=VALID if name == "valid" else SAME)
    elif name == "mean":
        y = dense(b, b.op("MEAN", x, const([1, 2])))
    else:
        shape = [-1, 75] if name == "flat" else [-1, 3]
        y = dense(b, b.op("RESHAPE", x, const(shape), new_shape=shape))
    graph = _opened(b.graph(y), axes)
    outcome = apply(graph, _FAMILIES)
    after = verify(outcome.graph)
    if name in ("valid", "same", "mean"):
        assert kinds(after)["MUL"] == 0
        assert kinds(after)["ADD"] == (name == "same")
    batch = 3 if 0 in axes else 1
    sizes = (7, 6) if 1 in axes else (5, 5)
    values = np.random.default_rng(0).uniform(-2, 2, (batch, *sizes, 3)).astype(np.float32)
    wanted = _run(graph, values)
    assert np.abs(_run(after, values) - wanted).max() <= 1e-5 * np.abs(wanted).max()


def _pattern_valid(b: Builder) -> Tensor:
    return conv(b, scaled(b, b.input((1, 4, 4, 2))), 2, padding=VALID)


def _pattern_same(b: Builder) -> Tensor:
    return conv(b, scaled(b, b.input((1, 4, 4, 2))), 2)


def _pattern_image(b: Builder) -> Tensor:
    x = b.op("MUL", b.input((1, 4, 4, 3)), const(np.float32(1 / 255)))
    x = b.op("SUB", x, const(np.float32([0.485, 0.456, 0.406])))
    x = b.op("MUL", x, const(np.float32([1 / 0.229, 1 / 0.224, 1 / 0.225])))
    return conv(b, x, 2, padding=VALID)


def _pattern_flat(b: Builder) -> Tensor:
    x = scaled(b, b.input((1, 2, 2, 3)))
    x = b.op("RESHAPE", x, const([1, 12]), new_shape=[1, 12])
    return dense(b, x, 2)


def _pattern_relu(b: Builder) -> Tensor:
    x = b.op("CONCATENATION", b.input((1, 4, 4, 2)), b.input((1, 4, 4, 2)), axis=3)
    return conv(b, scaled(b, x, fused=RELU), 2, k=1)


def _pattern_gate(b: Builder) -> Tensor:
    x, gate = b.input((1, 4, 4, 2)), conv(b, b.input((1, 1, 1, 2)), 2, k=1, fused=RELU6)
    gate = b.op("MUL", gate, const(np.float32(1 / 6)))
    return conv(b, b.op("MUL", x, gate), 3, k=1)


_PATTERNS: dict[str, Callable[[Builder], Tensor]] = {
    "batch norm, convolution VALID": _pattern_valid,
    "batch norm, convolution SAME: the border is zero, so the shift stays": _pattern_same,
    "rescaling and normalization of an image": _pattern_image,
    "batch norm, flatten, dense": _pattern_flat,
    "concatenation, batch norm, ReLU, convolution: one op of DenseNet's two": _pattern_relu,
    "hard sigmoid gate (squeeze-excite)": _pattern_gate,
}


def golden() -> str:
    parts = []
    for title, pattern in _PATTERNS.items():
        b = Builder(8)
        graph = b.graph(pattern(b))
        parts.append(f"## {title}\n{text(graph)}\nbecomes\n\n{text(forward(graph))}")
    return "\n".join(parts)


def test_golden() -> None:
    assert golden() == _GOLDEN.read_text()
