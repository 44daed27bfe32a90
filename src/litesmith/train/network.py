"""A graph's forward pass from trained numbers: weights on their grid, results rounded.

Fused activations are taken off the ops (`unfused`), so that what a linear op yields can be seen,
and corrected, before they cut it off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from litesmith.graph import Array, Graph, Op, QuantParams, Tensor
from litesmith.graph.enums import Activation
from litesmith.graph.facts import FACTS
from litesmith.kernels.activations import FUSED
from litesmith.kernels.evaluate import Hooks, evaluate
from litesmith.kernels.simulate import entered, implied, only_moves, rounded, stored
from litesmith.kernels.value import TfTensor, Value
from litesmith.train.layout import Layout, Slot
from litesmith.train.parameters import (
    FLOAT_BITS,
    SCALE_RATE,
    Weight,
    bias_grid,
    most_growth,
    parameters,
    top_level,
    trained_weight,
    weights_of,
)
from litesmith.train.ranges import MOST, ranges

See = Callable[[Op, Tensor, TfTensor], TfTensor]


def _unseen(op: Op, tensor: Tensor, value: TfTensor) -> TfTensor:
    return value


@dataclass(frozen=True)
class Watch:
    """What to do with values on the way.

    Attributes:
        before: op, result and its value before the fused activation → the value that goes on.
        after: the same behind activation and rounding.
    """

    before: See = _unseen
    after: See = _unseen


_NOTHING = Watch()


def unfused(graph: Graph) -> tuple[Graph, dict[Tensor, int]]:
    """Return the graph without fused activations, and result → the activation that it lacks."""
    lacks: dict[Tensor, int] = {}
    ops = []
    for op in graph.ops:
        kind = int(op.option("fused_activation_function", 0) or 0)
        if kind and op.options is not None and len(op.outputs) == 1:
            op = op.with_(options=op.options.with_(fused_activation_function=0))
            lacks[op.outputs[0]] = kind
        ops.append(op)
    return graph.with_(ops=tuple(ops)), lacks


class Network:
    """A graph whose weights, biases, scales and ranges come from one vector of trained numbers."""

    def __init__(self, graph: Graph) -> None:
        self.source = graph
        self.graph, self._lacks = unfused(graph)
        self.weights, self.offsets = parameters(graph)
        self.ranges = ranges(graph)
        self.layout = Layout(tuple(self._slots()))

    def _slots(self) -> list[Slot]:
        slots: list[Slot] = []
        growth = most_growth(self.source)
        for i, weight in enumerate(self.weights):
            edge = np.inf
            if weight.bits < FLOAT_BITS:
                edge = (top_level(weight.bits) + 0.49) / weight.gain
            slots += [Slot(f"{i}/u", weight.start.shape, -edge, edge)]
            slots += [Slot(f"{i}/scale", weight.step.shape, high=growth[weight.tensor])]
        slots += [Slot(f"{i}/offset", o.tensor.shape) for i, o in enumerate(self.offsets)]
        slots += [Slot(f"{i}/range", (), -MOST, r.high) for i, r in enumerate(self.ranges)]
        return slots

    def start(self) -> Array:
        """Return the vector that stands for the graph as it is."""
        arrays = {slot.name: np.zeros(slot.shape, np.float32) for slot in self.layout.slots}
        arrays |= {f"{i}/u": weight.start for i, weight in enumerate(self.weights)}
        return self.layout.joined(arrays)

    def constants(self, vector: TfTensor) -> dict[Tensor, TfTensor]:
        """Return what `constants_of` does of the vector, differentiable in it."""
        slots = self.layout.slots
        return self.constants_of({
            slot.name: tf.reshape(part, slot.shape)
            for slot, part in zip(slots, tf.split(vector, self.layout.sizes), strict=True)
        })  # fmt: skip

    def constants_of(self, parts: Mapping[str, TfTensor]) -> dict[Tensor, TfTensor]:
        """Return trained constant → its value, and result → what its scale is multiplied by."""
        found = {}
        for i, weight in enumerate(self.weights):
            found[weight.tensor] = _on_grid(weight, parts[f"{i}/u"], parts[f"{i}/scale"])
        for i, offset in enumerate(self.offsets):
            found[offset.tensor] = offset.tensor.data + offset.unit * parts[f"{i}/offset"]
        for i, group in enumerate(self.ranges):
            found |= dict.fromkeys(group.tensors, tf.exp(SCALE_RATE * parts[f"{i}/range"]))
        return found

    def run(
        self,
        constants: Mapping[Tensor, TfTensor],
        feeds: Mapping[Tensor, TfTensor],
        wanted: Collection[Tensor] | None = None,
        watch: Watch = _NOTHING,
    ) -> dict[Tensor, TfTensor]:
        """Return the wanted tensors' values (the outputs') for a batch of examples."""

        def constant(tensor: Tensor) -> TfTensor | None:
            return constants[tensor] if tensor in constants else stored(tensor)

        def result(op: Op, tensor: Tensor, value: Value) -> Value:
            value = value.with_(watch.before(op, tensor, value.tensor))
            value = _ranged(op, tensor, self._clamped(tensor, value), constants.get(tensor))
            return value.with_(watch.after(op, tensor, value.tensor))

        hooks = Hooks(constant, result, entered)
        found = evaluate(self.graph, feeds, hooks, wanted)
        return {t: v.tensor for t, v in found.items()}

    def _clamped(self, tensor: Tensor, value: Value) -> Value:
        """Return a value behind its fused activation, unless rounding will clamp it as well."""
        kind = self._lacks.get(tensor, Activation.NONE)
        if kind == Activation.NONE:
            return value
        if tensor.quant is not None and implied(kind, tensor.quant):
            return value
        return value.with_(FUSED[kind](value.tensor))

    def trained(self, vector: Array) -> dict[Tensor, Tensor]:
        """Return tensor of the graph → the tensor with what was trained, where it changed."""
        parts = self.layout.split(vector)
        swap: dict[Tensor, Tensor] = {}
        for i, weight in enumerate(self.weights):
            u, log_scale = parts[f"{i}/u"], parts[f"{i}/scale"]
            if log_scale.any() or not np.array_equal(u, weight.start):
                swap[weight.tensor] = trained_weight(weight, u, log_scale)
        for i, offset in enumerate(self.offsets):
            moved = parts[f"{i}/offset"]
            if moved.any():
                data = np.asarray(offset.tensor.data + offset.unit * moved, np.float32)
                swap[offset.tensor] = offset.tensor.with_(data=data)
        swap |= self._moved_ranges(parts)
        for op, weights, bias in weights_of(self.source):
            read = op.inputs[FACTS[op.kind].activations[0]]
            assert read is not None
            if bias is not None and (weights in swap or read in swap):
                now = (swap.get(t, t) for t in (read, weights, bias))
                swap[bias] = bias_grid(*now)
        return swap

    def _moved_ranges(self, parts: Mapping[str, Array]) -> dict[Tensor, Tensor]:
        swap = {}
        for i, group in enumerate(self.ranges):
            factor = np.exp(np.float32(SCALE_RATE) * parts[f"{i}/range"])
            for tensor in group.tensors if factor != 1 else ():
                old = tensor.quant
                assert old is not None
                new = QuantParams(
                    np.asarray(old.scale * factor, np.float32), old.zero_point, old.axis, old.bits
                )
                swap[tensor] = tensor.with_(quant=new)
        return swap


def _ranged(op: Op, tensor: Tensor, value: Value, factor: TfTensor | None) -> Value:
    """Return a result on the grid of its tensor, whose scale is multiplied by a trained factor.

    The gradient of the factor is that of learned steps (Esser et al., "Learned Step Size
    Quantization"): of what was rounded inside the range, of its end outside.
    """
    if factor is None or only_moves(op):
        return rounded(op, tensor, value)
    inside = rounded(op, tensor, value.with_(value.tensor / factor))
    return value.with_(inside.tensor * factor)


def _on_grid(weight: Weight, u: TfTensor, log_scale: TfTensor) -> TfTensor:
    """Return step · level(gain · u); the gradient passes as if nothing were rounded."""
    scale = weight.step * tf.exp(SCALE_RATE * log_scale)
    if weight.bits == FLOAT_BITS:
        return scale * u
    x = weight.gain * u
    top = float(top_level(weight.bits))
    rounded = tf.clip_by_value(tf.round(x), -top, top) if weight.bits > 1 else _signs(x)
    return scale * (x + tf.stop_gradient(rounded - x))


def _signs(x: TfTensor) -> TfTensor:
    return tf.where(x < 0, -1.0, 1.0)
