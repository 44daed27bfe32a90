"""From ranges and weights to scale and zero point.

Formulas: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (2018), section 2; restrictions of the TFLite 8-bit
quantization specification (weights symmetric in [-127, 127], bias int32 with zero point 0).
"""

from __future__ import annotations

import numpy as np

from litesmith.graph import Array, DType, QuantParams

# Below this a range is that of a tensor that never moves; a smaller scale would make the
# multipliers of neighboring kernels overflow.
_SMALLEST_RANGE = 1e-6
_SMALLEST_WEIGHT_SCALE = 1e-9
# A bias may use half of int32; the accumulator needs the rest.
_LARGEST_BIAS = 2**30


def activation_params(low: float, high: float, smallest_scale: float = 0.0) -> QuantParams:
    """Return int8 parameters that represent [low, high] and 0 exactly.

    Args:
        low: smallest observed value; the range is widened to contain 0.
        high: largest observed value.
        smallest_scale: lower bound of the scale (0 for none).
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, smallest_scale, _SMALLEST_RANGE / 255)
    zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return fixed_params(scale, zero_point)


def fixed_params(scale: float, zero_point: int) -> QuantParams:
    """Return per-tensor int8 parameters."""
    return QuantParams(np.asarray([scale], np.float32), np.asarray([zero_point], np.int64))


def same(a: QuantParams, b: QuantParams) -> bool:
    """Return whether two sets of per-tensor parameters are equal."""
    return bool(a.scale[0] == b.scale[0] and a.zero_point[0] == b.zero_point[0])


def represented_range(quant: QuantParams) -> tuple[float, float]:
    """Return the smallest and largest real value of per-tensor int8 parameters."""
    scale, zero = float(quant.scale[0]), int(quant.zero_point[0])
    return (-128 - zero) * scale, (127 - zero) * scale


def weight_params(
    weights: Array, axis: int, bias: Array | None = None, input_scale: float = 0.0
) -> QuantParams:
    """Return symmetric per-channel int8 parameters, scale = max|w| / 127 per channel.

    Args:
        weights: float32, `axis` is the output-channel axis.
        axis: see above.
        bias: float32[channels]; with `input_scale`, channels whose bias would not fit int32 at
            input_scale · scale get a larger scale.
        input_scale: scale of the op's input, 0 when the bias stays float.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    peak = np.abs(weights).max(axis=others).astype(np.float64)
    scale = np.maximum(peak / 127, _SMALLEST_WEIGHT_SCALE)
    # A dead channel (all zeros) takes a typical scale: its value does not matter, its size does.
    scale = np.where(peak > 0, scale, np.median(scale[peak > 0]) if (peak > 0).any() else 1.0)
    if bias is not None and input_scale > 0:
        scale = np.maximum(scale, np.abs(bias.reshape(-1)) / (input_scale * _LARGEST_BIAS))
    return QuantParams(scale.astype(np.float32), np.zeros(scale.size, np.int64), axis)


def bias_params(input_scale: float, weights: QuantParams) -> QuantParams:
    """Return int32 parameters: scale = input scale · weight scale, zero point 0."""
    scale = (np.float32(input_scale) * weights.scale).astype(np.float32)
    return QuantParams(scale, np.zeros(scale.size, np.int64), 0, 32)


def to_integers(values: Array, quant: QuantParams) -> Array:
    """Return round(values / scale) + zero point, clipped to the width of `quant`.

    Weights (per-channel) use the narrow range without the most negative integer, so that
    products of two of them stay inside 16 bits, as the kernels expect.

    Args:
        values: float32 of any shape.
        quant: parameters; per-channel ones run along `quant.axis`.

    Returns:
        int8, int16 or int32 of the same shape.
    """
    shape = [1] * values.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    scale = quant.scale.astype(np.float64).reshape(shape)
    zero = quant.zero_point.reshape(shape)
    top = 2 ** (quant.bits - 1) - 1
    bottom = -top if quant.axis is not None or quant.bits > 8 else -top - 1
    integers = np.rint(values.astype(np.float64) / scale) + zero
    dtype = {8: np.int8, 16: np.int16, 32: np.int32}[quant.bits]
    return np.asarray(np.clip(integers, bottom, top), dtype)


def integer_dtype(quant: QuantParams) -> DType:
    """Return the tensor type that holds these parameters' integers."""
    return {8: DType.INT8, 16: DType.INT16, 32: DType.INT32}[quant.bits]
