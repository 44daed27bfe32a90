"""Convolutions and products of random geometry against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor
from litesmith.kernels.evaluate import evaluate
from tests.kernels.against import agrees, slopes
from tests.support.graphs import (
    RELU,
    RELU6,
    RELU_N1_TO_1,
    SAME,
    VALID,
    Builder,
    const,
    draw,
    execute,
)

few = settings(max_examples=25, deadline=None, derandomize=True)
_paddings = st.sampled_from([SAME, VALID])
_fused = st.sampled_from([0, RELU, RELU6, RELU_N1_TO_1])


@st.composite
def windows(draw: st.DrawFn, sides: str = "hw") -> dict[str, Any]:
    """Strides, dilations, padding and activation; one of stride and dilation may be large."""
    options: dict[str, Any] = {"padding": draw(_paddings)}
    options["fused_activation_function"] = draw(_fused)
    for side in sides:
        options[f"stride_{side}"] = draw(st.integers(1, 3))
        options[f"dilation_{side}_factor"] = draw(st.integers(1, 2))
    return options


def _sizes(draw: st.DataObject, least: int, most: int, count: int) -> list[int]:
    return [draw.draw(st.integers(least, most)) for _ in range(count)]


def _reaches(sizes: list[int], kernel: list[int], options: dict[str, Any], sides: str) -> bool:
    """Return whether every dilated kernel fits into the image, borders not counted."""
    dilations = [options[f"dilation_{side}_factor"] for side in sides]
    return all((k - 1) * d + 1 <= n for n, k, d in zip(sizes, kernel, dilations, strict=True))


@few
@given(st.data(), windows(), st.integers(1, 3))
def test_conv_2d(data: st.DataObject, options: dict[str, Any], groups: int) -> None:
    b = Builder(data.draw(st.integers(0, 99)))
    sizes, kernel = _sizes(data, 5, 9, 2), _sizes(data, 1, 3, 2)
    assume(_reaches(sizes, kernel, options, "hw"))
    batch, depth, out = _sizes(data, 1, 2, 3)
    x = b.input((batch, *sizes, depth * groups))
    w, bias = b.weights(out * groups, *kernel, depth), b.weights(out * groups)
    agrees(b.graph(b.op("CONV_2D", x, w, bias, **options)))


@few
@given(st.data(), windows(), st.integers(1, 3))
def test_depthwise_conv_2d(data: st.DataObject, options: dict[str, Any], multiplier: int) -> None:
    b = Builder(data.draw(st.integers(0, 99)))
    sizes, kernel = _sizes(data, 5, 9, 2), _sizes(data, 1, 3, 2)
    assume(_reaches(sizes, kernel, options, "hw"))
    batch, depth = _sizes(data, 1, 3, 2)
    w = b.weights(1, *kernel, depth * multiplier)
    x = b.input((batch, *sizes, depth))
    bias = b.weights(depth * multiplier)
    agrees(b.graph(b.op("DEPTHWISE_CONV_2D", x, w, bias, depth_multiplier=multiplier, **options)))


@few
@given(st.data(), _paddings, _fused, st.booleans())
def test_transpose_conv(data: st.DataObject, padding: int, fused: int, biased: bool) -> None:
    b = Builder(data.draw(st.integers(0, 99)))
    sizes, kernel, strides = (_sizes(data, *limits, 2) for limits in ((2, 5), (1, 4), (1, 3)))
    batch, depth, out = _sizes(data, 1, 3, 3)
    grown = [
        n * s if padding == SAME else (n - 1) * s + k
        for n, s, k in zip(sizes, strides, kernel, strict=True)
    ]
    assume(padding == VALID or all(k >= s for k, s in zip(kernel, strides, strict=True)))
    y = b.op(
        "TRANSPOSE_CONV",
        const([batch, *grown, out]),
        b.weights(out, *kernel, depth),
        b.input((batch, *sizes, depth)),
        b.weights(out) if biased else None,
        dtype=DType.FLOAT32,
        version=4,
        padding=padding,
        stride_h=strides[0],
        stride_w=strides[1],
        fused_activation_function=fused,
    )
    agrees(b.graph(y))


@few
@given(st.data(), windows("dhw"))
def test_conv_3d(data: st.DataObject, options: dict[str, Any]) -> None:
    b = Builder(data.draw(st.integers(0, 99)))
    sizes, kernel = _sizes(data, 4, 6, 3), _sizes(data, 1, 3, 3)
    assume(_reaches(sizes, kernel, options, "dhw"))
    batch, depth, out = _sizes(data, 1, 2, 3)
    w = b.weights(*kernel, depth, out)
    x = b.input((batch, *sizes, depth))
    agrees(b.graph(b.op("CONV_3D", x, w, b.weights(out), **options)))


@pytest.mark.parametrize("padding", [SAME, VALID])
def test_conv_3d_transpose(padding: int) -> None:
    b = Builder()
    grown = [2, 6, 4, 4] if padding == SAME else [2, 7, 4, 5]
    options = {"stride_d": 2, "stride_h": 1, "stride_w": 2, "padding": padding}
    y = b.op(
        "CONV_3D_TRANSPOSE",
        const([*grown, 3]) if padding == SAME else const([2, 7, 6, 5, 3]),
        b.weights(3, 3, 3, 3, 2),
        b.input((2, 3, 4, 2, 2)),
        b.weights(3),
        dtype=DType.FLOAT32,
        **options,
    )
    agrees(b.graph(y))


@few
@given(st.data(), st.booleans(), st.booleans(), _fused)
def test_fully_connected(data: st.DataObject, keep: bool, biased: bool, fused: int) -> None:
    b = Builder(data.draw(st.integers(0, 99)))
    shape, units = _sizes(data, 1, 4, data.draw(st.integers(1, 4))), data.draw(st.integers(1, 5))
    weights = b.weights(units, shape[-1])
    bias = b.weights(units) if biased else None
    more = {"keep_num_dims": keep, "fused_activation_function": fused}
    agrees(b.graph(b.op("FULLY_CONNECTED", b.input(shape), weights, bias, **more)))


@pytest.mark.parametrize("shape", [(3, 4), (4,)])
def test_fully_connected_by_computed_weights(shape: tuple[int, ...]) -> None:
    b = Builder()
    x, w = b.input(shape), b.input((5, 4))
    agrees(b.graph(b.op("FULLY_CONNECTED", x, b.op("NEG", w), b.weights(5))))


def test_convolution_by_computed_weights() -> None:
    b = Builder()
    x, w = b.input((1, 5, 5, 2)), b.input((3, 3, 3, 2))
    bias = b.weights(3)
    agrees(b.graph(b.op("CONV_2D", x, b.op("NEG", w), bias, stride_h=2, stride_w=1)))


@few
@given(st.data(), st.booleans(), st.booleans())
def test_batch_matmul(data: st.DataObject, adj_x: bool, adj_y: bool) -> None:
    b = Builder(data.draw(st.integers(0, 99)))
    rows, inner, columns = _sizes(data, 1, 4, 3)
    left = data.draw(st.lists(st.sampled_from([1, 2]), max_size=2))
    right = [data.draw(st.sampled_from([1, n])) for n in left][data.draw(st.integers(0, 2)) :]
    x = (*left, *((inner, rows) if adj_x else (rows, inner)))
    y = (*right, *((columns, inner) if adj_y else (inner, columns)))
    operands = data.draw(st.sampled_from(["both", "left", "right"]))
    a = b.weights(*x) if operands == "right" else b.input(x)
    c = b.weights(*y) if operands == "left" else b.input(y)
    agrees(b.graph(b.op("BATCH_MATMUL", a, c, adj_x=adj_x, adj_y=adj_y)))


def _open(graph: Graph, *axes: int) -> Graph:
    """Return the graph of one op with axes of its input and its result open."""

    def opened(t: Tensor) -> Tensor:
        return t.with_(shape_signature=tuple(-1 if i in axes else n for i, n in enumerate(t.shape)))

    (x,), (y,), (op,) = graph.inputs, graph.outputs, graph.ops
    swap = {x: opened(x), y: opened(y)}
    inputs = tuple(t and swap.get(t, t) for t in op.inputs)
    return Graph((swap[x],), (swap[y],), (op.with_(inputs=inputs, outputs=(swap[y],)),))


def _of_open_sizes() -> dict[str, Graph]:
    found, one = {}, {"stride_h": 1, "stride_w": 1}
    for name, more in {
        "plain": one,
        "strided": {"stride_h": 2, "stride_w": 2, "padding": SAME},
        "dilated": one | {"dilation_h_factor": 2, "dilation_w_factor": 2},
    }.items():
        b = Builder()
        y = b.op("CONV_2D", b.input((1, 6, 7, 2)), b.weights(3, 3, 3, 2), b.weights(3), **more)
        found[f"CONV_2D {name}"] = _open(b.graph(y), 1, 2)
        b = Builder()
        w, more = b.weights(1, 3, 3, 2), more | {"depth_multiplier": 1}
        y = b.op("DEPTHWISE_CONV_2D", b.input((1, 6, 7, 2)), w, b.weights(2), **more)
        found[f"DEPTHWISE_CONV_2D {name}"] = _open(b.graph(y), 1, 2)
    for keep in (False, True):
        b = Builder()
        y = b.op("FULLY_CONNECTED", b.input((5, 3, 2)), b.weights(4, 2), keep_num_dims=keep)
        found[f"FULLY_CONNECTED {keep}"] = _open(b.graph(y), 0)
    b = Builder()
    found["BATCH_MATMUL"] = _open(
        b.graph(b.op("BATCH_MATMUL", b.input((2, 3)), b.weights(3, 4))), 0
    )
    return found


@pytest.mark.parametrize("name", _of_open_sizes())
def test_sizes_that_are_only_known_as_examples_come(name: str) -> None:
    graph = _of_open_sizes()[name]
    (x,), (y,) = graph.inputs, graph.outputs
    assert x.shape_signature is not None
    sizes = [None if n == -1 else n for n in x.shape_signature]

    @tf.function(autograph=False)
    def run(values: tf.Tensor) -> tf.Tensor:
        return evaluate(graph, {x: values})[y].tensor

    arrays = draw(graph, 3)
    found = run.get_concrete_function(tf.TensorSpec((None, *sizes)))(tf.constant(arrays[0]))
    np.testing.assert_allclose(found, execute(graph, arrays)[0], atol=2e-5)


def _graphs() -> dict[str, Graph]:
    found = {}
    b = Builder()
    both = {"stride_h": 2, "stride_w": 2, "padding": SAME}
    y = b.op("CONV_2D", b.input((1, 5, 6, 3)), b.weights(4, 3, 3, 3), b.weights(4), **both)
    found["CONV_2D"] = b.graph(y)
    for name, more in {
        "strides": {"stride_h": 2, "stride_w": 1},
        "dilated": {"stride_h": 2, "stride_w": 2, "dilation_h_factor": 2},
    }.items():
        b = Builder()
        options = {"stride_w": 1, "dilation_w_factor": 1, "depth_multiplier": 2} | more
        w = b.weights(1, 3, 3, 4)
        y = b.op("DEPTHWISE_CONV_2D", b.input((1, 6, 7, 2)), w, b.weights(4), **options)
        found[f"DEPTHWISE_CONV_2D {name}"] = b.graph(y)
    b = Builder()
    shape, x = const([1, 6, 6, 3]), b.input((1, 3, 3, 2))
    more = {"version": 3, "dtype": DType.FLOAT32}
    y = b.op("TRANSPOSE_CONV", shape, b.weights(3, 3, 3, 2), x, b.weights(3), **both, **more)
    found["TRANSPOSE_CONV"] = b.graph(y)
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.input((2, 3)), b.weights(4, 3), b.weights(4))
    found["FULLY_CONNECTED"] = b.graph(y)
    b = Builder()
    found["BATCH_MATMUL"] = b.graph(b.op("BATCH_MATMUL", b.input((2, 3, 4)), b.weights(4, 5)))
    b = Builder()
    options = {"stride_d": 2, "stride_h": 1, "stride_w": 1}
    w = b.weights(2, 2, 2, 2, 3)
    found["CONV_3D"] = b.graph(b.op("CONV_3D", b.input((1, 4, 4, 3, 2)), w, **options))
    return found


@pytest.mark.parametrize("name", _graphs())
def test_gradients(name: str) -> None:
    slopes(_graphs()[name], step=0.5)


def test_whole_batch_in_one_call() -> None:
    """Speed: no loop over examples, no axis but the channels of the weights transposed."""
    b = Builder()
    options = {"stride_h": 1, "stride_w": 1, "fused_activation_function": RELU}
    y = b.op("CONV_2D", b.input((1, 5, 5, 2)), b.weights(3, 3, 3, 2), b.weights(3), **options)
    graph = b.graph(y)

    @tf.function(autograph=False)
    def run(x: tf.Tensor) -> tf.Tensor:
        return evaluate(graph, {graph.inputs[0]: x})[y].tensor

    traced = run.get_concrete_function(tf.TensorSpec((None, 1, 5, 5, 2))).graph
    kinds = [op.type for op in traced.get_operations()]
    assert kinds.count("Conv2D") == 1 and kinds.count("Transpose") == 1
    assert not {"While", "StatelessWhile", "BroadcastTo", "Tile"} & set(kinds)
    assert np.asarray(run(np.ones((4, 1, 5, 5, 2), np.float32))).shape == (4, 1, 5, 5, 3)
