"""What rounding the first layers' weights does to the mean of their results goes into the biases.

W is stored as W', so every result is off by (W' − W)·x, and by (W' − W)·E[x] on average. The inputs
of a model are far from zero on average (raw pixels from 0 to 255), which makes this the larger part
of the error; the mean over the examples is known, so bias += (W − W')·E[x] (the bias correction of
Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019).
Zeros that a convolution pads with are not seen, a border of few pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.graph.build import make_constant
from litesmith.graph.edit import users
from litesmith.graph.facts import FACTS
from litesmith.quantize.annotate import Annotated
from litesmith.quantize.params import to_integers

_HANDS_ON = frozenset({
    "QUANTIZE", "PAD", "PADV2", "AVERAGE_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR",
})  # fmt: skip
# Behind these, channels are others: the mean of all is taken for each.
_REORDERS = frozenset({"TRANSPOSE", "RESHAPE", "REVERSE_V2", "GATHER"})
_LINEAR = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})


def corrected(
    annotated: Annotated,
    means: Sequence[Array | None],
    others: Mapping[Tensor, Array] = MappingProxyType({}),
) -> Annotated:
    """Return the annotated graph with the biases of its first layers corrected.

    Args:
        annotated: from `annotate`.
        means: per input float64[last axis] or float64[1], None where unknown.
        others: the same of float tensors behind the inputs.
    """
    graph = annotated.graph
    readers = users(graph)
    swap: dict[Op, Op] = {}
    for tensor, mean in (*zip(graph.inputs, means, strict=True), *others.items()):
        if mean is not None and tensor.dtype is DType.FLOAT32 and np.isfinite(mean).all():
            swap |= _first(tensor, mean, readers, annotated)
    if not swap:
        return annotated
    ops = tuple(swap.get(op, op) for op in graph.ops)
    integer = frozenset(swap.get(op, op) for op in annotated.integer)
    return replace(annotated, graph=graph.with_(ops=ops), integer=integer)


def _first(
    start: Tensor, mean: Array, readers: Mapping[Tensor, list[Op]], annotated: Annotated
) -> dict[Op, Op]:
    found: dict[Op, Op] = {}
    todo = [(start, mean)]
    while todo:
        x, mean = todo.pop()
        for op in readers.get(x, ()):
            if op.kind in _HANDS_ON and op.inputs[0] is x:
                todo.append((op.outputs[0], mean))
            elif op.kind in _REORDERS and op.inputs[0] is x:
                todo.append((op.outputs[0], mean.mean(keepdims=True)))
            elif op in annotated.integer and op.kind in _LINEAR and op.inputs[0] is x:
                new = _with_bias(op, mean)
                found |= {} if new is None else {op: new}
    return found


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
