"""Changes of element type, and of what integers mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import tensorflow as tf

from litesmith.graph import QuantParams, Tensor
from litesmith.kernels.value import Call, DeclinedError, Kernel, TfTensor, Value


def _cast(call: Call) -> tuple[Value, ...]:
    value = call.value(0)
    return (value.with_(tf.cast(value.tensor, tf.as_dtype(call.op.outputs[0].dtype.numpy))),)


def _affine(tensor: Tensor, rank: int) -> tuple[TfTensor, TfTensor]:
    """Return scale and zero point of an integer tensor, shaped to broadcast over its axes."""
    quant: QuantParams | None = tensor.quant
    if quant is None or quant.blockwise is not None or not quant.scale.size:
        raise DeclinedError(f"'{tensor.name}' has no plain scale")
    shape = [1] * rank
    if quant.axis is not None:
        shape[quant.axis] = -1
    scale = np.asarray(quant.scale, np.float32).reshape(shape)
    return tf.constant(scale), tf.constant(quant.zero_point.reshape(shape).astype(np.float32))


def _dequantize(call: Call) -> tuple[Value, ...]:
    value, source = call.value(0), call.op.inputs[0]
    assert source is not None
    if source.dtype.is_float:
        return (value.with_(tf.cast(value.tensor, tf.float32)),)
    scale, zero = _affine(source, value.rank)
    return (value.with_((tf.cast(value.tensor, tf.float32) - zero) * scale),)


def _quantize(call: Call) -> tuple[Value, ...]:
    """In an annotated graph a mark that says where values change their scale: they go through.

    In an integer graph it makes integers, of real values or of other integers.
    """
    value, (source,), (result,) = call.value(0), call.op.inputs, call.op.outputs
    assert source is not None
    if result.dtype.is_float:
        return (value,)
    real = value.tensor
    if not source.dtype.is_float:
        scale, zero = _affine(source, value.rank)
        real = (tf.cast(real, tf.float32) - zero) * scale
    scale, zero = _affine(result, value.rank)
    dtype = tf.as_dtype(result.dtype.numpy)
    steps = tf.clip_by_value(tf.round(real / scale) + zero, float(dtype.min), float(dtype.max))
    return (value.with_(tf.cast(steps, dtype)),)


def _fake_quant(call: Call) -> tuple[Value, ...]:
    option, value = call.op.option, call.value(0)
    found = tf.quantization.fake_quant_with_min_max_args(
        value.tensor,
        float(option("min")),
        float(option("max")),
        int(option("num_bits")),
        bool(option("narrow_range")),
    )
    return (value.with_(found),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "CAST": _cast,
        "DEQUANTIZE": _dequantize,
        "FAKE_QUANT": _fake_quant,
        "QUANTIZE": _quantize,
    }
)
