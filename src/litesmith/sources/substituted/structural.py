"""Ops over whole tensors that .tflite lacks, by those that it has.

Shapes are known but for the batch: pooling in three dimensions is pooling over height and width,
then over depth; resizing to a known size is a product with one constant matrix per axis, whatever
the filter; counting is a sum of one-hot rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class CannotSubstituteError(Exception):
    """This node is of a form that is not known how to write otherwise."""


def _known(shape: Any, first: int = 1) -> list[int]:
    """Return the sizes from an axis on.

    Raises:
        CannotSubstituteError: one is open.
    """
    sizes = None if shape.rank is None else shape.as_list()[first:]
    if sizes is None or None in sizes:
        raise CannotSubstituteError
    return list(sizes)


def _pool_3d(kind: str) -> Callable[[Any, Any], Any]:
    def make(attributes: Any, x: Any) -> Any:
        import tensorflow as tf

        if attributes["data_format"].s not in (b"", b"NDHWC"):
            raise CannotSubstituteError
        pool = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}[kind]
        window, steps = (list(attributes[name].list.i)[1:4] for name in ("ksize", "strides"))
        padding = attributes["padding"].s.decode()
        depth, height, width, channels = _known(x.shape)
        x = tf.reshape(x, [-1, height, width, channels])
        x = pool(x, window[1:], steps[1:], padding)
        height, width = x.shape[1:3]
        x = tf.reshape(x, [-1, depth, height * width, channels])
        x = pool(x, [window[0], 1], [steps[0], 1], padding)
        return tf.reshape(x, [-1, x.shape[1], height, width, channels])

    return make


def _bincount(attributes: Any, x: Any, size: Any, weights: Any) -> Any:
    """DenseBincount of [n] or [batch, n] numbers; those outside of 0 … size-1 count nowhere."""
    import tensorflow as tf

    count = tf.get_static_value(size)
    if count is None or x.shape.rank not in (1, 2):
        raise CannotSubstituteError
    rows = tf.one_hot(x, int(count), dtype=weights.dtype)
    if attributes["binary_output"].b:
        return tf.reduce_max(rows, -2)
    if weights.shape.num_elements() != 0:
        rows *= weights[..., None]
    return tf.reduce_sum(rows, -2)


def _resize(attributes: Any, x: Any, size: Any, along: Callable[[Any, int, int], Any]) -> Any:
    """Resize images by one matrix per axis.

    Args:
        attributes: of the node.
        x: (batch, h, w, c).
        size: constant (new_h, new_w).
        along: (images of width 1, axis, new size) → these images resized along their height as
            the axis (0: height, 1: width) of the op's images is.
    """
    import tensorflow as tf

    new = tf.get_static_value(size)
    if new is None:
        raise CannotSubstituteError
    height, width, channels = _known(x.shape)
    matrices = []
    for axis, old in enumerate((height, width)):
        # The image of every unit vector: (old, old, 1, 1) → (old, new, 1, 1).
        with tf.init_scope():
            units = tf.constant(np.eye(old, dtype=np.float32)[:, :, None, None])
            matrices.append(along(units, axis, int(new[axis])).numpy()[:, :, 0, 0].T)
    x = tf.reshape(tf.cast(x, tf.float32), [-1, height, width * channels])
    x = tf.matmul(matrices[0][None], x)
    x = tf.reshape(x, [-1, width, channels])
    x = tf.matmul(matrices[1][None], x)
    return tf.reshape(x, [-1, int(new[0]), int(new[1]), channels])


def _resize_by(name: str, flags: Sequence[str]) -> Callable[..., Any]:
    def make(attributes: Any, x: Any, size: Any) -> Any:
        import tensorflow as tf

        options = {flag: attributes[flag].b for flag in flags}

        def along(units: Any, _: int, new: int) -> Any:
            return getattr(tf.raw_ops, name)(images=units, size=[new, 1], **options)

        return _resize(attributes, x, size, along)

    return make


def _scale_and_translate(attributes: Any, x: Any, size: Any, scale: Any, move: Any) -> Any:
    import tensorflow as tf

    scales, moves = tf.get_static_value(scale), tf.get_static_value(move)
    if scales is None or moves is None:
        raise CannotSubstituteError

    def along(units: Any, axis: int, new: int) -> Any:
        return tf.raw_ops.ScaleAndTranslate(
            images=units,
            size=[new, 1],
            scale=[scales[axis], 1.0],
            translation=[moves[axis], 0.0],
            kernel_type=attributes["kernel_type"].s.decode(),
            antialias=attributes["antialias"].b,
        )

    return _resize(attributes, x, size, along)


_CORNERS = ("align_corners", "half_pixel_centers")
STRUCTURAL: dict[str, Callable[..., Any]] = {
    "MaxPool3D": _pool_3d("max"),
    "AvgPool3D": _pool_3d("average"),
    "DenseBincount": _bincount,
    "ResizeBicubic": _resize_by("ResizeBicubic", _CORNERS),
    "ResizeArea": _resize_by("ResizeArea", _CORNERS[:1]),
    "ScaleAndTranslate": _scale_and_translate,
}
