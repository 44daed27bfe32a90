"""A graph as a `keras.Model`, and the model as a graph again.

The model's forward pass is what the graph computes, its quantization included; its weights are the
graph's constants, counted in steps of their grid (`parameters.py`), so that one rate serves all:
5e-3 with Adam is a good one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from litesmith.errors import ConversionError, InputError
from litesmith.graph import Array, DType, Graph, Tensor, read
from litesmith.graph.facts import FACTS
from litesmith.kernels.value import TfTensor
from litesmith.train.learned import with_tensors
from litesmith.train.network import Network
from litesmith.train.parameters import weights_of


class _Bounds(keras.constraints.Constraint):  # type: ignore[misc]
    """Keeps what counts steps of a grid on the grid."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, values: Any) -> Any:
        """Return the values between the bounds."""
        return keras.ops.clip(values, self.low, self.high)


class GraphLayer(keras.layers.Layer):  # type: ignore[misc]
    """The whole graph as a layer; a list of inputs in, name → output out."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(name="graph", dtype="float32")
        self.network = Network(graph)
        start = self.network.layout.split(self.network.start())
        self._parts = {
            slot.name: self.add_weight(
                shape=slot.shape,
                initializer=_Given(start[slot.name]),
                name=slot.name.replace("/", "_"),
                constraint=_Bounds(slot.low, slot.high) if slot.bounded else None,
            )
            for slot in self.network.layout.slots
        }
        self.built = True

    def call(self, inputs: Sequence[TfTensor]) -> dict[str, TfTensor]:
        """Return the graph's outputs for a batch of examples."""
        graph = self.network.source
        parts = {name: tf.convert_to_tensor(v) for name, v in self._parts.items()}
        feeds = {
            t: tf.reshape(tf.cast(x, t.dtype.numpy), (-1, *_open(t, x)))
            for t, x in zip(self.network.graph.inputs, inputs, strict=True)
        }
        found = self.network.run(self.network.constants_of(parts), feeds)
        named = zip(graph.output_names(), self.network.graph.outputs, strict=True)
        return {name: _without_one(graph, found[t]) for name, t in named}

    def compute_output_spec(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the outputs' shapes and types."""
        graph = self.network.source
        return {
            name: keras.KerasTensor((None, *_plain(graph, t)), _keras_type(t))
            for name, t in zip(graph.output_names(), graph.outputs, strict=True)
        }

    def graph(self) -> Graph:
        """Return the graph with what was trained."""
        parts = {name: np.asarray(v) for name, v in self._parts.items()}
        swap = self.network.trained(self.network.layout.joined(parts))
        return with_tensors(self.network.source, swap)


class _Given(keras.initializers.Initializer):  # type: ignore[misc]
    def __init__(self, values: Array) -> None:
        self.values = values

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return the values."""
        return tf.constant(self.values, shape=shape)


def trainable(source: Graph | str | Path | bytes) -> keras.Model:
    """Return a Keras model that computes what the graph computes, and can be trained.

    Inputs and outputs are named as the graph's, without its leading 1: (batch, *shape). A single
    input or output is the tensor itself, several are dictionaries.

    Args:
        source: a float or annotated graph, or a float .tflite file or its bytes.

    Raises:
        InputError: there is no such file, or it is an integer one already.
        ConversionError: nothing in the graph can be trained.
    """
    graph = _graph(source)
    if next(weights_of(graph), None) is None:
        raise ConversionError("The model has no float weights, so there is nothing to train.")
    layer = GraphLayer(graph)
    inputs = {
        name: keras.Input(_plain(graph, t), dtype=_keras_type(t), name=_safe(name))
        for name, t in zip(graph.input_names(), graph.inputs, strict=True)
    }
    outputs = layer(list(inputs.values()))
    one_in, one_out = len(inputs) == 1, len(outputs) == 1
    return keras.Model(
        next(iter(inputs.values())) if one_in else inputs,
        next(iter(outputs.values())) if one_out else outputs,
        name="trainable",
    )


def from_trainable(model: keras.Model) -> Graph:
    """Return the graph of a model made by `trainable`, with what was trained since.

    Constants whose weights did not change are the graph's own, to the last bit.

    Raises:
        InputError: the model was not made by `trainable`.
    """
    found = [layer for layer in model.layers if isinstance(layer, GraphLayer)]
    if len(found) != 1:
        raise InputError("This model was not made by litesmith.trainable.")
    graph: Graph = found[0].graph()
    return graph


def _graph(source: Graph | str | Path | bytes) -> Graph:
    if isinstance(source, Graph):
        return source
    if not isinstance(source, bytes):
        path = Path(source)
        if not path.is_file():
            raise InputError(f"There is no file {path}.")
        source = path.read_bytes()
    graph = read(source)
    stored = [op.input(row.index) for op in graph.ops if (row := _weights(op.kind)) is not None]
    if any(t is not None and t.is_constant and not t.dtype.is_float for t in stored):
        raise InputError(
            "The file is quantized already, and integers cannot be trained.",
            "Take the float model, and litesmith.annotate for its quantized form.",
        )
    return graph


def _weights(kind: str) -> Any:
    row = FACTS.get(kind)
    return None if row is None else row.weights


def _open(tensor: Tensor, x: TfTensor) -> tuple[Any, ...]:
    """Return the graph's shape of an input for what was fed, which may be larger where open."""
    given = tuple(x.shape)[1:]
    if not tensor.is_dynamic or any(d is None for d in given):
        return tensor.shape
    missing = len(tensor.shape) - len(given)
    return (*(1,) * missing, *given)


def _leads_with_one(graph: Graph) -> bool:
    return all(t.shape[:1] == (1,) for t in graph.inputs)


def _plain(graph: Graph, tensor: Tensor) -> tuple[int | None, ...]:
    """Return the shape of one example, as Keras names it."""
    shape = tensor.shape_signature or tensor.shape
    sizes = tuple(None if d == -1 else d for d in shape)
    leads = _leads_with_one(graph) and tensor.shape[:1] == (1,)
    return sizes[1:] if leads else sizes


def _without_one(graph: Graph, x: TfTensor) -> TfTensor:
    if _leads_with_one(graph) and len(x.shape) > 1 and x.shape[1] == 1:
        return tf.squeeze(x, 1)
    return x


def _keras_type(tensor: Tensor) -> str:
    return "bool" if tensor.dtype is DType.BOOL else np.dtype(tensor.dtype.numpy).name


def _safe(name: str) -> str:
    return name.replace("/", "_").replace(":", "_")
