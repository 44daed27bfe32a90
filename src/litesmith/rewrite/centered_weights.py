"""A linear op whose result has its mean over the channels subtracted yields the difference itself.

Algebra: for f(z) = W·z + b, with the mean over the output channels, the last axis,
    SUB(f(z), MEAN(f(z))) = (W − mean W)·z + (b − mean b)
as in Dense → LayerNormalization. Side conditions: f is a FULLY_CONNECTED or an ungrouped CONV_2D
without activation, nothing else reads f(z), MEAN keeps its dimension, and the weights are read by
nothing else or are small. Saves MEAN and SUB. Minimum: none of the two is left.
"""

from __future__ import annotations

import numpy as np

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, affordable, value


def _center(op: Op, view: View) -> Edit | Decline | None:
    x, m = op.inputs[:2]
    linear = view.maker(x, "FULLY_CONNECTED", "CONV_2D")
    mean = view.private(m, "MEAN")
    if linear is None or mean is None or x is None or mean.inputs[0] is not x:
        return None
    if activation(linear) or activation(op) != Activation.NONE or not _over_channels(mean, x):
        return None
    weights, bias = linear.input(1), linear.input(2)
    if value(weights) is None or (bias is not None and value(bias) is None):
        return Decline(op, "the weights of the op before the mean are computed")
    if x in view.outputs or set(view.read_by[x]) != {mean, op}:
        return Decline(op, "the value before its mean is subtracted is needed elsewhere")
    if linear.kind == "CONV_2D" and _grouped(linear):
        return Decline(op, "the convolution is grouped: its channels read different inputs")
    assert weights is not None
    if not affordable(weights, view):
        return Decline(op, "the weights are large and shared")
    inputs = [linear.inputs[0], _centered(weights)]
    if bias is not None:
        inputs.append(_centered(bias))
    rest = linear.inputs[len(inputs) :]
    new = linear.with_(inputs=(*inputs, *rest), outputs=op.outputs)
    return Edit({linear: (new,), mean: (), op: ()})


def _over_channels(mean: Op, x: Tensor) -> bool:
    """True for MEAN over the last axis that keeps it."""
    axes = mean.input(1)
    if axes is None or axes.data is None or not mean.option("keep_dims"):
        return False
    rank = len(x.shape)
    return {int(a) % rank for a in axes.data.reshape(-1)} == {rank - 1}


def _grouped(conv: Op) -> bool:
    x, weights = conv.inputs[:2]
    assert x is not None and weights is not None
    return x.shape[-1] != weights.shape[-1]


def _centered(tensor: Tensor) -> Tensor:
    """Subtract the mean over axis 0, the output channels of weights[out, …] and bias[out]."""
    data: Array = np.asarray(tensor.data, np.float64)
    return tensor.with_(data=(data - data.mean(axis=0, keepdims=True)).astype(np.float32))


CENTERED_WEIGHTS = Family(
    "centered_weights",
    "a mean over channels is subtracted in the weights of the op before it",
    {"SUB": (_center,)},
)
