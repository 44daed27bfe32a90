"""Windows: average, maximum and L2 norm. Borders that SAME adds are not counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.graph.enums import Padding
from litesmith.kernels.activations import fused
from litesmith.kernels.value import Call, Kernel, TfTensor, Value, merged, unmerged

Pool = Callable[..., TfTensor]


def _pool(function: Pool) -> Kernel:
    def kernel(call: Call) -> tuple[Value, ...]:
        option, value = call.op.option, call.value(0)
        window = (int(option("filter_height")), int(option("filter_width")))
        strides = (int(option("stride_h")), int(option("stride_w")))
        padding = "SAME" if option("padding") == Padding.SAME else "VALID"
        found = fused(call, function(merged(value, 3), window, strides, padding))
        return (unmerged(found, value, 3),)

    return kernel


def _norm(x: TfTensor, window: tuple[int, int], strides: tuple[int, int], padding: str) -> TfTensor:
    return tf.sqrt(tf.nn.avg_pool2d(tf.square(x), window, strides, padding))


def _local_response_normalization(call: Call) -> tuple[Value, ...]:
    """Return y = x / (bias + alpha · sum of x² over `radius` channels to either side)^beta."""
    value, option = call.value(0), call.op.option
    radius, channels = int(option("radius")), int(value.tensor.shape[-1])
    borders = [[0, 0]] * (len(value.tensor.shape) - 1) + [[radius, radius]]
    squares = tf.pad(tf.square(value.tensor), borders)
    total = tf.add_n([squares[..., i : i + channels] for i in range(2 * radius + 1)])
    base = float(option("bias")) + float(option("alpha")) * total
    return (value.with_(value.tensor * tf.pow(base, -float(option("beta")))),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "AVERAGE_POOL_2D": _pool(tf.nn.avg_pool2d),
        "L2_POOL_2D": _pool(_norm),
        "LOCAL_RESPONSE_NORMALIZATION": _local_response_normalization,
        "MAX_POOL_2D": _pool(tf.nn.max_pool2d),
    }
)
