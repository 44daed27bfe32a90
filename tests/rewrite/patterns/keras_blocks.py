"""Patterns with several branches, inputs or functions of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.rewrite.patterns.keras_registry import IMAGE, SEQUENCE, VECTOR, WIDE, bn, model


@model("time_distributed_model")
def _steps_model(keras: Any, ops: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3),
            bn(layers),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )
    x = keras.Input((3, 8, 8, 2))
    return keras.Model(x, layers.TimeDistributed(inner)(x))


def _branch(layers: Any, x: Any, *conv: Any, **more: Any) -> Any:
    return bn(layers)(layers.Conv2D(*conv, padding="same", use_bias=False, **more)(x))


@model("repvgg")
def _repvgg(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(IMAGE)
    total = layers.Add()([_branch(layers, x, 4, 3), _branch(layers, x, 4, 1), bn(layers)(x)])
    return keras.Model(x, layers.ReLU()(total))


@model("acnet")
def _acnet(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(IMAGE)
    parts = [_branch(layers, x, 5, kernel) for kernel in ((3, 3), (1, 3), (3, 1))]
    return keras.Model(x, layers.ReLU()(layers.Add()(parts)))


@model("two_branches")
def _two(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(IMAGE)
    return keras.Model(x, layers.Add()([_branch(layers, x, 5, 3), _branch(layers, x, 5, 1)]))


@model("mobileone")
def _mobileone(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(IMAGE)

    def deep(k: int) -> Any:
        return bn(layers)(layers.DepthwiseConv2D(k, padding="same", use_bias=False)(x))

    y = layers.ReLU()(layers.Add()([deep(3), deep(3), deep(1), bn(layers)(x)]))
    z = layers.Add()([_branch(layers, y, 6, 1), _branch(layers, y, 6, 1)])
    return keras.Model(x, layers.ReLU()(z))


@model("se_block")
def _se(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(WIDE)
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(y))
    return keras.Model(x, layers.Multiply()([x, y]))


@model("se_block_dense")
def _se_dense(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(WIDE)
    y = layers.GlobalAveragePooling2D()(x)
    y = layers.Dense(8, "sigmoid")(layers.Dense(2, "relu")(y))
    return keras.Model(x, layers.Multiply()([x, layers.Reshape((1, 1, 8))(y)]))


@model("concat_bn_conv")
def _concat(keras: Any, ops: Any) -> Any:
    layers, x, y = keras.layers, keras.Input(IMAGE), keras.Input(IMAGE)
    z = layers.Concatenate()([bn(layers)(x), bn(layers)(y)])
    return keras.Model([x, y], layers.Conv2D(5, 3)(z))


@model("residual_bn_add")
def _residual(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(IMAGE)
    y = layers.ReLU()(_branch(layers, x, 4, 3))
    z = layers.Add()([_branch(layers, y, 4, 3), _branch(layers, x, 4, 1)])
    return keras.Model(x, layers.ReLU()(z))


@model("identical_branches")
def _twins(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(IMAGE)
    conv = layers.Conv2D(4, 3, activation="relu")
    return keras.Model(x, layers.Concatenate()([conv(x), conv(x)]))


@model("neutral_arithmetic")
def _neutral(keras: Any, ops: Any) -> Any:
    layers, x = keras.layers, keras.Input(VECTOR)
    y = layers.Dense(5)(x * 1.0 + 0.0)
    return keras.Model(x, (y - 0.0) / 1.0)


@model("dynamic_shape")
def _dynamic(keras: Any, ops: Any) -> Any:
    import tensorflow as tf

    class Rows(keras.layers.Layer):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            shape = tf.shape(x)
            y = tf.reshape(x, (shape[0], shape[1] * shape[2], 4))
            return tf.reshape(tf.nn.relu(y), (-1, shape[1], shape[2], 4))

    x = keras.Input(IMAGE)
    return keras.Model(x, keras.layers.Conv2D(5, 3)(Rows()(x)))


@model("mha_self")
def _mha(keras: Any, ops: Any) -> Any:
    x = keras.Input(SEQUENCE)
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 3)(x, x))


@model("mha_self_no_bias")
def _mha_no_bias(keras: Any, ops: Any) -> Any:
    x = keras.Input(SEQUENCE)
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 3, use_bias=False)(x, x))


@model("mha_one_head")
def _mha_one(keras: Any, ops: Any) -> Any:
    x = keras.Input(SEQUENCE)
    return keras.Model(x, keras.layers.MultiHeadAttention(1, 6)(x, x))


@model("mha_cross")
def _mha_cross(keras: Any, ops: Any) -> Any:
    x, y = keras.Input(SEQUENCE), keras.Input((7, 5))
    return keras.Model([x, y], keras.layers.MultiHeadAttention(2, 3)(x, y))


@model("softmax_written")
def _softmax(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    e = ops.exp(x - ops.max(x, axis=-1, keepdims=True))
    return keras.Model(x, e / ops.sum(e, axis=-1, keepdims=True))


@model("gelu_erf_written")
def _gelu_erf(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    return keras.Model(x, 0.5 * x * (1.0 + ops.erf(x / 2.0**0.5)))


@model("gelu_tanh_written")
def _gelu_tanh(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    y = 1.0 + ops.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x))
    return keras.Model(x, 0.5 * x * y)


@model("silu_written")
def _silu(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    return keras.Model(x, x / (1.0 + ops.exp(-x)))


@model("hard_swish_written")
def _hard_swish(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    return keras.Model(x, x * ops.relu6(x + 3.0) / 6.0)


@model("mish_written")
def _mish(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    return keras.Model(x, x * ops.tanh(ops.log(1.0 + ops.exp(x))))


@model("hard_sigmoid_written")
def _hard_sigmoid(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    return keras.Model(x, ops.relu6(x + 3.0) / 6.0)


@model("clip_relu6")
def _clip6(keras: Any, ops: Any) -> Any:
    x = keras.Input(IMAGE)
    return keras.Model(x, ops.clip(keras.layers.Conv2D(4, 3)(x), 0.0, 6.0))


@model("clip_n1_to_1")
def _clip1(keras: Any, ops: Any) -> Any:
    x = keras.Input(IMAGE)
    return keras.Model(x, ops.clip(keras.layers.Conv2D(4, 3)(x), -1.0, 1.0))


@model("clip_0_to_1")
def _clip01(keras: Any, ops: Any) -> Any:
    x = keras.Input(IMAGE)
    return keras.Model(x, ops.clip(keras.layers.Conv2D(4, 3)(x), 0.0, 1.0))


@model("l2_written")
def _l2(keras: Any, ops: Any) -> Any:
    x = keras.Input(VECTOR)
    return keras.Model(x, ops.normalize(x, axis=-1))


@model("embedding")
def _embedding(keras: Any, ops: Any) -> Any:
    x = keras.Input((9,), dtype="int32")
    return keras.Model(x, keras.layers.Embedding(20, 6)(x))


@model("embedding_mask_pool_dense")
def _embedding_mask(keras: Any, ops: Any) -> Any:
    x = keras.Input((9,), dtype="int32")
    y = keras.layers.Embedding(20, 6, mask_zero=True)(x)
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(y)))
