"""Patterns of convolutional networks."""

from __future__ import annotations

from tests.rewrite.patterns import image_graphs as graphs
from tests.rewrite.patterns.pattern import Pattern
from tests.support.graphs import RELU, SAME, VALID

_ONE = "one convolution is one op"
_BORDER = "zeros that SAME pads must stay zeros, so the shift must come before them"


def _p(name: str, title: str, ops: str, why: str, direct: object = None) -> Pattern:
    return Pattern(name, title, ops, why, direct)  # type: ignore[arg-type]


_POOL = "a pool is no convolution"
_CONV, _DEEP = "CONV_2D", "DEPTHWISE_CONV_2D"
_PAD_LEFT = "SAME pads an even size by (0, 1), this pads by (1, 1): no option says so"
_GATE = "squeeze, two layers, gate, product: five different things"

IMAGES: tuple[Pattern, ...] = (
    _p("conv_bn", "Conv2D → BN → ReLU", _CONV, _ONE, graphs.conv_bn),
    _p("conv_no_bias_bn", "Conv2D without bias → BN → ReLU6", _CONV, _ONE),
    _p("bn_conv_valid", "BN → Conv2D valid", _CONV, _ONE, graphs.bn_conv_valid),
    _p("bn_conv_1x1", "BN → Conv2D 1×1", _CONV, _ONE),
    _p(
        "bn_conv_same_no_shift",
        "BN without shift → Conv2D same",
        _CONV,
        _ONE,
        graphs.bn_conv_same_no_shift,
    ),
    _p("bn_conv_same", "BN → Conv2D same", f"ADD {_CONV}", _BORDER, graphs.bn_conv_same),
    _p(
        "bn_relu_conv",
        "BN → ReLU → Conv2D",
        f"ADD {_CONV}",
        "ReLU needs the shift, and an op to be fused into; the factor goes into the weights",
        graphs.bn_relu_conv,
    ),
    _p("dilated_conv_bn", "Conv2D dilated → BN → ReLU", _CONV, _ONE, graphs.dilated),
    _p(
        "conv_avgpool_bn",
        "Conv2D → AveragePooling → BN → ReLU",
        f"{_CONV} AVERAGE_POOL_2D",
        _POOL,
        graphs.pooled("AVERAGE_POOL_2D", RELU),
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
        graphs.conv_maxpool,
    ),
    _p("conv3d_bn", "Conv3D → BN → ReLU", "CONV_3D", _ONE, graphs.volume),
    _p(
        "conv_transpose_bn",
        "Conv2DTranspose → BN → ReLU",
        "TRANSPOSE_CONV",
        _ONE,
        graphs.conv_transpose,
    ),
    _p(
        "depthwise_bn_pointwise",
        "DepthwiseConv2D → BN → Conv2D 1×1",
        f"{_DEEP} {_CONV}",
        "one full convolution would take more multiply-adds",
        graphs.depthwise_pointwise,
    ),
    _p(
        "depthwise_bn_pointwise_bn",
        "DepthwiseConv2D → BN → ReLU6 → Conv2D 1×1 → BN",
        f"{_DEEP} {_CONV}",
        "ReLU6 stands between",
        graphs.depthwise_relu_pointwise,
    ),
    _p(
        "separable_conv_bn",
        "SeparableConv2D → BN",
        f"{_DEEP} {_CONV}",
        "one full convolution would take more multiply-adds",
    ),
    _p(
        "two_branches",
        "conv+BN 3×3 and 1×1, summed",
        _CONV,
        "sums of kernels are kernels",
        graphs.two,
    ),
    _p(
        "repvgg",
        "RepVGG: conv+BN 3×3, 1×1 and BN, summed → ReLU",
        _CONV,
        "sums of kernels are kernels",
        graphs.repvgg,
    ),
    _p(
        "acnet",
        "ACNet: conv+BN 3×3, 1×3, 3×1, summed → ReLU",
        _CONV,
        "sums of kernels are kernels",
        graphs.acnet,
    ),
    _p(
        "mobileone",
        "MobileOne: depthwise branches → ReLU, pointwise branches → ReLU",
        f"{_DEEP} {_CONV}",
        "ReLU stands between",
        graphs.mobileone,
    ),
    _p("normalization_conv", "Normalization → Conv2D valid", _CONV, _ONE, graphs.normalized(VALID)),
    _p(
        "normalization_conv_same",
        "Normalization → Conv2D same",
        f"SUB {_CONV}",
        _BORDER,
        graphs.normalized(SAME),
    ),
    _p("rescaling_conv", "Rescaling → Conv2D valid", _CONV, _ONE, graphs.rescaled(VALID)),
    _p(
        "rescaling_conv_same",
        "Rescaling with offset → Conv2D same",
        f"ADD {_CONV}",
        _BORDER,
        graphs.rescaled(SAME),
    ),
    _p(
        "rescaling_no_offset_conv_same",
        "Rescaling without offset → Conv2D same",
        _CONV,
        _ONE,
        graphs.rescaled(SAME, 0.0),
    ),
    _p("conv1x1_conv", "Conv2D 1×1 → Conv2D valid, wide between", _CONV, _ONE, graphs.conv1x1_conv),
    _p("conv_conv1x1", "Conv2D → Conv2D 1×1, wide between", _CONV, _ONE, graphs.conv_conv1x1),
    _p(
        "flatten_bn_dense",
        "Flatten → BN → Dense",
        "FULLY_CONNECTED",
        "a dense layer flattens by itself",
        graphs.flatten_bn_dense,
    ),
    _p(
        "conv_gap_bn_dense",
        "Conv2D → GlobalAveragePooling → BN → Dense",
        f"{_CONV} MEAN FULLY_CONNECTED",
        "ReLU and the mean stand between",
        graphs.gap_bn_dense,
    ),
    _p(
        "gap_dense",
        "GlobalAveragePooling → Dense → softmax",
        "MEAN FULLY_CONNECTED SOFTMAX",
        "as one dense layer on all pixels it would take h·w times the weights",
        graphs.gap_dense_softmax,
    ),
    _p(
        "upsampling_bn",
        "Conv2D → UpSampling2D bilinear → BN",
        f"{_CONV} RESIZE_BILINEAR",
        "a resize is no convolution",
        graphs.bilinear,
    ),
    _p(
        "upsampling_nearest_bn_relu",
        "Conv2D → UpSampling2D nearest → BN → ReLU",
        f"{_CONV} RESIZE_NEAREST_NEIGHBOR",
        "a resize is no convolution",
        graphs.nearest,
    ),
    _p("zeropad_conv", "ZeroPadding2D(1) → Conv2D 3×3 valid", _CONV, _ONE, graphs.padded(1, 1)),
    _p(
        "zeropad_conv_stride2",
        "ZeroPadding2D(1) → Conv2D 3×3, stride 2, even size",
        f"PAD {_CONV}",
        _PAD_LEFT,
        graphs.padded(1, 2),
    ),
    _p(
        "zeropad_conv_stride2_fits",
        "ZeroPadding2D(((0, 1), (0, 1))) → Conv2D 3×3, stride 2, even size",
        _CONV,
        _ONE,
        graphs.padded(0, 2),
    ),
    _p(
        "zeropad_depthwise_stride2_bn",
        "ZeroPadding2D(1) → DepthwiseConv2D, stride 2, odd size → BN → ReLU6",
        _DEEP,
        _ONE,
        graphs.padded_depthwise,
    ),
    _p(
        "zeropad_maxpool",
        "Conv2D → ReLU → ZeroPadding2D(1) → MaxPooling2D(3, 1)",
        f"{_CONV} MAX_POOL_2D",
        _POOL,
        graphs.padded_pool,
    ),
    _p(
        "concat_bn_conv",
        "BN and BN, concatenated → Conv2D valid",
        f"CONCATENATION {_CONV}",
        "two inputs of the model must be brought together",
        graphs.concat,
    ),
    _p(
        "residual_bn_add",
        "residual block: two conv+BN, shortcut conv+BN, sum → ReLU",
        f"{_CONV} {_CONV} {_CONV} ADD",
        "the branches read different values",
        graphs.residual,
    ),
    _p(
        "identical_branches",
        "one layer called twice on one value, concatenated",
        f"{_CONV} CONCATENATION",
        "computed once, copied twice",
        graphs.twins,
    ),
    _p(
        "se_block",
        "squeeze-and-excite with convolutions",
        f"MEAN {_CONV} {_CONV} LOGISTIC MUL",
        _GATE,
        graphs.squeeze_excite,
    ),
    _p(
        "se_block_dense",
        "squeeze-and-excite with dense layers",
        "MEAN FULLY_CONNECTED FULLY_CONNECTED LOGISTIC MUL",
        _GATE,
        graphs.squeeze_excite_dense,
    ),
    _p("clip_relu6", "Conv2D → clip to [0, 6]", _CONV, "fused as RELU6", graphs.clip(0, 6)),
    _p(
        "clip_n1_to_1",
        "Conv2D → clip to [−1, 1]",
        _CONV,
        "fused as RELU_N1_TO_1",
        graphs.clip(-1, 1),
    ),
    _p(
        "clip_0_to_1",
        "Conv2D → clip to [0, 1]",
        f"{_CONV} MINIMUM",
        "RELU_0_TO_1 is no fused activation, and MINIMUM is faster",
        graphs.clip(0, 1),
    ),
    _p("permute_twice", "Permute and back → Conv2D", _CONV, _ONE, graphs.permuted_and_back),
    _p(
        "reshape_twice",
        "Reshape, Reshape, and back → Conv2D",
        _CONV,
        _ONE,
        graphs.reshaped_and_back,
    ),
    _p("augmentation", "augmentation layers, SpatialDropout → Conv2D", _CONV, _ONE),
)
