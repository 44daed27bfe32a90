"""Real values ⇄ the integers that quantization parameters make of them."""

from __future__ import annotations

import numpy as np

from litesmith.graph.dtypes import DType
from litesmith.graph.model import Array, QuantParams

# Weights of 1 to 3 bits are held in the next wider type that LiteRT computes with.
_DTYPES = {
    1: DType.INT4,
    2: DType.INT4,
    3: DType.INT4,
    4: DType.INT4,
    8: DType.INT8,
    16: DType.INT16,
    32: DType.INT32,
    64: DType.INT64,
}


def to_integers(values: Array, quant: QuantParams) -> Array:
    """Return round(values / scale) + zero point, clipped to the width of `quant`.

    Weights (per-channel, or of fewer than 8 bits) use the narrow range without the most negative
    integer, so that products of two of them stay inside 16 bits, as the kernels expect. One bit
    knows no zero: -1 below 0, else 1.

    Args:
        values: float32 of any shape.
        quant: parameters; per-channel ones run along `quant.axis`.

    Returns:
        int8 (up to 8 bits), int16, int32 or int64 of the same shape.
    """
    if quant.bits == 1:
        return np.where(values < 0, np.int8(-1), np.int8(1))
    shape = [1] * values.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    scale = quant.scale.astype(np.float64).reshape(shape)
    zero = quant.zero_point.reshape(shape)
    # Beyond 2^53 float64 knows no neighbors, and int64 ends before the float that names its end.
    top = 2 ** (min(quant.bits, 54) - 1) - 1
    bottom = -top - 1 if quant.axis is None and quant.bits == 8 else -top
    integers = np.rint(values.astype(np.float64) / scale) + zero
    return np.asarray(np.clip(integers, bottom, top), integer_dtype(quant).numpy)


def integer_dtype(quant: QuantParams) -> DType:
    """Return the tensor type that holds these parameters' integers."""
    return _DTYPES[quant.bits]


def to_real(integers: Array, quant: QuantParams) -> Array:
    """Return scale · (integers − zero point), float32: what integers of `to_integers` mean."""
    shape = [1] * integers.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    scale, zero = quant.scale.reshape(shape), quant.zero_point.reshape(shape)
    if quant.axis is None and not integers.ndim:
        scale, zero = scale.reshape(()), zero.reshape(())
    return np.asarray((integers.astype(np.int64) - zero) * scale.astype(np.float64), np.float32)
