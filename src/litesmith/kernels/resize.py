"""Resampling of images. TensorFlow's kernels place samples exactly as LiteRT's do.

Source of the formulas: tensorflow/lite/kernels/internal/reference/resize_{bilinear,
nearest_neighbor}.h and tensorflow/core/kernels/image/image_resizer_state.h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from litesmith.kernels.operands import integers
from litesmith.kernels.value import Call, Kernel, Value, merged, unmerged


def _resize(kernel: Callable[..., Any]) -> Kernel:
    def resized(call: Call) -> tuple[Value, ...]:
        x = call.value(0)
        found = kernel(
            images=merged(x, 3),
            size=integers(call, 1),
            align_corners=bool(call.op.option("align_corners", False)),
            half_pixel_centers=bool(call.op.option("half_pixel_centers", False)),
        )
        return (unmerged(found, x, 3),)

    return resized


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "RESIZE_BILINEAR": _resize(tf.raw_ops.ResizeBilinear),
        "RESIZE_NEAREST_NEIGHBOR": _resize(tf.raw_ops.ResizeNearestNeighbor),
    }
)
