"""Graphs of convolutional networks' patterns, as the converter emits them."""

from __future__ import annotations

from litesmith.graph import Tensor
from tests.rewrite.affine_graphs import conv, conv3d, dense, depthwise, pool, scaled, transpose_conv
from tests.rewrite.patterns.pattern import mean, number, reshape, transpose
from tests.support.graphs import RELU, RELU6, SAME, VALID, Builder, const

_IMAGE = (1, 8, 8, 4)


def image(b: Builder) -> Tensor:
    return b.input(_IMAGE)


def bn_conv_valid(b: Builder) -> Tensor:
    return conv(b, scaled(b, image(b)), padding=VALID)


def bn_conv_same_no_shift(b: Builder) -> Tensor:
    return conv(b, scaled(b, image(b), shift=False))


def bn_conv_same(b: Builder) -> Tensor:
    return conv(b, scaled(b, image(b)))


def bn_relu_conv(b: Builder) -> Tensor:
    return conv(b, scaled(b, image(b), fused=RELU))


def conv_bn(b: Builder) -> Tensor:
    return conv(b, image(b), fused=RELU)


def dilated(b: Builder) -> Tensor:
    x = b.op("SPACE_TO_BATCH_ND", image(b), const([2, 2]), const([[2, 2], [2, 2]]))
    y = conv(b, x, padding=VALID)
    y = b.op("BATCH_TO_SPACE_ND", y, const([2, 2]), const([[0, 0], [0, 0]]))
    return scaled(b, y, fused=RELU)


def pooled(kind: str, fused: int) -> object:
    def direct(b: Builder) -> Tensor:
        return scaled(b, pool(b, conv(b, image(b), padding=VALID), kind), fused=fused)

    return direct


def conv_maxpool(b: Builder) -> Tensor:
    return pool(b, scaled(b, conv(b, image(b), padding=VALID), fused=RELU), "MAX_POOL_2D")


def volume(b: Builder) -> Tensor:
    return scaled(b, conv3d(b, b.input((1, 5, 6, 6, 2))), fused=RELU)


def conv_transpose(b: Builder) -> Tensor:
    return b.op("RELU", scaled(b, transpose_conv(b, b.input((1, 4, 4, 3)))))  # type: ignore[no-any-return]


def depthwise_pointwise(b: Builder) -> Tensor:
    return conv(b, scaled(b, depthwise(b, image(b), padding=VALID)), 7, 1)


def depthwise_relu_pointwise(b: Builder) -> Tensor:
    y = scaled(b, depthwise(b, image(b)), fused=RELU6)
    return scaled(b, conv(b, y, 7, 1))


def branch(b: Builder, x: Tensor, out: int, k: int) -> Tensor:
    return scaled(b, conv(b, x, out, k))


def two(b: Builder) -> Tensor:
    x = image(b)
    return b.op("ADD", branch(b, x, 5, 3), branch(b, x, 5, 1))  # type: ignore[no-any-return]


def repvgg(b: Builder) -> Tensor:
    x = image(b)
    total = b.op("ADD", branch(b, x, 4, 3), branch(b, x, 4, 1))
    return b.op("ADD", total, scaled(b, x), fused_activation_function=RELU)  # type: ignore[no-any-return]


def acnet(b: Builder) -> Tensor:
    x = image(b)

    def narrow(h: int, w: int) -> Tensor:
        fields = {"padding": SAME, "stride_w": 1, "stride_h": 1}
        return scaled(b, b.op("CONV_2D", x, b.weights(5, h, w, 4), b.weights(5), **fields))

    total = b.op("ADD", narrow(3, 3), narrow(1, 3))
    return b.op("ADD", total, narrow(3, 1), fused_activation_function=RELU)  # type: ignore[no-any-return]


def mobileone(b: Builder) -> Tensor:
    x = image(b)
    total = b.op("ADD", scaled(b, depthwise(b, x)), scaled(b, depthwise(b, x, k=1)))
    y = b.op("ADD", total, scaled(b, x), fused_activation_function=RELU)
    pair = branch(b, y, 6, 1), branch(b, y, 6, 1)
    return b.op("ADD", *pair, fused_activation_function=RELU)  # type: ignore[no-any-return]


def normalized(padding: int) -> object:
    def direct(b: Builder) -> Tensor:
        y = b.op("SUB", image(b), b.weights(1, 1, 1, 4))
        return conv(b, b.op("MUL", y, b.weights(1, 1, 1, 4)), padding=padding)

    return direct


def rescaled(padding: int, offset: float = -1.0) -> object:
    def direct(b: Builder) -> Tensor:
        y = number(b, "MUL", image(b), 1 / 127.5)
        return conv(b, number(b, "ADD", y, offset) if offset else y, padding=padding)

    return direct


def conv1x1_conv(b: Builder) -> Tensor:
    return conv(b, conv(b, image(b), 8, 1), 3, padding=VALID)


def conv_conv1x1(b: Builder) -> Tensor:
    return conv(b, conv(b, image(b), 8), 3, 1)


def flatten_bn_dense(b: Builder) -> Tensor:
    y = reshape(b, image(b), 1, 256)
    return dense(b, scaled(b, y))


def gap_bn_dense(b: Builder) -> Tensor:
    y = mean(b, conv(b, image(b), 8, padding=VALID, fused=RELU), 1, 2)
    return dense(b, scaled(b, y))


def gap_dense_softmax(b: Builder) -> Tensor:
    return b.op("SOFTMAX", dense(b, mean(b, image(b), 1, 2)), beta=1.0)  # type: ignore[no-any-return]


def bilinear(b: Builder) -> Tensor:
    y = conv(b, b.input((1, 4, 4, 3)), padding=VALID)
    return scaled(b, b.op("RESIZE_BILINEAR", y, const([4, 4]), half_pixel_centers=True))


def nearest(b: Builder) -> Tensor:
    y = conv(b, b.input((1, 4, 4, 3)), padding=VALID)
    y = b.op("TILE", reshape(b, y, 1, 2, 1, 2, 5), const([1, 1, 2, 1, 1]))
    y = b.op("TILE", reshape(b, y, 1, 4, 2, 1, 5), const([1, 1, 1, 2, 1]))
    return scaled(b, reshape(b, y, 1, 4, 4, 5), fused=RELU)


def pads(b: Builder, x: Tensor, before: int = 1) -> Tensor:
    return b.op("PAD", x, const([[0, 0], [before, 1], [before, 1], [0, 0]]))  # type: ignore[no-any-return]


def padded(before: int, stride: int) -> object:
    def direct(b: Builder) -> Tensor:
        fields = {"padding": VALID, "stride_h": stride, "stride_w": stride}
        return conv(b, pads(b, image(b), before), **fields)

    return direct


def padded_depthwise(b: Builder) -> Tensor:
    y = pads(b, b.input((1, 9, 9, 4)))
    return scaled(b, depthwise(b, y, padding=VALID, stride_h=2, stride_w=2), fused=RELU6)


def padded_pool(b: Builder) -> Tensor:
    y = pads(b, conv(b, image(b), padding=VALID, fused=RELU))
    size = {"filter_width": 3, "filter_height": 3, "stride_w": 1, "stride_h": 1}
    return b.op("MAX_POOL_2D", y, padding=VALID, **size)  # type: ignore[no-any-return]


def concat(b: Builder) -> Tensor:
    y = b.op("CONCATENATION", scaled(b, image(b)), scaled(b, image(b)), axis=3)
    return conv(b, y, padding=VALID)


def residual(b: Builder) -> Tensor:
    x = image(b)
    y = branch(b, scaled(b, conv(b, x, 4), fused=RELU), 4, 3)
    return b.op("ADD", y, branch(b, x, 4, 1), fused_activation_function=RELU)  # type: ignore[no-any-return]


def twins(b: Builder) -> Tensor:
    x, w, bias = image(b), b.weights(4, 3, 3, 4), b.weights(4)
    fields = {"padding": VALID, "stride_w": 1, "stride_h": 1, "fused_activation_function": RELU}
    pair = [b.op("CONV_2D", x, w, bias, **fields) for _ in range(2)]
    return b.op("CONCATENATION", *pair, axis=3)  # type: ignore[no-any-return]


def squeeze_excite(b: Builder) -> Tensor:
    x = b.input((1, 8, 8, 8))
    y = conv(b, mean(b, x, 1, 2, keep=True), 2, 1, fused=RELU)
    return b.op("MUL", x, b.op("LOGISTIC", conv(b, y, 8, 1)))  # type: ignore[no-any-return]


def squeeze_excite_dense(b: Builder) -> Tensor:
    x = b.input((1, 8, 8, 8))
    y = dense(b, mean(b, x, 1, 2), 2, fused=RELU)
    y = reshape(b, b.op("LOGISTIC", dense(b, y, 8)), 1, 1, 1, 8)
    return b.op("MUL", x, y)  # type: ignore[no-any-return]


def clip(low: float, high: float) -> object:
    def direct(b: Builder) -> Tensor:
        y = number(b, "MAXIMUM", conv(b, image(b), padding=VALID), low)
        return number(b, "MINIMUM", y, high)

    return direct


def permuted_and_back(b: Builder) -> Tensor:
    return conv(b, transpose(b, transpose(b, image(b), 0, 3, 1, 2), 0, 2, 3, 1), padding=VALID)


def reshaped_and_back(b: Builder) -> Tensor:
    y = reshape(b, reshape(b, image(b), 1, 16, 16), 1, 64, 4)
    return conv(b, reshape(b, y, *_IMAGE), padding=VALID)
