"""Patterns that are chains of layers."""

from __future__ import annotations

from typing import Any

from tests.rewrite.patterns.keras_registry import IMAGE, SEQUENCE, VECTOR, WIDE, bn, chain


def _zero_mean(layers: Any) -> Any:
    layer = layers.BatchNormalization(center=False)
    layer.zero_mean = True
    return layer


chain("conv_bn", IMAGE, lambda k: [k.Conv2D(5, 3, padding="same"), bn(k), k.ReLU()])
chain("conv_no_bias_bn", IMAGE, lambda k: [k.Conv2D(5, 3, use_bias=False), bn(k), k.ReLU(6.0)])
chain("bn_conv_valid", IMAGE, lambda k: [bn(k), k.Conv2D(5, 3)])
chain(
    "bn_conv_same_no_shift",
    IMAGE,
    lambda k: [_zero_mean(k), k.Conv2D(5, 3, padding="same", use_bias=False)],
)
chain("bn_conv_same", IMAGE, lambda k: [bn(k), k.Conv2D(5, 3, padding="same")])
chain("bn_conv_1x1", IMAGE, lambda k: [bn(k), k.Conv2D(5, 1, padding="same")])
chain("bn_relu_conv", IMAGE, lambda k: [bn(k), k.ReLU(), k.Conv2D(5, 3, padding="same")])
chain(
    "dilated_conv_bn",
    IMAGE,
    lambda k: [k.Conv2D(5, 3, dilation_rate=2, padding="same"), bn(k), k.ReLU()],
)
chain("conv_avgpool_bn", IMAGE, lambda k: [k.Conv2D(5, 3), k.AveragePooling2D(2), bn(k), k.ReLU()])
chain("conv_maxpool_bn", IMAGE, lambda k: [k.Conv2D(5, 3), k.MaxPooling2D(), bn(k)])
chain(
    "conv_bn_relu_maxpool",
    IMAGE,
    lambda k: [k.Conv2D(5, 3), bn(k), k.ReLU(), k.MaxPooling2D()],
)
chain("conv3d_bn", (5, 6, 6, 2), lambda k: [k.Conv3D(4, 2), bn(k), k.ReLU()])
chain(
    "conv_transpose_bn",
    (4, 4, 3),
    lambda k: [k.Conv2DTranspose(4, 3, 2, padding="same"), bn(k), k.ReLU()],
)
chain(
    "depthwise_bn_pointwise_bn",
    IMAGE,
    lambda k: [
        k.DepthwiseConv2D(3, padding="same", use_bias=False),
        bn(k),
        k.ReLU(6.0),
        k.Conv2D(7, 1, use_bias=False),
        bn(k),
    ],
)
chain("separable_conv_bn", IMAGE, lambda k: [k.SeparableConv2D(7, 3, padding="same"), bn(k)])
chain("depthwise_bn_pointwise", IMAGE, lambda k: [k.DepthwiseConv2D(3), bn(k), k.Conv2D(7, 1)])
chain("normalization_conv", IMAGE, lambda k: [k.Normalization(), k.Conv2D(5, 3)])
chain(
    "normalization_conv_same",
    IMAGE,
    lambda k: [k.Normalization(), k.Conv2D(5, 3, padding="same")],
)
chain("normalization_dense", VECTOR, lambda k: [k.Normalization(), k.Dense(5, "relu")])
chain("rescaling_conv", IMAGE, lambda k: [k.Rescaling(1 / 127.5, -1.0), k.Conv2D(5, 3)])
chain(
    "rescaling_conv_same",
    IMAGE,
    lambda k: [k.Rescaling(1 / 127.5, -1.0), k.Conv2D(5, 3, padding="same")],
)
chain(
    "rescaling_no_offset_conv_same",
    IMAGE,
    lambda k: [k.Rescaling(1 / 255), k.Conv2D(5, 3, padding="same")],
)
chain("dense_bn_relu_dense", VECTOR, lambda k: [k.Dense(8), bn(k), k.ReLU(), k.Dense(5)])
chain("dense_bn_dense", VECTOR, lambda k: [k.Dense(12), bn(k), k.Dense(5)])
chain("dense_relu_bn_dense", VECTOR, lambda k: [k.Dense(8, "relu"), bn(k), k.Dense(5)])
chain("dense_dense", VECTOR, lambda k: [k.Dense(12), k.Dense(5)])
chain("conv1x1_conv", IMAGE, lambda k: [k.Conv2D(8, 1), k.Conv2D(3, 3)])
chain("conv_conv1x1", IMAGE, lambda k: [k.Conv2D(8, 3, padding="same"), k.Conv2D(3, 1)])
chain("flatten_bn_dense", IMAGE, lambda k: [k.Flatten(), bn(k), k.Dense(5)])
chain(
    "gap_dense",
    IMAGE,
    lambda k: [k.GlobalAveragePooling2D(), k.Dense(5), k.Softmax()],
)
chain(
    "conv_gap_bn_dense",
    IMAGE,
    lambda k: [k.Conv2D(8, 3, activation="relu"), k.GlobalAveragePooling2D(), bn(k), k.Dense(5)],
)
chain(
    "upsampling_bn",
    (4, 4, 3),
    lambda k: [k.Conv2D(5, 3), k.UpSampling2D(interpolation="bilinear"), bn(k)],
)
chain(
    "upsampling_nearest_bn_relu",
    (4, 4, 3),
    lambda k: [k.Conv2D(5, 3), k.UpSampling2D(), bn(k), k.ReLU()],
)
chain("zeropad_conv", IMAGE, lambda k: [k.ZeroPadding2D(1), k.Conv2D(5, 3)])
chain("zeropad_conv_stride2", IMAGE, lambda k: [k.ZeroPadding2D(1), k.Conv2D(5, 3, 2)])
chain(
    "zeropad_conv_stride2_fits",
    IMAGE,
    lambda k: [k.ZeroPadding2D(((0, 1), (0, 1))), k.Conv2D(5, 3, 2)],
)
chain(
    "zeropad_maxpool",
    IMAGE,
    lambda k: [k.Conv2D(5, 3, activation="relu"), k.ZeroPadding2D(1), k.MaxPooling2D(3, 1)],
)
chain(
    "zeropad_depthwise_stride2_bn",
    (9, 9, 4),
    lambda k: [
        k.ZeroPadding2D(1),
        k.DepthwiseConv2D(3, 2, use_bias=False),
        bn(k),
        k.ReLU(6.0),
    ],
)
chain(
    "training_leftovers",
    VECTOR,
    lambda k: [
        k.GaussianNoise(0.1),
        k.Dropout(0.3),
        k.Dense(5),
        k.AlphaDropout(0.1),
        k.ActivityRegularization(0.1),
        k.GaussianDropout(0.1),
        k.Activation("linear"),
    ],
)
chain(
    "augmentation",
    IMAGE,
    lambda k: [
        k.RandomFlip(),
        k.RandomRotation(0.1),
        k.RandomContrast(0.1),
        k.SpatialDropout2D(0.1),
        k.Conv2D(4, 3),
    ],
)
chain(
    "permute_twice", IMAGE, lambda k: [k.Permute((3, 1, 2)), k.Permute((2, 3, 1)), k.Conv2D(4, 3)]
)
chain(
    "reshape_twice",
    IMAGE,
    lambda k: [k.Reshape((16, 16)), k.Reshape((64, 4)), k.Reshape((8, 8, 4)), k.Conv2D(4, 3)],
)
chain("conv1d_bn", SEQUENCE, lambda k: [k.Conv1D(7, 3, padding="same"), bn(k), k.ReLU()])
chain(
    "conv1d_stack",
    SEQUENCE,
    lambda k: [
        k.Conv1D(7, 3, padding="same", activation="relu"),
        bn(k),
        k.MaxPooling1D(),
        k.Conv1D(5, 3),
        bn(k),
        k.ReLU(),
        k.GlobalAveragePooling1D(),
        k.Dense(3),
    ],
)
chain(
    "conv1d_flatten_dense",
    SEQUENCE,
    lambda k: [k.Conv1D(7, 3), bn(k), k.ReLU(), k.Flatten(), k.Dense(3)],
)
chain("separable_conv1d_bn", SEQUENCE, lambda k: [k.SeparableConv1D(7, 3), bn(k), k.ReLU()])
chain(
    "dilated_conv1d",
    SEQUENCE,
    lambda k: [k.Conv1D(7, 3, dilation_rate=2, padding="same"), bn(k), k.ReLU()],
)
chain(
    "causal_conv1d",
    SEQUENCE,
    lambda k: [k.Conv1D(7, 3, dilation_rate=2, padding="causal"), bn(k), k.ReLU()],
)
chain("time_distributed_dense", SEQUENCE, lambda k: [k.TimeDistributed(k.Dense(5, "relu"))])
chain(
    "time_distributed_conv",
    (3, 8, 8, 4),
    lambda k: [k.TimeDistributed(k.Conv2D(5, 3)), k.TimeDistributed(k.BatchNormalization())],
)
chain("layer_norm", SEQUENCE, lambda k: [k.LayerNormalization()])
chain("layer_norm_vector", VECTOR, lambda k: [k.LayerNormalization()])
chain("layer_norm_dense", SEQUENCE, lambda k: [k.LayerNormalization(), k.Dense(5)])
chain("layer_norm_image_conv", IMAGE, lambda k: [k.LayerNormalization(), k.Conv2D(5, 1)])
chain("rms_norm", SEQUENCE, lambda k: [k.RMSNormalization()])
chain("group_norm", WIDE, lambda k: [k.GroupNormalization(4)])
chain("group_norm_one", WIDE, lambda k: [k.GroupNormalization(1)])
chain("instance_norm", WIDE, lambda k: [k.GroupNormalization(-1)])
chain("unit_norm", VECTOR, lambda k: [k.UnitNormalization()])
chain("gelu", VECTOR, lambda k: [k.Dense(5, "gelu")])
chain("silu", VECTOR, lambda k: [k.Dense(5, "silu")])
chain("mish", VECTOR, lambda k: [k.Dense(5, "mish")])
chain("hard_sigmoid", VECTOR, lambda k: [k.Dense(5, "hard_sigmoid")])
chain("hard_swish", VECTOR, lambda k: [k.Dense(5, "hard_silu")])
chain("softplus", VECTOR, lambda k: [k.Dense(5, "softplus")])
chain("relu6_layer", VECTOR, lambda k: [k.Dense(5), k.ReLU(6.0)])
chain("leaky_relu", VECTOR, lambda k: [k.Dense(5), k.LeakyReLU(0.2)])
chain("elu", VECTOR, lambda k: [k.Dense(5, "elu")])
