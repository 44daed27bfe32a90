"""An annotated graph computes what the integer file that becomes of it computes.

In an annotated graph (quantize/annotate.py) tensors are float and carry the parameters of the
integers that they will be. Here constants take the values of their integers, and every result is
put on the grid of its own: fed what LiteRT's kernels are fed, an op is within one step of them.
Gradients pass straight through the rounding, and stop where a value leaves the range (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from litesmith.graph import DType, Op, QuantParams, Tensor
from litesmith.graph.enums import CLAMPS, Activation
from litesmith.graph.facts import facts
from litesmith.graph.integers import to_integers, to_real
from litesmith.kernels.evaluate import Hooks
from litesmith.kernels.value import TfTensor, Value

# Ops that share a scale with what they read but compute new values: the others only move them.
_COMPUTES = frozenset({"AVERAGE_POOL_2D", "L2_POOL_2D", "RESIZE_BILINEAR"})


def _even(steps: TfTensor, zero: float) -> TfTensor:
    return tf.round(steps) + zero


def _away(steps: TfTensor, zero: float) -> TfTensor:
    # Halves are computed in float: what is meant to be one may be a little less.
    integers = steps + zero
    return tf.sign(integers) * tf.floor(tf.abs(integers) + _HALF)


def _up(steps: TfTensor, zero: float) -> TfTensor:
    return tf.floor(steps + _HALF) + zero


def _down(steps: TfTensor, zero: float) -> TfTensor:
    return tf.floor(steps + (_HALF - 0.5)) + zero


Rounding = Callable[[TfTensor, float], TfTensor]
_HALF = 0.5 + 1e-4
# How kernels round, where it shows: pixels that were scaled and sums of few values lie halfway
# between two integers time and again, and the table of SQRT is not rounded at all. A function takes
# the real value in steps of the grid, and the zero point.
_ROUNDING: Mapping[str, Rounding] = {
    "ADD": _even,
    "AVERAGE_POOL_2D": _away,
    "MEAN": _even,
    "QUANTIZE": _even,
    "RESIZE_BILINEAR": _up,
    "SQRT": _down,
    "SUB": _even,
    "SUM": _even,
}


def simulation() -> Hooks:
    """Return the hooks that make `evaluate` compute what the integer file computes."""
    return Hooks(stored, rounded, entered)


def stored(tensor: Tensor) -> TfTensor | None:
    """Return the values that a constant has in the file, None for one that keeps its own."""
    if tensor.quant is None or tensor.dtype is not DType.FLOAT32 or tensor.data is None:
        return None
    return tf.constant(to_real(to_integers(tensor.data, tensor.quant), tensor.quant))


def rounded(op: Op, tensor: Tensor, value: Value) -> Value:
    """Return a result on the grid of its tensor."""
    if tensor.quant is None or tensor.dtype is not DType.FLOAT32 or only_moves(op):
        return value
    return value.with_(grid(tensor.quant, _ROUNDING.get(op.kind))(value.tensor))


def entered(tensor: Tensor, value: Value) -> Value:
    """Return what an input that arrives as integers can be of the value fed."""
    if tensor.quant is None or tensor.dtype is not DType.FLOAT32:
        return value
    return value.with_(grid(tensor.quant, _even)(value.tensor))


def only_moves(op: Op) -> bool:
    """True where values on the grid stay on it."""
    row = facts(op)
    clamped = op.option("fused_activation_function", Activation.NONE) != Activation.NONE
    return row is not None and row.tied and op.kind not in _COMPUTES and not clamped


def grid(quant: QuantParams, rounding: Rounding | None = None) -> Callable[[TfTensor], TfTensor]:
    """Return the function that puts real values on the grid of per-tensor parameters.

    Args:
        quant: of an activation, 8 or 16 bits.
        rounding: to integers; None: halves (and what is within 1e-4 of them) go up, for which
            TensorFlow has one op, ten times faster than a chain of them with its gradients.
    """
    scale, zero = float(quant.scale[0]), float(quant.zero_point[0])
    low, high = limits(quant)
    half = 2 ** (quant.bits - 1)
    if rounding is None:

        def fast(x: TfTensor) -> TfTensor:
            return tf.quantization.fake_quant_with_min_max_args(x, low, high, quant.bits)

        return fast

    def gradient(upstream: TfTensor, x: TfTensor) -> TfTensor:
        return tf.quantization.fake_quant_with_min_max_args_gradient(
            upstream, x, low, high, quant.bits
        )

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def chain(x: TfTensor) -> tuple[TfTensor, Callable[[TfTensor], TfTensor]]:
        q = tf.clip_by_value(rounding(x * (1 / scale), zero), -half, half - 1)
        return (q - zero) * scale, lambda upstream: gradient(upstream, x)

    made: Callable[[TfTensor], TfTensor] = chain
    return made


def limits(quant: QuantParams) -> tuple[float, float]:
    """Return the least and the greatest real value of per-tensor parameters."""
    scale, zero, half = float(quant.scale[0]), int(quant.zero_point[0]), 2 ** (quant.bits - 1)
    return scale * (-half - zero), scale * (half - 1 - zero)


def implied(activation: int, quant: QuantParams) -> bool:
    """Return whether rounding clamps a result to no more than a fused activation does."""
    clamp = CLAMPS.get(activation)
    if clamp is None:
        return False
    # In whole steps: 6 and the greatest value of a grid that ends there differ in the last digit.
    scale, ends = float(quant.scale[0]), zip(limits(quant), clamp, strict=True)
    (low, least), (high, most) = ((end / scale, bound / scale) for end, bound in ends)
    return low > least - 0.5 and high < most + 0.5
