"""Patterns of convolutional networks."""

from __future__ import annotations

from litesmith.graph import Tensor
from tests.rewrite.affine_graphs import conv, conv3d, dense, depthwise, pool, scaled, transpose_conv
from tests.rewrite.patterns.pattern import Pattern, mean, number, reshape, transpose
from tests.support.graphs import RELU, RELU6, SAME, VALID, Builder, const

_IMAGE = (1, 8, 8, 4)
_ONE = "one convolution is one op"
_BORDER = "zeros that SAME pads must stay zeros, so the shift must come before them"


def _input(b: Builder) -> Tensor:
    return b.input(_IMAGE)


def _bn_conv_valid(b: Builder) -> Tensor:
    return conv(b, scaled(b, _input(b)), padding=VALID)


def _bn_conv_same_no_shift(b: Builder) -> Tensor:
    return conv(b, scaled(b, _input(b), shift=False))


def _bn_conv_same(b: Builder) -> Tensor:
    return conv(b, scaled(b, _input(b)))


def _bn_relu_conv(b: Builder) -> Tensor:
    return conv(b, scaled(b, _input(b), fused=RELU))


def _conv_bn(b: Builder) -> Tensor:
    return conv(b, _input(b), fused=RELU)


def _dilated(b: Builder) -> Tensor:
    x = b.op("SPACE_TO_BATCH_ND", _input(b), const([2, 2]), const([[2, 2], [2, 2]]))
    y = conv(b, x, padding=VALID)
    y = b.op("BATCH_TO_SPACE_ND", y, const([2, 2]), const([[0, 0], [0, 0]]))
    return scaled(b, y, fused=RELU)


def _pooled(kind: str, fused: int) -> object:
    def direct(b: Builder) -> Tensor:
        return scaled(b, pool(b, conv(b, _input(b), padding=VALID), kind), fused=fused)

    return direct


def _conv_maxpool(b: Builder) -> Tensor:
    return pool(b, scaled(b, conv(b, _input(b), padding=VALID), fused=RELU), "MAX_POOL_2D")


def _conv3d(b: Builder) -> Tensor:
    return scaled(b, conv3d(b, b.input((1, 5, 6, 6, 2))), fused=RELU)


def _conv_transpose(b: Builder) -> Tensor:
    return b.op("RELU", scaled(b, transpose_conv(b, b.input((1, 4, 4, 3)))))  # type: ignore[no-any-return]


def _depthwise_pointwise(b: Builder) -> Tensor:
    return conv(b, scaled(b, depthwise(b, _input(b), padding=VALID)), 7, 1)


def _depthwise_relu_pointwise(b: Builder) -> Tensor:
    y = scaled(b, depthwise(b, _input(b)), fused=RELU6)
    return scaled(b, conv(b, y, 7, 1))


def _branch(b: Builder, x: Tensor, out: int, k: int) -> Tensor:
    return scaled(b, conv(b, x, out, k))


def _two(b: Builder) -> Tensor:
    x = _input(b)
    return b.op("ADD", _branch(b, x, 5, 3), _branch(b, x, 5, 1))  # type: ignore[no-any-return]


def _repvgg(b: Builder) -> Tensor:
    x = _input(b)
    total = b.op("ADD", _branch(b, x, 4, 3), _branch(b, x, 4, 1))
    return b.op("ADD", total, scaled(b, x), fused_activation_function=RELU)  # type: ignore[no-any-return]


def _acnet(b: Builder) -> Tensor:
    x = _input(b)

    def narrow(h: int, w: int) -> Tensor:
        fields = {"padding": SAME, "stride_w": 1, "stride_h": 1}
        return scaled(b, b.op("CONV_2D", x, b.weights(5, h, w, 4), b.weights(5), **fields))

    total = b.op("ADD", narrow(3, 3), narrow(1, 3))
    return b.op("ADD", total, narrow(3, 1), fused_activation_function=RELU)  # type: ignore[no-any-return]


def _mobileone(b: Builder) -> Tensor:
    x = _input(b)
    total = b.op("ADD", scaled(b, depthwise(b, x)), scaled(b, depthwise(b, x, k=1)))
    y = b.op("ADD", total, scaled(b, x), fused_activation_function=RELU)
    pair = _branch(b, y, 6, 1), _branch(b, y, 6, 1)
    return b.op("ADD", *pair, fused_activation_function=RELU)  # type: ignore[no-any-return]


def _normalized(padding: int) -> object:
    def direct(b: Builder) -> Tensor:
        y = b.op("SUB", _input(b), b.weights(1, 1, 1, 4))
        return conv(b, b.op("MUL", y, b.weights(1, 1, 1, 4)), padding=padding)

    return direct


def _rescaled(padding: int, offset: float = -1.0) -> object:
    def direct(b: Builder) -> Tensor:
        y = number(b, "MUL", _input(b), 1 / 127.5)
        return conv(b, number(b, "ADD", y, offset) if offset else y, padding=padding)

    return direct


def _conv1x1_conv(b: Builder) -> Tensor:
    return conv(b, conv(b, _input(b), 8, 1), 3, padding=VALID)


def _conv_conv1x1(b: Builder) -> Tensor:
    return conv(b, conv(b, _input(b), 8), 3, 1)


def _flatten_bn_dense(b: Builder) -> Tensor:
    y = reshape(b, _input(b), 1, 256)
    return dense(b, scaled(b, y))


def _gap_bn_dense(b: Builder) -> Tensor:
    y = mean(b, conv(b, _input(b), 8, padding=VALID, fused=RELU), 1, 2)
    return dense(b, scaled(b, y))


def _gap_dense_softmax(b: Builder) -> Tensor:
    return b.op("SOFTMAX", dense(b, mean(b, _input(b), 1, 2)), beta=1.0)  # type: ignore[no-any-return]


def _bilinear(b: Builder) -> Tensor:
    y = conv(b, b.input((1, 4, 4, 3)), padding=VALID)
    return scaled(b, b.op("RESIZE_BILINEAR", y, const([4, 4]), half_pixel_centers=True))


def _nearest(b: Builder) -> Tensor:
    y = conv(b, b.input((1, 4, 4, 3)), padding=VALID)
    y = b.op("TILE", reshape(b, y, 1, 2, 1, 2, 5), const([1, 1, 2, 1, 1]))
    y = b.op("TILE", reshape(b, y, 1, 4, 2, 1, 5), const([1, 1, 1, 2, 1]))
    return scaled(b, reshape(b, y, 1, 4, 4, 5), fused=RELU)


def _pads(b: Builder, x: Tensor, before: int = 1) -> Tensor:
    return b.op("PAD", x, const([[0, 0], [before, 1], [before, 1], [0, 0]]))  # type: ignore[no-any-return]


def _padded(before: int, stride: int) -> object:
    def direct(b: Builder) -> Tensor:
        fields = {"padding": VALID, "stride_h": stride, "stride_w": stride}
        return conv(b, _pads(b, _input(b), before), **fields)

    return direct


def _padded_depthwise(b: Builder) -> Tensor:
    y = _pads(b, b.input((1, 9, 9, 4)))
    return scaled(b, depthwise(b, y, padding=VALID, stride_h=2, stride_w=2), fused=RELU6)


def _padded_pool(b: Builder) -> Tensor:
    y = _pads(b, conv(b, _input(b), padding=VALID, fused=RELU))
    size = {"filter_width": 3, "filter_height": 3, "stride_w": 1, "stride_h": 1}
    return b.op("MAX_POOL_2D", y, padding=VALID, **size)  # type: ignore[no-any-return]


def _concat(b: Builder) -> Tensor:
    y = b.op("CONCATENATION", scaled(b, _input(b)), scaled(b, _input(b)), axis=3)
    return conv(b, y, padding=VALID)


def _residual(b: Builder) -> Tensor:
    x = _input(b)
    y = _branch(b, scaled(b, conv(b, x, 4), fused=RELU), 4, 3)
    return b.op("ADD", y, _branch(b, x, 4, 1), fused_activation_function=RELU)  # type: ignore[no-any-return]


def _twins(b: Builder) -> Tensor:
    x, w, bias = _input(b), b.weights(4, 3, 3, 4), b.weights(4)
    fields = {"padding": VALID, "stride_w": 1, "stride_h": 1, "fused_activation_function": RELU}
    pair = [b.op("CONV_2D", x, w, bias, **fields) for _ in range(2)]
    return b.op("CONCATENATION", *pair, axis=3)  # type: ignore[no-any-return]


def _squeeze_excite(b: Builder) -> Tensor:
    x = b.input((1, 8, 8, 8))
    y = conv(b, mean(b, x, 1, 2, keep=True), 2, 1, fused=RELU)
    return b.op("MUL", x, b.op("LOGISTIC", conv(b, y, 8, 1)))  # type: ignore[no-any-return]


def _squeeze_excite_dense(b: Builder) -> Tensor:
    x = b.input((1, 8, 8, 8))
    y = dense(b, mean(b, x, 1, 2), 2, fused=RELU)
    y = reshape(b, b.op("LOGISTIC", dense(b, y, 8)), 1, 1, 1, 8)
    return b.op("MUL", x, y)  # type: ignore[no-any-return]


def _clip(low: float, high: float) -> object:
    def direct(b: Builder) -> Tensor:
        y = number(b, "MAXIMUM", conv(b, _input(b), padding=VALID), low)
        return number(b, "MINIMUM", y, high)

    return direct


def _permuted(b: Builder) -> Tensor:
    return conv(b, transpose(b, transpose(b, _input(b), 0, 3, 1, 2), 0, 2, 3, 1), padding=VALID)


def _reshaped(b: Builder) -> Tensor:
    y = reshape(b, reshape(b, _input(b), 1, 16, 16), 1, 64, 4)
    return conv(b, reshape(b, y, *_IMAGE), padding=VALID)


def _p(name: str, title: str, ops: str, why: str, direct: object = None) -> Pattern:
    return Pattern(name, title, ops, why, direct)  # type: ignore[arg-type]


_POOL = "a pool is no convolution"
_CONV, _DEEP = "CONV_2D", "DEPTHWISE_CONV_2D"
_PAD_LEFT = "SAME pads an even size by (0, 1), this pads by (1, 1): no option says so"
_GATE = "squeeze, two layers, gate, product: five different things"

IMAGES: tuple[Pattern, ...] = (
    _p("conv_bn", "Conv2D → BN → ReLU", _CONV, _ONE, _conv_bn),
    _p("conv_no_bias_bn", "Conv2D without bias → BN → ReLU6", _CONV, _ONE),
    _p("bn_conv_valid", "BN → Conv2D valid", _CONV, _ONE, _bn_conv_valid),
    _p("bn_conv_1x1", "BN → Conv2D 1×1", _CONV, _ONE),
    _p(
        "bn_conv_same_no_shift",
        "BN without shift → Conv2D same",
        _CONV,
        _ONE,
        _bn_conv_same_no_shift,
    ),
    _p("bn_conv_same", "BN → Conv2D same", f"ADD {_CONV}", _BORDER, _bn_conv_same),
    _p(
        "bn_relu_conv",
        "BN → ReLU → Conv2D",
        f"ADD {_CONV}",
        "ReLU needs the shift, and an op to be fused into; the factor goes into the weights",
        _bn_relu_conv,
    ),
    _p("dilated_conv_bn", "Conv2D dilated → BN → ReLU", _CONV, _ONE, _dilated),
    _p(
        "conv_avgpool_bn",
        "Conv2D → AveragePooling → BN → ReLU",
        f"{_CONV} AVERAGE_POOL_2D",
        _POOL,
        _pooled("AVERAGE_POOL_2D", RELU),
    ),
    _p(
        "conv_maxpool_bn",
        "Conv2D → MaxPooling → BN",
        f"{_CONV} MAX_POOL_2D",
        _POOL,
    ),
    _p(
        "conv_bn_relu_maxpool",
        "Conv2D → BN → ReLU → MaxPooling",
        f"{_CONV} MAX_POOL_2D",
        _POOL,
        _conv_maxpool,
    ),
    _p("conv3d_bn", "Conv3D → BN → ReLU", "CONV_3D", _ONE, _conv3d),
    _p("conv_transpose_bn", "Conv2DTranspose → BN → ReLU", "TRANSPOSE_CONV", _ONE, _conv_transpose),
    _p(
        "depthwise_bn_pointwise",
        "DepthwiseConv2D → BN → Conv2D 1×1",
        f"{_DEEP} {_CONV}",
        "one full convolution would take more multiply-adds",
        _depthwise_pointwise,
    ),
    _p(
        "depthwise_bn_pointwise_bn",
        "DepthwiseConv2D → BN → ReLU6 → Conv2D 1×1 → BN",
        f"{_DEEP} {_CONV}",
        "ReLU6 stands between",
        _depthwise_relu_pointwise,
    ),
    _p(
        "separable_conv_bn",
        "SeparableConv2D → BN",
        f"{_DEEP} {_CONV}",
        "one full convolution would take more multiply-adds",
    ),
    _p("two_branches", "conv+BN 3×3 and 1×1, summed", _CONV, "sums of kernels are kernels", _two),
    _p(
        "repvgg",
        "RepVGG: conv+BN 3×3, 1×1 and BN, summed → ReLU",
        _CONV,
        "sums of kernels are kernels",
        _repvgg,
    ),
    _p(
        "acnet",
        "ACNet: conv+BN 3×3, 1×3, 3×1, summed → ReLU",
        _CONV,
        "sums of kernels are kernels",
        _acnet,
    ),
    _p(
        "mobileone",
        "MobileOne: depthwise branches → ReLU, pointwise branches → ReLU",
        f"{_DEEP} {_CONV}",
        "ReLU stands between",
        _mobileone,
    ),
    _p("normalization_conv", "Normalization → Conv2D valid", _CONV, _ONE, _normalized(VALID)),
    _p(
        "normalization_conv_same",
        "Normalization → Conv2D same",
        f"SUB {_CONV}",
        _BORDER,
        _normalized(SAME),
    ),
    _p("rescaling_conv", "Rescaling → Conv2D valid", _CONV, _ONE, _rescaled(VALID)),
    _p(
        "rescaling_conv_same",
        "Rescaling with offset → Conv2D same",
        f"ADD {_CONV}",
        _BORDER,
        _rescaled(SAME),
    ),
    _p(
        "rescaling_no_offset_conv_same",
        "Rescaling without offset → Conv2D same",
        _CONV,
        _ONE,
        _rescaled(SAME, 0.0),
    ),
    _p("conv1x1_conv", "Conv2D 1×1 → Conv2D valid, wide between", _CONV, _ONE, _conv1x1_conv),
    _p("conv_conv1x1", "Conv2D → Conv2D 1×1, wide between", _CONV, _ONE, _conv_conv1x1),
    _p(
        "flatten_bn_dense",
        "Flatten → BN → Dense",
        "FULLY_CONNECTED",
        "a dense layer flattens by itself",
        _flatten_bn_dense,
    ),
    _p(
        "conv_gap_bn_dense",
        "Conv2D → GlobalAveragePooling → BN → Dense",
        f"{_CONV} MEAN FULLY_CONNECTED",
        "ReLU and the mean stand between",
        _gap_bn_dense,
    ),
    _p(
        "gap_dense",
        "GlobalAveragePooling → Dense → softmax",
        "MEAN FULLY_CONNECTED SOFTMAX",
        "as one dense layer on all pixels it would take h·w times the weights",
        _gap_dense_softmax,
    ),
    _p(
        "upsampling_bn",
        "Conv2D → UpSampling2D bilinear → BN",
        f"{_CONV} RESIZE_BILINEAR",
        "a resize is no convolution",
        _bilinear,
    ),
    _p(
        "upsampling_nearest_bn_relu",
        "Conv2D → UpSampling2D nearest → BN → ReLU",
        f"{_CONV} RESIZE_NEAREST_NEIGHBOR",
        "a resize is no convolution",
        _nearest,
    ),
    _p("zeropad_conv", "ZeroPadding2D(1) → Conv2D 3×3 valid", _CONV, _ONE, _padded(1, 1)),
    _p(
        "zeropad_conv_stride2",
        "ZeroPadding2D(1) → Conv2D 3×3, stride 2, even size",
        f"PAD {_CONV}",
        _PAD_LEFT,
        _padded(1, 2),
    ),
    _p(
        "zeropad_conv_stride2_fits",
        "ZeroPadding2D(((0, 1), (0, 1))) → Conv2D 3×3, stride 2, even size",
        _CONV,
        _ONE,
        _padded(0, 2),
    ),
    _p(
        "zeropad_depthwise_stride2_bn",
        "ZeroPadding2D(1) → DepthwiseConv2D, stride 2, odd size → BN → ReLU6",
        _DEEP,
        _ONE,
        _padded_depthwise,
    ),
    _p(
        "zeropad_maxpool",
        "Conv2D → ReLU → ZeroPadding2D(1) → MaxPooling2D(3, 1)",
        f"{_CONV} MAX_POOL_2D",
        _POOL,
        _padded_pool,
    ),
    _p(
        "concat_bn_conv",
        "BN and BN, concatenated → Conv2D valid",
        f"CONCATENATION {_CONV}",
        "two inputs of the model must be brought together",
        _concat,
    ),
    _p(
        "residual_bn_add",
        "residual block: two conv+BN, shortcut conv+BN, sum → ReLU",
        f"{_CONV} {_CONV} {_CONV} ADD",
        "the branches read different values",
        _residual,
    ),
    _p(
        "identical_branches",
        "one layer called twice on one value, concatenated",
        f"{_CONV} CONCATENATION",
        "computed once, copied twice",
        _twins,
    ),
    _p(
        "se_block",
        "squeeze-and-excite with convolutions",
        f"MEAN {_CONV} {_CONV} LOGISTIC MUL",
        _GATE,
        _squeeze_excite,
    ),
    _p(
        "se_block_dense",
        "squeeze-and-excite with dense layers",
        "MEAN FULLY_CONNECTED FULLY_CONNECTED LOGISTIC MUL",
        _GATE,
        _squeeze_excite_dense,
    ),
    _p("clip_relu6", "Conv2D → clip to [0, 6]", _CONV, "fused as RELU6", _clip(0, 6)),
    _p("clip_n1_to_1", "Conv2D → clip to [−1, 1]", _CONV, "fused as RELU_N1_TO_1", _clip(-1, 1)),
    _p(
        "clip_0_to_1",
        "Conv2D → clip to [0, 1]",
        f"{_CONV} MINIMUM",
        "RELU_0_TO_1 is no fused activation, and MINIMUM is faster",
        _clip(0, 1),
    ),
    _p("permute_twice", "Permute and back → Conv2D", _CONV, _ONE, _permuted),
    _p("reshape_twice", "Reshape, Reshape, and back → Conv2D", _CONV, _ONE, _reshaped),
    _p("augmentation", "augmentation layers, SpatialDropout → Conv2D", _CONV, _ONE),
)
