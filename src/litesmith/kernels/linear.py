"""Convolutions and matrix products, with bias and fused activation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from litesmith.graph.enums import Padding
from litesmith.kernels.activations import fused
from litesmith.kernels.operands import one_for_all
from litesmith.kernels.value import (
    Call,
    DeclinedError,
    Kernel,
    TfTensor,
    Value,
    aligned,
    merged,
    unmerged,
)


def _padding(call: Call) -> str:
    return "SAME" if call.op.option("padding", Padding.SAME) == Padding.SAME else "VALID"


def _pair(call: Call, name: str, missing: int = 1) -> tuple[int, int]:
    """Return an option of height and width: ("stride_{}", …) → (stride_h, stride_w)."""
    return tuple(int(call.op.option(name.format(side), missing)) for side in "hw")  # type: ignore[return-value]


def _triple(call: Call, name: str) -> tuple[int, int, int, int, int]:
    depth, height, width = (int(call.op.option(name.format(side), 1)) for side in "dhw")
    return (1, depth, height, width, 1)


def _finished(call: Call, tensor: TfTensor, bias: int) -> TfTensor:
    """Add the bias, where there is one, and the fused activation."""
    if call.has(bias):
        tensor = tf.nn.bias_add(tensor, call.tensor(bias))
    return fused(call, tensor)


def _spatial(call: Call, position: int, tensor: TfTensor) -> tuple[Value, ...]:
    """Return a result whose leading axes were merged as those of the operand at `position`."""
    return (unmerged(tensor, call.value(position), len(tensor.shape) - 1),)


def _conv_2d(call: Call) -> tuple[Value, ...]:
    """Convolution; weights (out, height, width, in / groups)."""
    weights = tf.transpose(call.tensor(1), (1, 2, 3, 0))
    strides, dilations = _pair(call, "stride_{}"), _pair(call, "dilation_{}_factor")
    x, padding = merged(call.value(0), 3), _padding(call)
    if max(dilations) > 1 and None in x.shape[1:3]:
        found = tf.nn.conv2d(x, weights, strides, padding, dilations=dilations)
    elif max(dilations) > 1:
        x = _padded(x, tuple(weights.shape)[:2], strides, dilations, padding)
        found = _dilated(x, weights, dilations)[:, :: strides[0], :: strides[1]]
    else:
        found = _grouped(x, weights, strides, padding)
    return _spatial(call, 0, _finished(call, found, 2))


def _grouped(x: TfTensor, weights: TfTensor, strides: tuple[int, int], padding: str) -> TfTensor:
    """Convolve; TensorFlow has no gradient for groups on a CPU, so each is computed by itself."""
    groups = x.shape[-1] // weights.shape[2]
    if groups == 1:
        return tf.nn.conv2d(x, weights, strides, padding)
    if weights.shape[2] == 1 and strides[0] == strides[1]:
        height, width, _, out = tuple(weights.shape)
        weights = tf.reshape(weights, (height, width, groups, out // groups))
        return tf.nn.depthwise_conv2d(x, weights, (1, *strides, 1), padding)
    parts = zip(tf.split(x, groups, -1), tf.split(weights, groups, -1), strict=True)
    return tf.concat([tf.nn.conv2d(a, w, strides, padding) for a, w in parts], -1)


def _dilated(x: TfTensor, weights: TfTensor, dilations: tuple[int, int]) -> TfTensor:
    """Convolve every dilation-th pixel with its like; TensorFlow has no gradient on a CPU."""
    missing = [[0, -size % d] for size, d in zip(x.shape[1:3], dilations, strict=True)]
    images = tf.space_to_batch(x, dilations, missing)
    found = _grouped(images, weights, (1, 1), "VALID")
    return tf.batch_to_space(found, dilations, missing)


def _depthwise_conv_2d(call: Call) -> tuple[Value, ...]:
    """Depthwise convolution; weights (1, height, width, in · multiplier), multiplier fastest."""
    x, weights = merged(call.value(0), 3), call.tensor(1)
    height, width, out = tuple(weights.shape)[1:]
    channels = x.shape[-1]
    weights = tf.reshape(weights, (height, width, channels, out // channels))
    strides, dilations = _pair(call, "stride_{}"), _pair(call, "dilation_{}_factor")
    padding: object = _padding(call)
    # TensorFlow strides both ways alike, and not at all with dilation: stride afterwards.
    after = strides[0] != strides[1] or (max(strides) > 1 and max(dilations) > 1)
    if after:
        x, padding = _padded(x, (height, width), strides, dilations, str(padding)), "VALID"
    step = (1, 1) if after else strides
    found = tf.nn.depthwise_conv2d(x, weights, (1, *step, 1), padding, dilations=dilations)
    if after:
        found = found[:, :: strides[0], :: strides[1]]
    return _spatial(call, 0, _finished(call, found, 2))


def _padded(
    x: TfTensor,
    window: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    padding: str,
) -> TfTensor:
    """Return images with the border that a padded, strided convolution would give them."""
    if padding == "VALID":
        return x
    if None in x.shape[1:3]:
        raise DeclinedError("the size of the images is only known as they come")
    borders = []
    for size, k, stride, dilation in zip(x.shape[1:3], window, strides, dilations, strict=True):
        reach = (k - 1) * dilation + 1
        total = max(0, (-(-size // stride) - 1) * stride + reach - size)
        borders.append((total // 2, total - total // 2))
    return tf.pad(x, ((0, 0), *borders, (0, 0)))


def _asked_shape(call: Call) -> tuple[Any, ...]:
    """Return what operand 0 says of the result's shape, the leading axis left out."""
    if not call.op.outputs[0].is_dynamic:
        return call.out_shape()[1:]
    if call.value(0).batched:
        raise DeclinedError("the size of the result depends on the example")
    return tuple(tf.unstack(call.tensor(0))[1:])


def _transpose_conv(call: Call) -> tuple[Value, ...]:
    """Gradient of a convolution; operands: output shape, weights (out, h, w, in), values."""
    weights = tf.transpose(call.tensor(1), (1, 2, 0, 3))
    x = merged(call.value(2), 3)
    shape = (tf.shape(x)[0], *_asked_shape(call))
    strides = _pair(call, "stride_{}")
    found = tf.nn.conv2d_transpose(x, weights, shape, strides, _padding(call))
    return _spatial(call, 2, _finished(call, found, 3))


def _conv_3d(call: Call) -> tuple[Value, ...]:
    """Convolution over three axes; weights (depth, height, width, in, out)."""
    found = tf.nn.conv3d(
        merged(call.value(0), 4),
        call.tensor(1),
        _triple(call, "stride_{}"),
        _padding(call),
        dilations=_triple(call, "dilation_{}_factor"),
    )
    return _spatial(call, 0, _finished(call, found, 2))


def _conv_3d_transpose(call: Call) -> tuple[Value, ...]:
    """Gradient of CONV_3D; operands: output shape, weights (d, h, w, out, in), values."""
    x = merged(call.value(2), 4)
    shape = (tf.shape(x)[0], *_asked_shape(call))
    strides = _triple(call, "stride_{}")
    found = tf.nn.conv3d_transpose(x, call.tensor(1), shape, strides, _padding(call))
    return _spatial(call, 2, _finished(call, found, 3))


def _fully_connected(call: Call) -> tuple[Value, ...]:
    """Matrix product with weights (units, in).

    Rows are all axes but the last (`keep_num_dims`), or what every `in` values in order make.
    """
    if call.op.option("weights_format", 0):
        raise DeclinedError("weights are stored shuffled")
    x, weights = call.value(0), call.tensor(1)
    units, width = tuple(weights.shape)
    rows = x.tensor
    if len(rows.shape) != 2 or rows.shape[1] != width:
        rows = tf.reshape(rows, (-1, width))
    found = _finished(call, tf.matmul(rows, weights, transpose_b=True), 2)
    kept = bool(call.op.option("keep_num_dims", False))
    if None in x.shape:
        return (_open_rows(found, x, kept),)
    sizes = [int(size or 0) for size in x.shape]
    shape = (*(sizes[:-1] if kept else [math.prod(sizes) // width]), units)
    return (x.with_(tf.reshape(found, (-1, *shape) if x.batched else shape)),)


def _open_rows(found: TfTensor, x: Value, kept: bool) -> Value:
    """Return the product's rows as those of a value of which not all sizes are known."""
    units = found.shape[-1]
    sizes = tf.shape(x.tensor)
    lead = sizes[: -1 if kept else int(x.batched)]
    shape = tf.concat([lead, [units] if kept else [-1, units]], 0)
    known = (*x.tensor.shape[:-1], units) if kept else (*(None,) * (x.batched + 1), units)
    return x.with_(tf.ensure_shape(tf.reshape(found, shape), known))


def _batch_matmul(call: Call) -> tuple[Value, ...]:
    """Matrix products of the last two axes, the others broadcast."""
    left, right = call.value(0), call.value(1)
    adjoint = bool(call.op.option("adj_x", False)), bool(call.op.option("adj_y", False))
    if right.batched or right.rank != 2 or adjoint[0]:
        a, b = aligned(left, right)
        found = tf.matmul(a, b, transpose_a=adjoint[0], transpose_b=adjoint[1])
        return (Value(found, call.batched),)
    # One matrix for all: a single product is faster than one per leading index.
    rows = merged(left, 1)
    found = tf.matmul(rows, right.tensor, transpose_b=adjoint[1])
    return _spatial(call, 0, found)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "BATCH_MATMUL": _batch_matmul,
        "CONV_2D": one_for_all(_conv_2d, 1, 2),
        "CONV_3D": one_for_all(_conv_3d, 1, 2),
        "CONV_3D_TRANSPOSE": one_for_all(_conv_3d_transpose, 1, 3),
        "DEPTHWISE_CONV_2D": one_for_all(_depthwise_conv_2d, 1, 2),
        "FULLY_CONNECTED": one_for_all(_fully_connected, 1, 2),
        "TRANSPOSE_CONV": one_for_all(_transpose_conv, 1, 3),
    }
)
