"""The patterns as users write them: one small Keras model each, lowered as `litesmith export` does.

Usage: python -m tests.rewrite.patterns.keras_models FOLDER [NAME …]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Build = Callable[[Any, Any], Any]
MODELS: dict[str, Build] = {}


def _model(name: str) -> Callable[[Build], Build]:
    def kept(build: Build) -> Build:
        MODELS[name] = build
        return build

    return kept


def _chain(name: str, shape: tuple[int, ...], layers: Callable[[Any], list[Any]]) -> None:
    """Add a model that is a chain of layers."""

    def build(keras: Any, ops: Any) -> Any:
        return keras.Sequential([keras.Input(shape), *layers(keras.layers)])

    MODELS[name] = build


_IMAGE, _WIDE, _VECTOR, _SEQUENCE = (8, 8, 4), (8, 8, 8), (12,), (10, 6)


def _bn(layers: Any, **more: Any) -> Any:
    return layers.BatchNormalization(**more)


def _zero_mean(layers: Any) -> Any:
    layer = layers.BatchNormalization(center=False)
    layer.zero_mean = True
    return layer


_chain("conv_bn", _IMAGE, lambda k: [k.Conv2D(5, 3, padding="same"), _bn(k), k.ReLU()])
_chain("conv_no_bias_bn", _IMAGE, lambda k: [k.Conv2D(5, 3, use_bias=False), _bn(k), k.ReLU(6.0)])
_chain("bn_conv_valid", _IMAGE, lambda k: [_bn(k), k.Conv2D(5, 3)])
_chain(
    "bn_conv_same_no_shift",
    _IMAGE,
    lambda k: [_zero_mean(k), k.Conv2D(5, 3, padding="same", use_bias=False)],
)
_chain("bn_conv_same", _IMAGE, lambda k: [_bn(k), k.Conv2D(5, 3, padding="same")])
_chain("bn_conv_1x1", _IMAGE, lambda k: [_bn(k), k.Conv2D(5, 1, padding="same")])
_chain("bn_relu_conv", _IMAGE, lambda k: [_bn(k), k.ReLU(), k.Conv2D(5, 3, padding="same")])
_chain(
    "dilated_conv_bn",
    _IMAGE,
    lambda k: [k.Conv2D(5, 3, dilation_rate=2, padding="same"), _bn(k), k.ReLU()],
)
_chain(
    "conv_avgpool_bn", _IMAGE, lambda k: [k.Conv2D(5, 3), k.AveragePooling2D(2), _bn(k), k.ReLU()]
)
_chain("conv_maxpool_bn", _IMAGE, lambda k: [k.Conv2D(5, 3), k.MaxPooling2D(), _bn(k)])
_chain(
    "conv_bn_relu_maxpool",
    _IMAGE,
    lambda k: [k.Conv2D(5, 3), _bn(k), k.ReLU(), k.MaxPooling2D()],
)
_chain("conv3d_bn", (5, 6, 6, 2), lambda k: [k.Conv3D(4, 2), _bn(k), k.ReLU()])
_chain(
    "conv_transpose_bn",
    (4, 4, 3),
    lambda k: [k.Conv2DTranspose(4, 3, 2, padding="same"), _bn(k), k.ReLU()],
)
_chain(
    "depthwise_bn_pointwise_bn",
    _IMAGE,
    lambda k: [
        k.DepthwiseConv2D(3, padding="same", use_bias=False),
        _bn(k),
        k.ReLU(6.0),
        k.Conv2D(7, 1, use_bias=False),
        _bn(k),
    ],
)
_chain("separable_conv_bn", _IMAGE, lambda k: [k.SeparableConv2D(7, 3, padding="same"), _bn(k)])
_chain("depthwise_bn_pointwise", _IMAGE, lambda k: [k.DepthwiseConv2D(3), _bn(k), k.Conv2D(7, 1)])
_chain("normalization_conv", _IMAGE, lambda k: [k.Normalization(), k.Conv2D(5, 3)])
_chain(
    "normalization_conv_same",
    _IMAGE,
    lambda k: [k.Normalization(), k.Conv2D(5, 3, padding="same")],
)
_chain("normalization_dense", _VECTOR, lambda k: [k.Normalization(), k.Dense(5, "relu")])
_chain("rescaling_conv", _IMAGE, lambda k: [k.Rescaling(1 / 127.5, -1.0), k.Conv2D(5, 3)])
_chain(
    "rescaling_conv_same",
    _IMAGE,
    lambda k: [k.Rescaling(1 / 127.5, -1.0), k.Conv2D(5, 3, padding="same")],
)
_chain(
    "rescaling_no_offset_conv_same",
    _IMAGE,
    lambda k: [k.Rescaling(1 / 255), k.Conv2D(5, 3, padding="same")],
)
_chain("dense_bn_relu_dense", _VECTOR, lambda k: [k.Dense(8), _bn(k), k.ReLU(), k.Dense(5)])
_chain("dense_bn_dense", _VECTOR, lambda k: [k.Dense(12), _bn(k), k.Dense(5)])
_chain("dense_relu_bn_dense", _VECTOR, lambda k: [k.Dense(8, "relu"), _bn(k), k.Dense(5)])
_chain("dense_dense", _VECTOR, lambda k: [k.Dense(12), k.Dense(5)])
_chain("conv1x1_conv", _IMAGE, lambda k: [k.Conv2D(8, 1), k.Conv2D(3, 3)])
_chain("conv_conv1x1", _IMAGE, lambda k: [k.Conv2D(8, 3, padding="same"), k.Conv2D(3, 1)])
_chain("flatten_bn_dense", _IMAGE, lambda k: [k.Flatten(), _bn(k), k.Dense(5)])
_chain(
    "gap_dense",
    _IMAGE,
    lambda k: [k.GlobalAveragePooling2D(), k.Dense(5), k.Softmax()],
)
_chain(
    "conv_gap_bn_dense",
    _IMAGE,
    lambda k: [k.Conv2D(8, 3, activation="relu"), k.GlobalAveragePooling2D(), _bn(k), k.Dense(5)],
)
_chain(
    "upsampling_bn",
    (4, 4, 3),
    lambda k: [k.Conv2D(5, 3), k.UpSampling2D(interpolation="bilinear"), _bn(k)],
)
_chain(
    "upsampling_nearest_bn_relu",
    (4, 4, 3),
    lambda k: [k.Conv2D(5, 3), k.UpSampling2D(), _bn(k), k.ReLU()],
)
_chain("zeropad_conv", _IMAGE, lambda k: [k.ZeroPadding2D(1), k.Conv2D(5, 3)])
_chain("zeropad_conv_stride2", _IMAGE, lambda k: [k.ZeroPadding2D(1), k.Conv2D(5, 3, 2)])
_chain(
    "zeropad_conv_stride2_fits",
    _IMAGE,
    lambda k: [k.ZeroPadding2D(((0, 1), (0, 1))), k.Conv2D(5, 3, 2)],
)
_chain(
    "zeropad_maxpool",
    _IMAGE,
    lambda k: [k.Conv2D(5, 3, activation="relu"), k.ZeroPadding2D(1), k.MaxPooling2D(3, 1)],
)
_chain(
    "zeropad_depthwise_stride2_bn",
    (9, 9, 4),
    lambda k: [
        k.ZeroPadding2D(1),
        k.DepthwiseConv2D(3, 2, use_bias=False),
        _bn(k),
        k.ReLU(6.0),
    ],
)
_chain(
    "training_leftovers",
    _VECTOR,
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
_chain(
    "augmentation",
    _IMAGE,
    lambda k: [
        k.RandomFlip(),
        k.RandomRotation(0.1),
        k.RandomContrast(0.1),
        k.SpatialDropout2D(0.1),
        k.Conv2D(4, 3),
    ],
)
_chain(
    "permute_twice", _IMAGE, lambda k: [k.Permute((3, 1, 2)), k.Permute((2, 3, 1)), k.Conv2D(4, 3)]
)
_chain(
    "reshape_twice",
    _IMAGE,
    lambda k: [k.Reshape((16, 16)), k.Reshape((64, 4)), k.Reshape((8, 8, 4)), k.Conv2D(4, 3)],
)
_chain("conv1d_bn", _SEQUENCE, lambda k: [k.Conv1D(7, 3, padding="same"), _bn(k), k.ReLU()])
_chain(
    "conv1d_stack",
    _SEQUENCE,
    lambda k: [
        k.Conv1D(7, 3, padding="same", activation="relu"),
        _bn(k),
        k.MaxPooling1D(),
        k.Conv1D(5, 3),
        _bn(k),
        k.ReLU(),
        k.GlobalAveragePooling1D(),
        k.Dense(3),
    ],
)
_chain(
    "conv1d_flatten_dense",
    _SEQUENCE,
    lambda k: [k.Conv1D(7, 3), _bn(k), k.ReLU(), k.Flatten(), k.Dense(3)],
)
_chain("separable_conv1d_bn", _SEQUENCE, lambda k: [k.SeparableConv1D(7, 3), _bn(k), k.ReLU()])
_chain(
    "dilated_conv1d",
    _SEQUENCE,
    lambda k: [k.Conv1D(7, 3, dilation_rate=2, padding="same"), _bn(k), k.ReLU()],
)
_chain(
    "causal_conv1d",
    _SEQUENCE,
    lambda k: [k.Conv1D(7, 3, dilation_rate=2, padding="causal"), _bn(k), k.ReLU()],
)
_chain("time_distributed_dense", _SEQUENCE, lambda k: [k.TimeDistributed(k.Dense(5, "relu"))])
_chain(
    "time_distributed_conv",
    (3, 8, 8, 4),
    lambda k: [k.TimeDistributed(k.Conv2D(5, 3)), k.TimeDistributed(k.BatchNormalization())],
)
_chain("layer_norm", _SEQUENCE, lambda k: [k.LayerNormalization()])
_chain("layer_norm_vector", _VECTOR, lambda k: [k.LayerNormalization()])
_chain("layer_norm_dense", _SEQUENCE, lambda k: [k.LayerNormalization(), k.Dense(5)])
_chain("layer_norm_image_conv", _IMAGE, lambda k: [k.LayerNormalization(), k.Conv2D(5, 1)])
_chain("rms_norm", _SEQUENCE, lambda k: [k.RMSNormalization()])
_chain("group_norm", _WIDE, lambda k: [k.GroupNormalization(4)])
_chain("group_norm_one", _WIDE, lambda k: [k.GroupNormalization(1)])
_chain("instance_norm", _WIDE, lambda k: [k.GroupNormalization(-1)])
_chain("unit_norm", _VECTOR, lambda k: [k.UnitNormalization()])
_chain("gelu", _VECTOR, lambda k: [k.Dense(5, "gelu")])
_chain("silu", _VECTOR, lambda k: [k.Dense(5, "silu")])
_chain("mish", _VECTOR, lambda k: [k.Dense(5, "mish")])
_chain("hard_sigmoid", _VECTOR, lambda k: [k.Dense(5, "hard_sigmoid")])
_chain("hard_swish", _VECTOR, lambda k: [k.Dense(5, "hard_silu")])
_chain("softplus", _VECTOR, lambda k: [k.Dense(5, "softplus")])
_chain("relu6_layer", _VECTOR, lambda k: [k.Dense(5), k.ReLU(6.0)])
_chain("leaky_relu", _VECTOR, lambda k: [k.Dense(5), k.LeakyReLU(0.2)])
_chain("elu", _VECTOR, lambda k: [k.Dense(5, "elu")])


@_model("time_distributed_model")
def _steps_model(keras: Any, ops: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3),
            _bn(layers),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )
    x = keras.Input((3, 8, 8, 2))
    return keras.Model(x, layers.TimeDistributed(inner)(x))


def _branch(layers: Any, x: Any, *conv: Any, **more: Any) -> Any:
    return _bn(layers)(layers.Conv2D(*conv, padding="same", use_bias=False, **more)(x))


@_model("repvgg")
def _repvgg(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_IMAGE)
    total = layers.Add()([_branch(layers, x, 4, 3), _branch(layers, x, 4, 1), _bn(layers)(x)])
    return keras.Model(x, layers.ReLU()(total))


@_model("acnet")
def _acnet(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_IMAGE)
    parts = [_branch(layers, x, 5, kernel) for kernel in ((3, 3), (1, 3), (3, 1))]
    return keras.Model(x, layers.ReLU()(layers.Add()(parts)))


@_model("two_branches")
def _two(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_IMAGE)
    return keras.Model(x, layers.Add()([_branch(layers, x, 5, 3), _branch(layers, x, 5, 1)]))


@_model("mobileone")
def _mobileone(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_IMAGE)

    def deep(k: int) -> Any:
        return _bn(layers)(layers.DepthwiseConv2D(k, padding="same", use_bias=False)(x))

    y = layers.ReLU()(layers.Add()([deep(3), deep(3), deep(1), _bn(layers)(x)]))
    z = layers.Add()([_branch(layers, y, 6, 1), _branch(layers, y, 6, 1)])
    return keras.Model(x, layers.ReLU()(z))


@_model("se_block")
def _se(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_WIDE)
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(y))
    return keras.Model(x, layers.Multiply()([x, y]))


@_model("se_block_dense")
def _se_dense(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_WIDE)
    y = layers.GlobalAveragePooling2D()(x)
    y = layers.Dense(8, "sigmoid")(layers.Dense(2, "relu")(y))
    return keras.Model(x, layers.Multiply()([x, layers.Reshape((1, 1, 8))(y)]))


@_model("concat_bn_conv")
def _concat(keras: Any, ops: Any) -> Any:
    layers, x, y = keras.layers, keras.Input(_IMAGE), keras.Input(_IMAGE)
    z = layers.Concatenate()([_bn(layers)(x), _bn(layers)(y)])
    return keras.Model([x, y], layers.Conv2D(5, 3)(z))


@_model("residual_bn_add")
def _residual(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_IMAGE)
    y = layers.ReLU()(_branch(layers, x, 4, 3))
    z = layers.Add()([_branch(layers, y, 4, 3), _branch(layers, x, 4, 1)])
    return keras.Model(x, layers.ReLU()(z))


@_model("identical_branches")
def _twins(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_IMAGE)
    conv = layers.Conv2D(4, 3, activation="relu")
    return keras.Model(x, layers.Concatenate()([conv(x), conv(x)]))


@_model("neutral_arithmetic")
def _neutral(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(_VECTOR)
    y = layers.Dense(5)(x * 1.0 + 0.0)
    return keras.Model(x, (y - 0.0) / 1.0)


@_model("dynamic_shape")
def _dynamic(keras: Any, ops: Any) -> Any:
    import tensorflow as tf

    class Rows(keras.layers.Layer):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            shape = tf.shape(x)
            y = tf.reshape(x, (shape[0], shape[1] * shape[2], 4))
            return tf.reshape(tf.nn.relu(y), (-1, shape[1], shape[2], 4))

    x = keras.Input(_IMAGE)
    return keras.Model(x, keras.layers.Conv2D(5, 3)(Rows()(x)))


@_model("mha_self")
def _mha(keras: Any, ops: Any) -> Any:
    x = keras.Input(_SEQUENCE)
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 3)(x, x))


@_model("mha_self_no_bias")
def _mha_no_bias(keras: Any, ops: Any) -> Any:
    x = keras.Input(_SEQUENCE)
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 3, use_bias=False)(x, x))


@_model("mha_one_head")
def _mha_one(keras: Any, ops: Any) -> Any:
    x = keras.Input(_SEQUENCE)
    return keras.Model(x, keras.layers.MultiHeadAttention(1, 6)(x, x))


@_model("mha_cross")
def _mha_cross(keras: Any, ops: Any) -> Any:
    x, y = keras.Input(_SEQUENCE), keras.Input((7, 5))
    return keras.Model([x, y], keras.layers.MultiHeadAttention(2, 3)(x, y))


@_model("softmax_written")
def _softmax(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    e = ops.exp(x - ops.max(x, axis=-1, keepdims=True))
    return keras.Model(x, e / ops.sum(e, axis=-1, keepdims=True))


@_model("gelu_erf_written")
def _gelu_erf(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    return keras.Model(x, 0.5 * x * (1.0 + ops.erf(x / 2.0**0.5)))


@_model("gelu_tanh_written")
def _gelu_tanh(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    y = 1.0 + ops.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x))
    return keras.Model(x, 0.5 * x * y)


@_model("silu_written")
def _silu(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    return keras.Model(x, x / (1.0 + ops.exp(-x)))


@_model("hard_swish_written")
def _hard_swish(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    return keras.Model(x, x * ops.relu6(x + 3.0) / 6.0)


@_model("mish_written")
def _mish(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    return keras.Model(x, x * ops.tanh(ops.log(1.0 + ops.exp(x))))


@_model("hard_sigmoid_written")
def _hard_sigmoid(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    return keras.Model(x, ops.relu6(x + 3.0) / 6.0)


@_model("clip_relu6")
def _clip6(keras: Any, ops: Any) -> Any:
    x = keras.Input(_IMAGE)
    return keras.Model(x, ops.clip(keras.layers.Conv2D(4, 3)(x), 0.0, 6.0))


@_model("clip_n1_to_1")
def _clip1(keras: Any, ops: Any) -> Any:
    x = keras.Input(_IMAGE)
    return keras.Model(x, ops.clip(keras.layers.Conv2D(4, 3)(x), -1.0, 1.0))


@_model("clip_0_to_1")
def _clip01(keras: Any, ops: Any) -> Any:
    x = keras.Input(_IMAGE)
    return keras.Model(x, ops.clip(keras.layers.Conv2D(4, 3)(x), 0.0, 1.0))


@_model("l2_written")
def _l2(keras: Any, ops: Any) -> Any:
    x = keras.Input(_VECTOR)
    return keras.Model(x, ops.normalize(x, axis=-1))


@_model("embedding")
def _embedding(keras: Any, ops: Any) -> Any:
    x = keras.Input((9,), dtype="int32")
    return keras.Model(x, keras.layers.Embedding(20, 6)(x))


@_model("embedding_mask_pool_dense")
def _embedding_mask(keras: Any, ops: Any) -> Any:
    x = keras.Input((9,), dtype="int32")
    y = keras.layers.Embedding(20, 6, mask_zero=True)(x)
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(y)))


def _set_weights(model: Any, random: np.random.Generator) -> None:
    """Give every variable a value that is not trivial; factors stay positive."""
    for layer in model._flatten_layers(include_self=False):
        for weight in [*layer._trainable_variables, *layer._non_trainable_variables]:
            name, shape = weight.name, weight.shape
            if "seed" in name or not str(weight.dtype).startswith("float"):
                continue
            if "variance" in name or name in ("gamma", "scale"):
                weight.assign(random.uniform(0.5, 1.5, shape))
            elif name == "moving_mean" and getattr(layer, "zero_mean", False):
                continue
            else:
                weight.assign(random.normal(0, 0.4, shape))
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()


def lowered(name: str) -> bytes:
    """Return a model's float .tflite, as the converter emits it."""
    import keras

    from litesmith.sources.keras_model import from_keras
    from litesmith.sources.traced import TracedModel

    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = MODELS[name](keras, keras.ops)
    _set_weights(model, np.random.default_rng(3))
    loaded = from_keras(model, "Keras", None)
    return TracedModel(loaded, loaded.inputs, batch=1, allow_flex=False).lower(lambda _: None)


def main(folder: Path, names: list[str]) -> None:
    """Write NAME.tflite for each model."""
    for name in names or MODELS:
        (folder / f"{name}.tflite").write_bytes(lowered(name))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
