"""What of a graph is trained, and in which unit: one rate then serves all of it.

Folded weights differ a thousandfold in size between layers, so a rate in their own unit fits some
layers only. Here everything is counted in steps of its own grid: a weight in steps of its channel's
scale, a bias in steps of the result that it is added to, a scale in tenths of its logarithm. Float
weights are counted in sevenths of their channel's largest, the steps that 4 bits would have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.facts import FACTS
from litesmith.graph.integers import to_integers

FLOAT_BITS = 32
SCALE_RATE = 0.1  # of a scale's logarithm, as opposed to weights
_UNIT_STEPS = 7  # of the widest weight of a float channel
# Levels per unit: where a level is most of the weight, it must move further to be another one, and
# the noise of large steps does little harm that rounding has not done.
_GAINS = {1: 2.0, 2: 2.0, 3: 2.0}
_FLOOR = 1e-5  # of the largest scale of a tensor: dead channels would have none
_TINY = 1e-30
RANGE_FACTOR = 1.4  # that the scale of a result may grow or shrink by
# XNNPACK rescales by less than 256; the scales of an op's data and result may move as well.
_LARGEST_RESCALE = 250.0 / RANGE_FACTOR**2


@dataclass(frozen=True, eq=False)
class Weight:
    """A constant that is multiplied: `step · level(gain · u)` with u trained.

    Attributes:
        tensor: in the graph.
        bits: 8, 4, 3, 2 (−1, 0, 1), 1 (±1), or FLOAT_BITS: not rounded.
        step: float32, per output channel, shaped to broadcast.
        gain: levels per unit.
        start: float32, u to begin with.
    """

    tensor: Tensor
    bits: int
    step: Array
    gain: float
    start: Array


@dataclass(frozen=True, eq=False)
class Offset:
    """A constant that is added: `start + unit · v` with v trained, 0 to begin with."""

    tensor: Tensor
    unit: Array


def top_level(bits: int) -> int:
    """Return the largest level of so many bits; of two, the levels are −1, 0 and 1."""
    return max(1, (1 << (bits - 1)) - 1)


def weights_of(graph: Graph) -> Iterator[tuple[Op, Tensor, Tensor | None]]:
    """Yield (op, weights, bias) of ops with constant float weights, called graphs included."""
    for part in graph.graphs():
        for op in part.ops:
            row = FACTS.get(op.kind)
            if row is None or row.weights is None:
                continue
            weights, bias = op.input(row.weights.index), op.input(row.weights.bias)
            if weights is None or not _trains(weights):
                continue
            yield op, weights, bias if bias is not None and _trains(bias) else None


def _trains(tensor: Tensor) -> bool:
    return tensor.is_constant and tensor.dtype is DType.FLOAT32 and not tensor.raw


def parameters(graph: Graph) -> tuple[tuple[Weight, ...], tuple[Offset, ...]]:
    """Return the constants of a float or annotated graph that training changes, each once."""
    weights: dict[Tensor, Weight] = {}
    offsets: dict[Tensor, Offset] = {}
    for op, tensor, bias in weights_of(graph):
        if tensor not in weights:
            weights[tensor] = _weight(op, tensor)
        if bias is not None and bias not in offsets:
            offsets[bias] = _offset(op, weights[tensor], bias)
    return tuple(weights.values()), tuple(offsets.values())


def _weight(op: Op, tensor: Tensor) -> Weight:
    row = FACTS[op.kind].weights
    assert row is not None and tensor.data is not None
    data, quant = tensor.data, tensor.quant
    if quant is None:
        others = tuple(i for i in range(data.ndim) if i != row.axis)
        step = _floored(np.abs(data).max(others, keepdims=True) / _UNIT_STEPS)
        return Weight(tensor, FLOAT_BITS, step, 1.0, data / step)
    step = _floored(along(quant.scale, quant.axis, data.ndim))
    top = top_level(quant.bits)
    gain = _GAINS.get(quant.bits, 1.0)
    edge = np.float32(top + 0.49)
    weight = Weight(tensor, quant.bits, step, gain, np.clip(data / step, -edge, edge) / gain)
    # Ties, and what float32 rounds to one: the grid of the file is what counts.
    stored = to_integers(data, quant).astype(np.float32)
    start = np.where(levels(weight.start, weight) == stored, weight.start, stored / gain)
    return replace(weight, start=start.astype(np.float32))


def _offset(op: Op, weight: Weight, bias: Tensor) -> Offset:
    result = op.outputs[0].quant
    if result is not None:
        return Offset(bias, np.asarray(result.scale[0], np.float32))
    # In float: what one unit of all weights does to an input of about one.
    step = np.sqrt(np.float32(weight.start.size / max(weight.step.size, 1))) * weight.step
    assert bias.data is not None
    each = step.size == bias.data.size
    return Offset(bias, step.reshape(-1) if each else np.asarray(step.mean()))


def _floored(step: Array) -> Array:
    step = np.asarray(step, np.float32)
    return np.maximum(step, max(float(step.max(initial=0.0)) * _FLOOR, _TINY))


def along(values: Array, axis: int | None, rank: int) -> Array:
    """Return per-channel values shaped to broadcast over a tensor of this rank."""
    shape = [1] * rank
    if axis is not None:
        shape[axis] = -1
    return values.reshape(shape)


def most_growth(graph: Graph) -> dict[Tensor, float]:
    """Return weights → how much the logarithm of their scales may grow, in units.

    XNNPACK rescales sums by input scale · weight scale / result scale, which must stay below 256.
    """
    found: dict[Tensor, float] = {}
    for op, weights, _ in weights_of(graph):
        data, result = op.inputs[FACTS[op.kind].activations[0]], op.outputs[0]
        most = float("inf")
        if data is not None and data.quant and result.quant and weights.quant:
            factor = float(data.quant.scale[0]) * float(weights.quant.scale.max())
            room = np.log(_LARGEST_RESCALE * float(result.quant.scale[0]) / max(factor, _TINY))
            most = max(float(room), 0.0) / SCALE_RATE
        found[weights] = min(most, found.get(weights, most))
    return found


def bias_grid(data: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """Return a bias on the grid that goes with its op: the data's scale · the weights' scale."""
    if bias.quant is None or weights.quant is None or data.quant is None:
        return bias
    scale = np.float32(data.quant.scale[0]) * weights.quant.scale
    zero = np.zeros(scale.size, np.int64)
    return bias.with_(quant=QuantParams(scale, zero, bias.quant.axis, bias.quant.bits))


def levels(u: Array, weight: Weight) -> Array:
    """Return the levels (whole numbers, float32) that trained values stand for."""
    if weight.bits == 1:
        return np.where(u < 0, np.float32(-1), np.float32(1))
    top = top_level(weight.bits)
    return np.clip(np.rint(u * np.float32(weight.gain)), -top, top)


def trained_weight(weight: Weight, u: Array, log_scale: Array) -> Tensor:
    """Return the weight's tensor with what was trained: values on the grid, and its scales.

    Args:
        weight: what was trained.
        u: float32, in units.
        log_scale: float32, like `weight.step`.
    """
    scale = (weight.step * np.exp(np.float32(SCALE_RATE) * log_scale)).astype(np.float32)
    quant = weight.tensor.quant
    if quant is None:
        return weight.tensor.with_(data=np.asarray(scale * u, np.float32))
    data = np.asarray(scale * levels(u, weight), np.float32)
    new = QuantParams(scale.reshape(-1), quant.zero_point, quant.axis, quant.bits)
    return weight.tensor.with_(data=data, quant=new)
