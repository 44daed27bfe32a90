"""Demands of Ethos-U rows on weights, windows, strides and resizing (Vela 5.2.0)."""

from __future__ import annotations

import math

import numpy as np

from litesmith.graph import DType, Op
from litesmith.graph.enums import Padding
from litesmith.targets import constraints as c
from litesmith.targets.rules import Constraint, weights_of

_MAX_WEIGHT_SUM = {DType.INT8: 127 * 2**16, DType.UINT8: 127 * 2**16, DType.INT16: 127 * 2**16}

_MAX_BIAS = 2**40


def _weight_sums(op: Op) -> bool:
    """No output channel's absolute weights may add up to more than the accumulator can take."""
    weights = weights_of(op)
    if weights is None or weights.data is None:
        return True
    values = weights.data.astype(np.int64)
    if weights.quant is not None and weights.quant.zero_point.size == 1:
        values = values - int(weights.quant.zero_point[0])
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(i for i in range(values.ndim) if i != axis)
    limit = _MAX_WEIGHT_SUM.get(c.real(op).dtype, 127 * 2**16)
    return int(np.abs(values).sum(axis=others).max(initial=0)) <= limit


def _bias(op: Op) -> bool:
    bias = op.input(3 if op.kind == "TRANSPOSE_CONV" else 2)
    if bias is None:
        return True
    if bias.data is None or bias.dtype not in (DType.INT32, DType.INT64):
        return False
    return bool(np.abs(bias.data.astype(np.int64)).max(initial=0) < _MAX_BIAS)


def _wide_stride(op: Op) -> bool:
    if max(c.strides(op)) <= 3:
        return True
    valid = op.option("padding", Padding.SAME) == Padding.VALID
    return c.dilations(op) == (1, 1) and (valid or not _padded(op))


def _padded(op: Op) -> bool:
    """True when SAME padding adds rows or columns."""
    sizes = zip(
        c.spatial(c.real(op)), c.spatial(op.outputs[0]), c.strides(op), c.kernel(op), strict=True
    )
    return any((out - 1) * stride + window > n for n, out, stride, window in sizes)


def _transpose_stride(op: Op) -> bool:
    height, width = c.strides(op)
    rows, columns = c.spatial(c.real(op))
    window = c.kernel(op)
    return (
        (height, width) in ((1, 1), (2, 2))
        or ((height, width) == (1, 2) and rows == 1 and window[0] == 1)
        or ((height, width) == (2, 1) and columns == 1 and window[1] == 1)
    )


def _transpose_shape(op: Op) -> bool:
    same = op.option("padding", Padding.SAME) == Padding.SAME
    sizes = zip(
        c.spatial(op.outputs[0]), c.spatial(c.real(op)), c.strides(op), c.kernel(op), strict=True
    )
    return all(out == n * s + (0 if same else max(k - s, 0)) for out, n, s, k in sizes)


def _scales(op: Op) -> tuple[float | None, float | None] | None:
    """Return the vertical and horizontal resize factor; None where any factor will do."""
    before, after = c.spatial(c.real(op)), c.spatial(op.outputs[0])
    if before == (1, 1) or before == after:
        return None
    corners = 1 if op.option("align_corners", False) else 0
    factors = [
        None if n == m == 1 else (m - corners) / (n - corners) if n > corners else math.inf
        for n, m in zip(before, after, strict=True)
    ]
    return factors[0], factors[1]


def _one_factor(op: Op) -> float | None:
    """Return the factor that both sides share, inf where they do not; None: any will do."""
    found = _scales(op)
    if found is None:
        return None
    given = [factor for factor in found if factor is not None]
    return given[0] if len(set(given)) == 1 else math.inf


def _scale_248(op: Op) -> bool:
    return _one_factor(op) in (None, 2.0, 4.0, 8.0)


def _half_twice(op: Op) -> bool:
    if not op.option("half_pixel_centers", False) or c.spatial(c.real(op)) == (1, 1):
        return True
    return _one_factor(op) == 2.0


def _factors(op: Op) -> list[float]:
    return [f for f in _scales(op) or () if f is not None]


def _power_of_two(op: Op) -> bool:
    return all(math.isfinite(f) and f >= 1 and math.log2(f).is_integer() for f in _factors(op))


def _scale_limit(op: Op) -> bool:
    limit = 2048 if op.option("align_corners", False) else 1024
    return all(f <= limit for f in _factors(op))


DYNAMIC_INT8 = Constraint(
    "dynamic_int8",
    "int8 activations where the weights are computed",
    lambda op: c.constant(op, 1) or c.real(op).dtype is DType.INT8,
)
BIAS = Constraint("bias", "a constant bias of int32 or int64 below 2^40", _bias)

KERNEL_STATIC = c.constants("weights", 1)


def _window_256(op: Op) -> bool:
    return c.kernel(op)[0] <= 256 and math.prod(c.kernel(op)) <= 256 * 256


WEIGHT_SUM = Constraint(
    "weight_sum",
    "absolute weights that add up to at most 8323072 per output channel",
    _weight_sums,
    "Split the layer along its input channels.",
)

STRIDE_3 = Constraint(
    "stride_3", "strides of 1 to 3", lambda op: max(c.strides(op)) <= 3,
    "Use smaller strides, or a pool in front.",
)  # fmt: skip

WIDE_STRIDE = Constraint(
    "wide_stride", "strides of 1 to 3, or neither dilation nor padding", _wide_stride,
    "Use smaller strides, or pad in a layer of its own.",
)  # fmt: skip

TRANSPOSE_STRIDE = Constraint(
    "transpose_stride", "strides of 1x1 or 2x2 (1x2, 2x1 along a side of 1)", _transpose_stride,
    "Upsample in steps of two.",
)  # fmt: skip

TRANSPOSE_SHAPE = Constraint(
    "transpose_shape", "an output size that follows from input, stride and window",
    _transpose_shape, "Drop output_padding.",
)  # fmt: skip

AVERAGE_WINDOW = Constraint(
    "average_window",
    "a window of at most 8x8 with SAME padding, 256x256 (height 256) with VALID",
    lambda op: (
        max(c.kernel(op)) <= 8
        if op.option("padding", Padding.SAME) == Padding.SAME
        else _window_256(op)
    ),
    "Use smaller windows, or VALID padding.",
)

WINDOW = Constraint(
    "window",
    "a window of at most 256x256, height 256",
    _window_256,
    "Use smaller windows.",
)

SCALE_248 = Constraint(
    "scale_248", "a factor of 2, 4 or 8 in both directions", _scale_248,
    "Resize in steps of two, or outside of the model.",
)  # fmt: skip

HALF_TWICE = Constraint(
    "half_twice", "a factor of 2 with half-pixel centers", _half_twice,
    "Resize in steps of two, or outside of the model.",
)  # fmt: skip

POWER_OF_TWO = Constraint(
    "power_of_two", "factors that are powers of two", _power_of_two,
    "Resize in steps of two, or outside of the model.",
)  # fmt: skip

SCALE_LIMIT = Constraint(
    "scale_limit", "factors of at most 1024 (2048 with aligned corners)", _scale_limit
)
