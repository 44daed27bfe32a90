"""What kernels that move values share: axes, other shapes, the same for every example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from litesmith.kernels.value import Call, Kernel, TfTensor, Value, batched, one_by_one


def integers(call: Call, position: int) -> list[int]:
    """Return an operand of integers, flat.

    Raises:
        DeclinedError: it is only known as the graph runs.
    """
    return [int(v) for v in call.static(position).reshape(-1)]


def axis_of(value: Value, axis: int) -> int:
    """Return where an axis of the graph, counted from either end, stands in the tensor."""
    return axis % max(value.rank, 1) + value.batched


def every(call: Call) -> tuple[Value, ...]:
    """Return all operands, each with the axis of examples if one of them has it."""
    return lifted(*(call.value(i) for i in range(len(call.values))))


def lifted(*values: Value) -> tuple[Value, ...]:
    """Return the values, each with the axis of examples if one of them has it."""
    first = next((v for v in values if v.batched), None)
    if first is None:
        return values
    count = count_of(first)
    return tuple(Value(batched(v, count), True) for v in values)


def count_of(value: Value) -> TfTensor:
    """Return the number of examples of a batched value."""
    known = value.tensor.shape[0]
    return tf.shape(value.tensor)[0] if known is None else known


def reshaped(value: Value, shape: Sequence[int | None]) -> Value:
    """Return a value in another shape of the graph."""
    lead = (count_of(value),) if value.batched else ()
    return value.with_(tf.reshape(value.tensor, (*lead, *shape)))


def permuted(value: Value, axes: Sequence[int]) -> Value:
    """Return a value with the graph's axes in another order."""
    order = [0, *(a + 1 for a in axes)] if value.batched else list(axes)
    return value.with_(tf.transpose(value.tensor, order))


def broadcast(value: Value, shape: Sequence[int]) -> Value:
    """Return a value repeated along axes of 1 and missing leading axes up to a shape."""
    flat = reshaped(value, (*(1,) * (len(shape) - value.rank), *value.shape))
    lead = (count_of(value),) if value.batched else ()
    return value.with_(tf.broadcast_to(flat.tensor, (*lead, *shape)))


def declared(call: Call, value: Value) -> Value:
    """Return a result with the shape that the graph declares, where TensorFlow lost it."""
    t = call.op.outputs[0]
    signature = t.shape_signature or t.shape
    shape: list[Any] = [d if s != -1 else None for d, s in zip(t.shape, signature, strict=True)]
    lead = [value.tensor.shape[0]] if value.batched else []
    return value.with_(tf.ensure_shape(value.tensor, lead + shape))


def one_for_all(kernel: Kernel, *positions: int) -> Kernel:
    """Go one example at a time where weights, limits or sizes at these positions differ."""
    alone = one_by_one(kernel)

    def chosen(call: Call) -> tuple[Value, ...]:
        differ = any(call.has(p) and call.value(p).batched for p in positions)
        return (alone if differ else kernel)(call)

    return chosen
