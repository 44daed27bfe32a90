"""Before any gradient step: each channel's mean and variance become those of the float graph.

Coarse weights change the size of what a channel yields and where it lies, and every layer reads
what the one before got wrong. One forward pass mends all layers in turn: as soon as a linear op has
answered, its channels are scaled and shifted to the teacher's moments, later ops read the mended
values, and the same factors go into scales and biases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.facts import FACTS
from litesmith.kernels.value import TfTensor
from litesmith.train.network import Network, Watch
from litesmith.train.pairs import Pair
from litesmith.train.parameters import SCALE_RATE

_MOST = 4.0  # a channel is not made so many times larger, or smaller
_TINY = 1e-6  # of a channel's variance in the teacher: it does not move in the student


@dataclass(frozen=True)
class _Place:
    """A linear op's place among the trained numbers: of its weights, and of its bias if any."""

    weight: int
    offset: int | None


def matched(
    network: Network,
    teacher: Network,
    pairs: Sequence[Pair],
    vector: Array,
    feeds: tuple[Mapping[Tensor, Array], Mapping[Tensor, Array]],
) -> Array:
    """Return the vector with scales and biases that give each channel the teacher's moments.

    Args:
        network: student.
        teacher: float graph.
        pairs: their ops.
        vector: where the student stands.
        feeds: some examples, for the teacher's inputs and for the student's.
    """
    places = _places(network)
    chosen = {p.student.outputs[0]: p for p in pairs if p.student.outputs[0] in places}

    @tf.function  # type: ignore[untyped-decorator]
    def factors(start: TfTensor) -> dict[str, tuple[TfTensor, TfTensor]]:
        wanted: dict[Tensor, tuple[TfTensor, TfTensor]] = {}
        found: dict[str, tuple[TfTensor, TfTensor]] = {}

        def learn(op: Op, tensor: Tensor, x: TfTensor) -> TfTensor:
            wanted[tensor] = tf.nn.moments(x, list(range(len(x.shape) - 1)))
            return x

        def mend(op: Op, tensor: Tensor, x: TfTensor) -> TfTensor:
            if tensor not in chosen:
                return x
            place = places[tensor]
            mean, variance = wanted[chosen[tensor].teacher.outputs[0]]
            ratio, shift = _mending(x, mean, variance, place.offset is not None)
            found[str(place.weight)] = (ratio, shift)
            return ratio * x + shift

        teacher.run({}, feeds[0], watch=Watch(before=learn))
        network.run(network.constants(start), feeds[1], watch=Watch(before=mend))
        return found

    return _moved(network, vector, places, factors(tf.constant(vector)))


def _mending(
    x: TfTensor, mean: TfTensor, variance: TfTensor, shifts: bool
) -> tuple[TfTensor, TfTensor]:
    """Return factor and shift per channel."""
    here, spread = tf.nn.moments(x, list(range(len(x.shape) - 1)))
    moves = (variance > 0) & (spread > _TINY * variance)
    ratio = tf.sqrt(variance / tf.where(moves, spread, 1.0))
    ratio = tf.where(moves, tf.clip_by_value(ratio, 1 / _MOST, _MOST), 1.0)
    return ratio, (mean - ratio * here) if shifts else tf.zeros_like(mean)


def _places(network: Network) -> dict[Tensor, _Place]:
    """Return result → place, for linear ops whose weights are theirs alone and have channels."""
    weights = {w.tensor: i for i, w in enumerate(network.weights)}
    offsets = {o.tensor: i for i, o in enumerate(network.offsets)}
    readers: dict[Tensor, list[Op]] = {}
    for op in network.graph.ops:
        for tensor in op.inputs:
            if tensor in weights:
                readers.setdefault(tensor, []).append(op)
    found = {}
    for tensor, ops in readers.items():
        row = FACTS[ops[0].kind].weights
        step = network.weights[weights[tensor]].step
        channels = ops[0].outputs[0].shape[-1]
        if len(ops) == 1 and row is not None and step.size == channels:
            bias = ops[0].input(row.bias)
            place = offsets.get(bias) if bias is not None else None
            found[ops[0].outputs[0]] = _Place(weights[tensor], place)
    return found


def _moved(
    network: Network,
    vector: Array,
    places: Mapping[Tensor, _Place],
    factors: Mapping[str, tuple[TfTensor, TfTensor]],
) -> Array:
    parts = {name: value.copy() for name, value in network.layout.split(vector).items()}
    for place in places.values():
        ratio, shift = (np.asarray(v) for v in factors[str(place.weight)])
        scale = parts[f"{place.weight}/scale"]
        scale += np.log(ratio).reshape(scale.shape) / np.float32(SCALE_RATE)
        if place.offset is not None:
            offset = network.offsets[place.offset]
            data = offset.tensor.data
            assert data is not None
            v = parts[f"{place.offset}/offset"]
            bias = data + offset.unit * v
            v += ((ratio - 1) * bias + shift).reshape(v.shape) / offset.unit
    return network.layout.joined(parts)
