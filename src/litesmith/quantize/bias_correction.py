"""What rounding weights does to the mean of a linear op's results goes into its bias.

W is stored as W', so every result is off by (W' − W)·x, and by (W' − W)·E[x] on average. The inputs
of a model are far from zero on average (raw pixels from 0 to 255), and so is what a ReLU leaves;
the mean over examples is known, so bias += (W − W')·E[x] (the bias correction of Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction", 2019). Zeros that a
convolution pads with are not seen, a border of few pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.build import make_constant
from litesmith.graph.edit import producers
from litesmith.graph.facts import FACTS
from litesmith.graph.integers import to_integers
from litesmith.quantize.annotate import Annotated

_HANDS_ON = frozenset({
    "QUANTIZE", "PAD", "PADV2", "AVERAGE_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR",
})  # fmt: skip
# Behind these, channels are others: the mean of all is taken for each.
_REORDERS = frozenset({"TRANSPOSE", "RESHAPE", "REVERSE_V2", "GATHER"})
_LINEAR = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})


def corrected(annotated: Annotated, means: Mapping[Tensor, Array]) -> Annotated:
    """Return the annotated graph with the biases of its linear ops corrected.

    Args:
        annotated: from `annotate`.
        means: tensor of the source → float64[last axis] or float64[1], for those that are known.
    """
    made_by = producers(annotated.graph)
    swap: dict[Op, Op] = {}
    for op in annotated.integer:
        if op.kind in _LINEAR and op.inputs[0] is not None:
            mean = _mean(op.inputs[0], annotated, made_by, means)
            new = None if mean is None or not np.isfinite(mean).all() else _with_bias(op, mean)
            swap |= {} if new is None else {op: new}
    if not swap:
        return annotated
    ops = tuple(swap.get(op, op) for op in annotated.graph.ops)
    integer = frozenset(swap.get(op, op) for op in annotated.integer)
    return replace(annotated, graph=annotated.graph.with_(ops=ops), integer=integer)


def _mean(
    tensor: Tensor,
    annotated: Annotated,
    made_by: Mapping[Tensor, Op],
    means: Mapping[Tensor, Array],
) -> Array | None:
    """Return the mean of each column, found here or where the values come from."""
    reordered = False
    while True:
        mean = means.get(annotated.sources.get(tensor, tensor))
        if mean is not None:
            return mean.mean(keepdims=True) if reordered else mean
        op = made_by.get(tensor)
        if op is None or op.kind not in _HANDS_ON | _REORDERS or op.inputs[0] is None:
            return None
        reordered = reordered or op.kind in _REORDERS
        tensor = op.inputs[0]


def _with_bias(op: Op, mean: Array) -> Op | None:
    row = FACTS[op.kind].weights
    assert row is not None
    weights, bias = op.input(row.index), op.input(row.bias)
    if weights is None or weights.data is None or weights.quant is None:
        return None
    if bias is None or bias.data is None or bias.quant is None:
        return None
    columns = _along(op, weights.data.shape, mean)
    if columns is None:
        return None
    shape = [1] * weights.data.ndim
    if weights.quant.axis is not None:
        shape[weights.quant.axis] = -1
    stored = to_integers(weights.data, weights.quant) * weights.quant.scale.reshape(shape)
    others = tuple(i for i in range(weights.data.ndim) if i != row.axis)
    lost = ((weights.data.astype(np.float64) - stored) * columns).sum(others)
    new = make_constant(bias.name, (bias.data.reshape(-1) + lost).reshape(bias.data.shape))
    inputs = list(op.inputs)
    inputs[row.bias] = new.with_(quant=bias.quant)
    return op.with_(inputs=tuple(inputs))


def _along(op: Op, shape: tuple[int, ...], mean: Array) -> Array | None:
    """Return the mean of what each weight is multiplied by, broadcast along the weights."""
    times, left = divmod(shape[-1], mean.size)
    if left:
        return None
    # A flat row repeats all channels per pixel, a depthwise kernel one channel per result.
    return np.repeat(mean, times) if op.kind == "DEPTHWISE_CONV_2D" else np.tile(mean, times)
