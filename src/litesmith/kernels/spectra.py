"""Spectra of real signals, and the real values made of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.kernels.activations import unary
from litesmith.kernels.operands import integers
from litesmith.kernels.value import Call, Kernel, Value


def _rfft2d(call: Call) -> tuple[Value, ...]:
    """Transform the last two axes; operand 1 says to which sizes they are cut or padded with 0.

    That is done beforehand: TensorFlow has no gradient for it.
    """
    x, sizes = call.value(0), integers(call, 1)
    cut = x.tensor[..., : sizes[0], : sizes[1]]
    short = [[0, want - have] for want, have in zip(sizes, cut.shape[-2:], strict=True)]
    whole = tf.pad(cut, [[0, 0]] * (len(cut.shape) - 2) + short)
    return (x.with_(tf.signal.rfft2d(whole)),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "COMPLEX_ABS": unary(tf.abs),
        "IMAG": unary(tf.math.imag),
        "REAL": unary(tf.math.real),
        "RFFT2D": _rfft2d,
    }
)
