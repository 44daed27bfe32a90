"""A graph's forward pass from trained numbers: weights on their grid, results rounded.

Fused activations are taken off the ops (`unfused`), so that what a linear op yields can be seen,
and corrected, before they cut it off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from litesmith.graph import Graph, Op, QuantParams, Tensor
from litesmith.graph.enums import CLAMPS, Activation
from litesmith.kernels.activations import FUSED
from litesmith.kernels.evaluate import Hooks, evaluate
from litesmith.kernels.value import TfTensor, Value
from litesmith.train.layout import Layout, Slot
from litesmith.train.parameters import (
    FLOAT_BITS,
    SCALE_RATE,
    Weight,
    bias_grid,
    parameters,
    top_level,
    trained_weight,
    weights_of,
)

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


def fake_quant(x: TfTensor, quant: QuantParams) -> TfTensor:
    """Return x rounded to the grid of per-tensor parameters; the gradient passes inside it."""
    scale, zero, half = float(quant.scale[0]), int(quant.zero_point[0]), 2 ** (quant.bits - 1)
    low, high = (-half - zero) * scale, (half - 1 - zero) * scale
    return tf.quantization.fake_quant_with_min_max_args(x, low, high, quant.bits)


class Network:
    """A graph whose weights, biases and scales come from one vector of trained numbers."""

    def __init__(self, graph: Graph) -> None:
        self.source = graph
        self.graph, self._lacks = unfused(graph)
        self.weights, self.offsets = parameters(graph)
        self.layout = Layout(tuple(self._slots()))

    def _slots(self) -> list[Slot]:
        slots: list[Slot] = []
        for i, weight in enumerate(self.weights):
            edge = np.inf
            if weight.bits < FLOAT_BITS:
                edge = (top_level(weight.bits) + 0.49) / weight.gain
            slots += [Slot(f"{i}/u", weight.start.shape, -edge, edge)]
            slots += [Slot(f"{i}/scale", weight.step.shape)]
        slots += [Slot(f"{i}/offset", o.tensor.shape) for i, o in enumerate(self.offsets)]
        return slots

    def start(self) -> np.ndarray:
        """Return the vector that stands for the graph as it is."""
        arrays = {slot.name: np.zeros(slot.shape, np.float32) for slot in self.layout.slots}
        arrays |= {f"{i}/u": weight.start for i, weight in enumerate(self.weights)}
        return self.layout.joined(arrays)

    def constants(self, vector: TfTensor) -> dict[Tensor, TfTensor]:
        """Return trained constant → its value, differentiable in the vector."""
        slots = self.layout.slots
        parts = {
            slot.name: tf.reshape(part, slot.shape)
            for slot, part in zip(slots, tf.split(vector, self.layout.sizes), strict=True)
        }
        found = {}
        for i, weight in enumerate(self.weights):
            found[weight.tensor] = _on_grid(weight, parts[f"{i}/u"], parts[f"{i}/scale"])
        for i, offset in enumerate(self.offsets):
            found[offset.tensor] = offset.tensor.data + offset.unit * parts[f"{i}/offset"]
        return found

    def run(
        self,
        constants: Mapping[Tensor, TfTensor],
        feeds: Mapping[Tensor, TfTensor],
        wanted: Collection[Tensor] | None = None,
        watch: Watch = _NOTHING,
    ) -> dict[Tensor, TfTensor]:
        """Return the wanted tensors' values (the outputs') for a batch of examples."""

        def result(op: Op, tensor: Tensor, value: Value) -> Value:
            x = watch.before(op, tensor, value.tensor)
            x = self._finished(tensor, x)
            return value.with_(watch.after(op, tensor, x))

        def feed(tensor: Tensor, value: Value) -> Value:
            return value.with_(self._finished(tensor, value.tensor))

        hooks = Hooks(constant=lambda t: self._constant(t, constants), result=result, feed=feed)
        found = evaluate(self.graph, feeds, hooks, wanted)
        return {t: v.tensor for t, v in found.items()}

    def _constant(self, tensor: Tensor, constants: Mapping[Tensor, TfTensor]) -> TfTensor | None:
        if tensor in constants:
            return constants[tensor]
        if tensor.quant is None or not tensor.dtype.is_float or tensor.quant.axis is not None:
            return None
        return fake_quant(tf.constant(tensor.data), tensor.quant)

    def _finished(self, tensor: Tensor, x: TfTensor) -> TfTensor:
        """Return a value behind its activation and rounded, in one op where that will do."""
        kind, quant = self._lacks.get(tensor, Activation.NONE), tensor.quant
        if quant is None or not tensor.dtype.is_float:
            return x if kind == Activation.NONE else FUSED[kind](x)
        scale, zero, half = float(quant.scale[0]), int(quant.zero_point[0]), 2 ** (quant.bits - 1)
        low, high = CLAMPS.get(kind, (0.0, 0.0))
        implied = low <= (-half - zero) * scale and (half - 1 - zero) * scale <= high
        return fake_quant(x if implied else FUSED[kind](x), quant)

    def trained(self, vector: np.ndarray) -> dict[Tensor, Tensor]:
        """Return tensor of the graph → the tensor with what was trained."""
        parts = self.layout.split(vector)
        swap = {
            w.tensor: trained_weight(w, parts[f"{i}/u"], parts[f"{i}/scale"])
            for i, w in enumerate(self.weights)
        }
        for i, offset in enumerate(self.offsets):
            data = offset.tensor.data + offset.unit * parts[f"{i}/offset"]
            swap[offset.tensor] = offset.tensor.with_(data=np.asarray(data, np.float32))
        for op, weights, bias in weights_of(self.source):
            if bias is not None:
                swap[bias] = bias_grid(op, swap[weights], swap[bias])
        return swap


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
