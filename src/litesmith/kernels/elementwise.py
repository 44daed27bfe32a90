"""Arithmetic of one, two or many values, element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.kernels.activations import fused, unary
from litesmith.kernels.value import Call, Kernel, TfTensor, Value, aligned


def binary(function: Callable[[TfTensor, TfTensor], TfTensor]) -> Kernel:
    """Return the kernel of a broadcasting function of two values, fused activation included."""

    def kernel(call: Call) -> tuple[Value, ...]:
        a, b = aligned(call.value(0), call.value(1))
        return (Value(fused(call, function(a, b)), call.batched),)

    return kernel


def _divide(a: TfTensor, b: TfTensor) -> TfTensor:
    return tf.divide(a, b) if a.dtype.is_floating else tf.truncatediv(a, b)


def _add_n(call: Call) -> tuple[Value, ...]:
    tensors = aligned(*(call.value(i) for i in range(len(call.values))))
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return (Value(total, call.batched),)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _sqrt(x: TfTensor) -> tuple[TfTensor, Callable[[TfTensor], TfTensor]]:
    """Square root whose gradient at 0 is 0: an infinite one would spoil every weight."""
    root = tf.sqrt(x)

    def gradient(upstream: TfTensor) -> TfTensor:
        return tf.math.divide_no_nan(0.5 * upstream, root)

    return root, gradient


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        # Two values.
        "ADD": binary(tf.add),
        "ATAN2": binary(tf.atan2),
        "BITWISE_XOR": binary(tf.bitwise.bitwise_xor),
        "DIV": binary(_divide),
        "FLOOR_DIV": binary(tf.math.floordiv),
        "FLOOR_MOD": binary(tf.math.floormod),
        "MAXIMUM": binary(tf.maximum),
        "MINIMUM": binary(tf.minimum),
        "MUL": binary(tf.multiply),
        "POW": binary(tf.pow),
        "RIGHT_SHIFT": binary(tf.bitwise.right_shift),
        "SQUARED_DIFFERENCE": binary(tf.math.squared_difference),
        "SUB": binary(tf.subtract),
        # Many values.
        "ADD_N": _add_n,
        # One value.
        "ABS": unary(tf.abs),
        "CEIL": unary(tf.math.ceil),
        "COS": unary(tf.cos),
        "EXP": unary(tf.exp),
        "FLOOR": unary(tf.floor),
        "LOG": unary(tf.math.log),
        "NEG": unary(tf.negative),
        "ROUND": unary(tf.round),
        "RSQRT": unary(tf.math.rsqrt),
        "SIGN": unary(tf.sign),
        "SIN": unary(tf.sin),
        "SQRT": unary(_sqrt),
        "SQUARE": unary(tf.square),
    }
)
