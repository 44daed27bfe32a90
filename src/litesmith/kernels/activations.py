"""Activation functions: ops of their own, and fused into others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.graph.enums import Activation
from litesmith.kernels.value import Call, Kernel, TfTensor, Value, aligned, merged, unmerged

Function = Callable[[TfTensor], TfTensor]


def fused(call: Call, tensor: TfTensor) -> TfTensor:
    """Apply the op's fused activation (`fused_activation_function`)."""
    kind = int(call.op.option("fused_activation_function", Activation.NONE))
    return FUSED[kind](tensor)


def _sign_bit(x: TfTensor) -> TfTensor:
    return tf.cast(x < 0, x.dtype)


def _relu_n1(x: TfTensor) -> TfTensor:
    return tf.clip_by_value(x, -1.0, 1.0)


FUSED: Mapping[int, Function] = {
    Activation.NONE: tf.identity,
    Activation.RELU: tf.nn.relu,
    Activation.RELU_N1_TO_1: _relu_n1,
    Activation.RELU6: tf.nn.relu6,
    Activation.TANH: tf.tanh,
    Activation.SIGN_BIT: _sign_bit,
}


def unary(function: Function) -> Kernel:
    """Return the kernel of a function of each element, or of each row of the last axis."""

    def kernel(call: Call) -> tuple[Value, ...]:
        value = call.value(0)
        return (value.with_(function(value.tensor)),)

    return kernel


def _hard_swish(x: TfTensor) -> TfTensor:
    return x * tf.nn.relu6(x + 3) * (1 / 6)


def _relu_0_to_1(x: TfTensor) -> TfTensor:
    return tf.clip_by_value(x, 0.0, 1.0)


def _gelu(call: Call) -> tuple[Value, ...]:
    value = call.value(0)
    return (value.with_(tf.nn.gelu(value.tensor, bool(call.op.option("approximate", False)))),)


def _leaky_relu(call: Call) -> tuple[Value, ...]:
    value = call.value(0)
    return (value.with_(tf.nn.leaky_relu(value.tensor, float(call.op.option("alpha", 0.0)))),)


def _prelu(call: Call) -> tuple[Value, ...]:
    x, alpha = aligned(call.value(0), call.value(1))
    return (Value(tf.where(x >= 0, x, alpha * x), call.batched),)


# … of TensorFlow's softmax.
_MOST_AXES = 4


def _softmax(call: Call) -> tuple[Value, ...]:
    value = call.value(0)
    beta = float(call.op.option("beta", 1.0))
    scaled = value if beta == 1 else value.with_(value.tensor * beta)
    if len(scaled.tensor.shape) <= _MOST_AXES:
        return (value.with_(tf.nn.softmax(scaled.tensor)),)
    return (unmerged(tf.nn.softmax(merged(scaled, 1)), value, 1),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "ELU": unary(tf.nn.elu),
        "GELU": _gelu,
        "HARD_SWISH": unary(_hard_swish),
        "LEAKY_RELU": _leaky_relu,
        "LOGISTIC": unary(tf.sigmoid),
        "LOG_SOFTMAX": unary(tf.nn.log_softmax),
        "PRELU": _prelu,
        "RELU": unary(tf.nn.relu),
        "RELU6": unary(tf.nn.relu6),
        "RELU_0_TO_1": unary(_relu_0_to_1),
        "RELU_N1_TO_1": unary(_relu_n1),
        "SOFTMAX": _softmax,
        "TANH": unary(tf.tanh),
    }
)
