"""Many values to few: sums, extremes, positions of extremes, norms, running sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.kernels.activations import fused
from litesmith.kernels.operands import axis_of, reshaped
from litesmith.kernels.value import Call, Kernel, TfTensor, Value

# LiteRT's floor of a norm (kernels/internal/reference/l2normalization.h).
_SMALLEST_NORM = 1e-6


def _reduction(function: Callable[..., TfTensor]) -> Kernel:
    def kernel(call: Call) -> tuple[Value, ...]:
        value = call.value(0)
        axes = sorted({axis_of(value, int(a)) for a in call.static(1).reshape(-1)})
        found = value.with_(function(value.tensor, axes))
        if not call.op.option("keep_dims", False):
            return (found,)
        # Not by keepdims: TensorFlow's optimizer takes means that keep their axes, squared and
        # scaled, for instance normalization, and computes [batch, 1, features] wrong (2.21).
        kept = (1 if i + value.batched in axes else d for i, d in enumerate(value.shape))
        return (reshaped(found, tuple(kept)),)

    return kernel


def _position(function: Callable[..., TfTensor]) -> Kernel:
    def kernel(call: Call) -> tuple[Value, ...]:
        value = call.value(0)
        axis = axis_of(value, int(call.static(1).reshape(-1)[0]))
        dtype = tf.as_dtype(call.op.outputs[0].dtype.numpy)
        return (value.with_(function(value.tensor, axis, dtype)),)

    return kernel


def _l2_normalization(call: Call) -> tuple[Value, ...]:
    value = call.value(0)
    found = tf.math.l2_normalize(value.tensor, -1, _SMALLEST_NORM**2)
    return (value.with_(fused(call, found)),)


def _cumsum(call: Call) -> tuple[Value, ...]:
    value = call.value(0)
    axis = axis_of(value, int(call.static(1).reshape(-1)[0]))
    exclusive, backwards = (bool(call.op.option(n, False)) for n in ("exclusive", "reverse"))
    return (value.with_(tf.cumsum(value.tensor, axis, exclusive, backwards)),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "ARG_MAX": _position(tf.argmax),
        "ARG_MIN": _position(tf.argmin),
        "CUMSUM": _cumsum,
        "L2_NORMALIZATION": _l2_normalization,
        "MEAN": _reduction(tf.reduce_mean),
        "REDUCE_ALL": _reduction(tf.reduce_all),
        "REDUCE_ANY": _reduction(tf.reduce_any),
        "REDUCE_MAX": _reduction(tf.reduce_max),
        "REDUCE_MIN": _reduction(tf.reduce_min),
        "REDUCE_PROD": _reduction(tf.reduce_prod),
        "SUM": _reduction(tf.reduce_sum),
    }
)
