"""What a kernel is handed and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from litesmith.graph import Graph, Op

# TensorFlow has no types to follow; the aliases say what is meant.
TfTensor = Any


@dataclass(frozen=True)
class Value:
    """A tensor's value for one example or for many.

    Attributes:
        tensor: tf.Tensor. Batched: (B, *graph shape), one leading example axis and no constant any.
            Otherwise the graph's own shape: derived from constants only, the same for all examples.
        batched: whether there is the example axis.
    """

    tensor: TfTensor
    batched: bool

    @property
    def rank(self) -> int:
        """Rank in the graph, the example axis not counted."""
        return len(self.tensor.shape) - self.batched

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape in the graph, the example axis not counted."""
        return tuple(self.tensor.shape)[self.batched :]

    def with_(self, tensor: TfTensor) -> Value:
        """Return another tensor with an example axis where this one has it."""
        return Value(tensor, self.batched)


Run = Callable[[Graph, tuple[Value, ...]], tuple[Value, ...]]


@dataclass(frozen=True)
class Call:
    """An op and the values of its operands.

    Attributes:
        op: what to compute.
        values: one per operand, None for an omitted one.
        run: evaluates a graph that the op calls, with the hooks of the whole evaluation.
    """

    op: Op
    values: tuple[Value | None, ...]
    run: Run

    def value(self, index: int) -> Value:
        """Return an operand that the op cannot do without."""
        value = self.values[index]
        assert value is not None, f"{self.op.kind} lacks operand {index}"
        return value

    def tensor(self, index: int) -> TfTensor:
        """Return the tensor of an operand that the op cannot do without."""
        return self.value(index).tensor

    def has(self, index: int) -> bool:
        """Return whether an optional operand is there."""
        return index < len(self.values) and self.values[index] is not None

    @property
    def batched(self) -> bool:
        """Whether any operand depends on the example, and with it the result."""
        return any(v is not None and v.batched for v in self.values)

    def static(self, index: int) -> np.ndarray[Any, Any]:
        """Return an operand whose value is known while the graph is built: axes, sizes, …

        Raises:
            DeclinedError: it depends on the example, or on what is only known when it runs.
        """
        operand = self.op.inputs[index]
        if operand is not None and operand.data is not None:
            return operand.data
        value = self.value(index)
        found = None if value.batched else tf.get_static_value(value.tensor)
        if found is None:
            raise DeclinedError(f"{self.op.kind} computes operand {index} as it runs")
        return np.asarray(found)

    def out_shape(self, index: int = 0) -> tuple[int, ...]:
        """Return the shape of a result in the graph."""
        return self.op.outputs[index].shape


Kernel = Callable[[Call], tuple[Value, ...]]


class DeclinedError(Exception):
    """A kernel cannot say what this very op computes; LiteRT runs it, without a gradient."""


def merged(value: Value, keep: int) -> TfTensor:
    """Return the tensor with all axes but the last `keep` merged into one.

    Spatial kernels see (B, N) as one axis: (B, N, H, W, C) → (B·N, H, W, C).
    """
    shape = tuple(value.tensor.shape)
    if len(shape) == keep + 1:
        return value.tensor
    return tf.reshape(value.tensor, (-1, *_known(value.tensor, shape[len(shape) - keep :])))


def _known(tensor: TfTensor, sizes: tuple[int | None, ...]) -> tuple[Any, ...]:
    """Return the last sizes of a tensor, those unknown as scalar tensors."""
    if None not in sizes:
        return sizes
    dynamic = tf.shape(tensor)
    first = len(tensor.shape) - len(sizes)
    return tuple(dynamic[first + i] if s is None else s for i, s in enumerate(sizes))


def unmerged(tensor: TfTensor, like: Value, keep: int) -> Value:
    """Undo `merged`: (B·N, …) → (B, N, …), the leading axes of `like`, all but `keep` of them."""
    leading, sizes = tuple(like.tensor.shape)[:-keep], tuple(tensor.shape)[1:]
    if len(leading) == 1:
        return like.with_(tensor)
    if None in leading[1:]:
        shape = tf.concat([tf.shape(like.tensor)[: len(leading)], tf.shape(tensor)[1:]], 0)
        return like.with_(tf.ensure_shape(tf.reshape(tensor, shape), (*leading, *sizes)))
    first = -1 if like.batched else leading[0]
    return like.with_(tf.reshape(tensor, (first, *leading[1:], *_known(tensor, sizes))))


def aligned(*values: Value) -> tuple[TfTensor, ...]:
    """Return tensors that broadcast as the graph's would: 1s go in right behind the example axis.

    Values without the example axis need nothing unless they have more axes than those with it.
    """
    rank = max(v.rank for v in values)
    tensors = tuple(_widened(v, rank) if v.batched else v.tensor for v in values)
    return tensors if rank < _MOST_AXES else _broadcast(tensors)


# TensorFlow's functions of two values refuse to broadcast both of them in tensors of 7 axes.
_MOST_AXES = 6


def _broadcast(tensors: tuple[TfTensor, ...]) -> tuple[TfTensor, ...]:
    """Return the tensors in the shape that they have together."""
    shape, known = tf.shape(tensors[0]), tensors[0].shape
    for tensor in tensors[1:]:
        shape = tf.broadcast_dynamic_shape(shape, tf.shape(tensor))
        known = tf.broadcast_static_shape(known, tensor.shape)
    return tuple(tf.ensure_shape(_tiled(t, shape), known) for t in tensors)


def _tiled(tensor: TfTensor, shape: TfTensor) -> TfTensor:
    """Return a tensor in a shape that it broadcasts to; tf.broadcast_to knows fewer axes."""
    own = tf.shape(tensor)
    own = tf.concat([tf.ones(tf.size(shape) - tf.size(own), own.dtype), own], 0)
    return tf.tile(tf.reshape(tensor, own), shape // tf.maximum(own, 1))


def _widened(value: Value, rank: int) -> TfTensor:
    missing = rank - value.rank
    if not missing:
        return value.tensor
    return tf.reshape(value.tensor, (-1, *(1,) * missing, *_known(value.tensor, value.shape)))


def batched(value: Value, count: TfTensor) -> TfTensor:
    """Return the tensor with an example axis: the same `count` times where it had none."""
    if value.batched:
        return value.tensor
    return tf.repeat(tf.expand_dims(value.tensor, 0), count, axis=0)


def example_count(call: Call) -> TfTensor:
    """Return B, the number of examples of a call with a batched operand."""
    first = next(v for v in call.values if v is not None and v.batched)
    known = first.tensor.shape[0]
    return tf.shape(first.tensor)[0] if known is None else known


def one_by_one(kernel: Kernel) -> Kernel:
    """Return the kernel applied to each example by itself: slow, right for any op."""

    def mapped(call: Call) -> tuple[Value, ...]:
        if not call.batched:
            return kernel(call)
        split = [v.tensor for v in call.values if v is not None and v.batched]

        def example(tensors: list[TfTensor]) -> list[TfTensor]:
            left = iter(tensors)
            values = tuple(
                Value(next(left), False) if v is not None and v.batched else v for v in call.values
            )
            return [v.tensor for v in kernel(Call(call.op, values, call.run))]

        types = [tf.as_dtype(t.dtype.numpy) for t in call.op.outputs]
        floats = next((t.dtype for t in split if t.dtype.is_floating), tf.float32)
        spec = [
            tf.TensorSpec(t.shape, floats if d.is_floating else d)
            for t, d in zip(call.op.outputs, types, strict=True)
        ]
        return tuple(Value(t, True) for t in tf.map_fn(example, split, fn_output_signature=spec))

    return mapped
