"""From ranges and weights to scale and zero point.

Formulas: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (2018), section 2; restrictions of the TFLite 8-bit
quantization specification (weights symmetric in [-127, 127], bias int32 with zero point 0).
"""

from __future__ import annotations

import numpy as np

from litesmith.graph import Array, QuantParams

# Below this a scale is that of a tensor that never moves; a smaller one would make the multipliers
# of neighboring kernels overflow, and 6 / scale, the clamp of RELU6, too.
_SMALLEST_SCALE = 1e-6 / 255
# Values beyond stand for infinity; kernels of ADD multiply a scale by 2^20 in float32.
_LARGEST_VALUE = 1e30
_SMALLEST_WEIGHT_SCALE = 1e-9
_NOTHING = 2.0**-12  # of a typical scale
_NEAR_POWER = 2e-3  # in exponents; LiteRT takes 1e-3 for none
_WIDE = 16  # bits of wide activations
_FINE = 8  # bits of weights from which clipping wins nothing worth having
_FEWEST = (0.2, 0.4)  # of max|w| that clips keep: of 3 bits, of more
# A bias may use half of int32; the accumulator needs the rest.
_LARGEST_BIAS = 2**30


def activation_params(
    low: float, high: float, smallest_scale: float = 0.0, bits: int = 8
) -> QuantParams:
    """Return parameters that represent [low, high] and 0 exactly.

    Args:
        low: smallest observed value; the range is widened to contain 0.
        high: largest observed value.
        smallest_scale: lower bound of the scale (0 for none).
        bits: 8, or 16 for symmetric ones (zero point 0, as the int16 kernels demand).
    """
    low, high = max(low, -_LARGEST_VALUE), min(high, _LARGEST_VALUE)
    if bits == _WIDE:
        peak = max(abs(low), abs(high))
        scale = max(peak / 32767, smallest_scale, _SMALLEST_SCALE)
        # Where all scales are powers of two, ADD and SUB take other kernels, with more demands.
        exponent = np.log2(scale)
        if abs(exponent - np.rint(exponent)) < _NEAR_POWER:
            scale *= 1 + 2 * _NEAR_POWER
        return fixed_params(scale, 0, bits)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, smallest_scale, _SMALLEST_SCALE)
    zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return fixed_params(scale, zero_point)


def fixed_params(scale: float, zero_point: int, bits: int = 8) -> QuantParams:
    """Return per-tensor parameters of 8 or 16 bits."""
    scales, zeros = np.asarray([scale], np.float32), np.asarray([zero_point], np.int64)
    return QuantParams(scales, zeros, bits=bits)


def same(a: QuantParams, b: QuantParams) -> bool:
    """Return whether two sets of per-tensor parameters are equal."""
    return bool(
        a.scale[0] == b.scale[0] and a.zero_point[0] == b.zero_point[0] and a.bits == b.bits
    )


def represented_range(quant: QuantParams) -> tuple[float, float]:
    """Return the smallest and largest real value of per-tensor parameters."""
    scale, zero, half = float(quant.scale[0]), int(quant.zero_point[0]), 2 ** (quant.bits - 1)
    return (-half - zero) * scale, (half - 1 - zero) * scale


def weight_params(
    weights: Array,
    axis: int,
    bias: Array | None = None,
    input_scale: float = 0.0,
    bits: int = 8,
) -> QuantParams:
    """Return symmetric per-channel parameters.

    The scale is max|w| / 127 per channel for 8 bits; for fewer the one with the least squared
    error: for 4 and 3 bits the best of some clips of max|w| (facts: 41 to 54 % on ResNet8), for
    −α, 0, α and ±α exactly.

    Args:
        weights: float32[…], with output channels along `axis`.
        axis: the output-channel axis.
        bias: float32[channels]; with `input_scale`, channels whose bias would not fit int32 at
            input_scale · scale get a larger scale.
        input_scale: scale of the op's input, 0 when the bias stays float.
        bits: of the stored integers: 8, 4, 3, 2 (−1, 0, 1) or 1 (−1, 1).
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    peak = np.abs(weights).max(axis=others, initial=0.0).astype(np.float64)
    scale = np.maximum(_best_scale(weights, axis, peak, bits), _SMALLEST_WEIGHT_SCALE)
    # A dead channel (all zeros) takes a typical scale: its value does not matter, its size does.
    # One bit has no zero for it, so there the value has to be small.
    typical = float(np.median(scale[peak > 0])) if (peak > 0).any() else 1.0
    scale = np.where(peak > 0, scale, typical * _NOTHING if bits == 1 else typical)
    if bias is not None and input_scale > 0:
        scale = np.maximum(scale, np.abs(bias.reshape(-1)) / (input_scale * _LARGEST_BIAS))
    return QuantParams(scale.astype(np.float32), np.zeros(scale.size, np.int64), axis, bits)


def _best_scale(weights: Array, axis: int, peak: Array, bits: int) -> Array:
    """Return float64[channels], the scale with the least squared error (8 bits: that clips none).

    ±α: α = mean|w| (Rastegari et al., "XNOR-Net", 2016). −α, 0, α: the error of keeping the n
    largest is Σw² − (Σ_n |w|)² / n, so the best n is seen by sorting; α is their mean (Li et al.,
    "Ternary Weight Networks", 2016, who approximate it), and rounding to the nearest keeps them.
    """
    if bits > 2:
        top = 2 ** (bits - 1) - 1
        clip = np.ones_like(peak) if bits >= _FINE else best_clip(weights, axis, top)
        return np.asarray(clip * peak / top)
    rows = np.abs(np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1))
    if bits == 1:
        return np.asarray(rows.mean(1, dtype=np.float64))
    sums = np.cumsum(-np.sort(-rows, axis=1), axis=1, dtype=np.float64)
    kept = np.arange(1, rows.shape[1] + 1)
    best = np.argmax(np.square(sums) / kept, axis=1)
    return np.asarray(sums[np.arange(len(rows)), best] / kept[best])


def best_clip(weights: Array, axis: int, top: int) -> Array:
    """Return per channel the part of max|w| to keep so that the squared error is least.

    Args:
        weights: float32, `axis` is the output-channel axis.
        axis: see above.
        top: the largest integer.

    Returns:
        float64[channels] in [0.4, 1], from 0.2 on where `top` is 3.
    """
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
    peak = np.abs(rows).max(1, keepdims=True)
    unit = rows / np.where(peak > 0, peak, 1) * np.float32(top)  # in steps of the unclipped scale
    best, least = np.ones(len(rows)), np.full(len(rows), np.inf)
    for part in np.linspace(1.0, _FEWEST[top > 3], 25, dtype=np.float32):
        kept = np.clip(np.rint(unit / part), -top, top) * part
        error = np.square(kept - unit).sum(1)
        better = error < least
        best, least = np.where(better, part, best), np.where(better, error, least)
    return best


def bias_params(input_scale: float, weights: QuantParams, bits: int = 32) -> QuantParams:
    """Return bias parameters: scale = input scale · weight scale, zero point 0.

    Args:
        input_scale: of the op's input.
        weights: the parameters of its weights.
        bits: 32, or 64 where activations are int16.
    """
    scale = (np.float32(input_scale) * weights.scale).astype(np.float32)
    return QuantParams(scale, np.zeros(scale.size, np.int64), 0, bits)
