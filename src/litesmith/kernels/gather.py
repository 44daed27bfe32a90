"""Ops that read or write at places: tables, points, diagonals, the largest values.

An operand of places that differs between examples gets `batch_dims`; one that is the same for all
reads from every example alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.kernels.operands import axis_of, count_of, declared, integers, lifted, one_for_all
from litesmith.kernels.value import Call, Kernel, TfTensor, Value


def _gather(call: Call) -> tuple[Value, ...]:
    x, places = call.value(0), call.value(1)
    axis, together = (int(call.op.option(name, 0)) for name in ("axis", "batch_dims"))
    together += places.rank if together < 0 else 0
    return (gathered(x, places, axis % x.rank, together),)


def gathered(x: Value, places: Value, axis: int, batch_dims: int = 0) -> Value:
    """Return x at places of one axis, the first `batch_dims` axes of both running together."""
    if batch_dims or (x.batched and places.batched):
        x, places = lifted(x, places)
        lead = int(x.batched)
        found = tf.gather(x.tensor, places.tensor, axis=axis + lead, batch_dims=batch_dims + lead)
        return x.with_(found)
    if x.batched:
        return x.with_(tf.gather(x.tensor, places.tensor, axis=axis + 1))
    found = tf.gather(x.tensor, places.tensor, axis=axis)
    if places.batched and axis:  # [before, B, places, after]
        rank = len(found.shape)
        found = tf.transpose(found, [axis, *range(axis), *range(axis + 1, rank)])
    return places.with_(found)


def _embedding_lookup(call: Call) -> tuple[Value, ...]:
    return (gathered(call.value(1), call.value(0), 0),)


def _gather_nd(call: Call) -> tuple[Value, ...]:
    x, places = call.value(0), call.value(1)
    if x.batched:
        x, places = lifted(x, places)
    found = tf.gather_nd(x.tensor, places.tensor, batch_dims=int(x.batched))
    return (Value(found, call.batched),)


def _per_example(places: TfTensor) -> TfTensor:
    """Return places, (B, ..., axes), with the example's number in front."""
    shape = tf.shape(places)
    count = shape[0]
    numbers = tf.reshape(tf.range(count), [-1] + [1] * (len(places.shape) - 1))
    numbers = tf.broadcast_to(numbers, tf.concat([shape[:-1], [1]], 0))
    return tf.concat([tf.cast(numbers, places.dtype), places], -1)


def _scatter_nd(call: Call) -> tuple[Value, ...]:
    """Values for one place add up."""
    places, values = lifted(call.value(0), call.value(1))
    shape = list(call.out_shape())
    if not places.batched:
        return (places.with_(tf.scatter_nd(places.tensor, values.tensor, shape)),)
    where = _per_example(places.tensor)
    whole = tf.stack([count_of(places), *shape])
    found = tf.scatter_nd(where, values.tensor, tf.cast(whole, where.dtype))
    return (declared(call, places.with_(found)),)


def _sparse_to_dense(call: Call) -> tuple[Value, ...]:
    """Places are (count, axes), (count,) for one axis, or a single number."""
    places, values, fill = lifted(call.value(0), call.value(2), call.value(3))
    shape, lead = call.out_shape(), int(places.batched)
    where, new = places.tensor, values.tensor
    for _ in range(2 - places.rank):
        where = where[..., tf.newaxis]
    count = tf.shape(where)[lead]
    new = new[..., tf.newaxis] if values.rank == 0 else new
    if lead:
        examples = count_of(places)
        filled = tf.reshape(fill.tensor, (-1, *(1,) * len(shape)))
        whole = tf.broadcast_to(filled, (examples, *shape))
        where, new = _per_example(where), tf.broadcast_to(new, tf.stack([examples, count]))
    else:
        whole = tf.fill(shape, tf.reshape(fill.tensor, ()))
        new = tf.broadcast_to(new, tf.reshape(count, (1,)))
    return (declared(call, places.with_(tf.tensor_scatter_nd_update(whole, where, new))),)


def _one_hot(call: Call) -> tuple[Value, ...]:
    """Source: tf.one_hot, whose own kernel has no gradient for the two values."""
    places, on, off = lifted(call.value(0), call.value(2), call.value(3))
    (depth,) = integers(call, 1)
    rank = places.rank + 1
    axis = int(call.op.option("axis", -1)) % rank
    place = axis + places.batched
    hot = tf.one_hot(places.tensor, depth, True, False, axis=place, dtype=tf.bool)
    sides = [
        tf.reshape(v.tensor, (-1, *(1,) * rank) if v.batched else (1,) * rank) for v in (on, off)
    ]
    return (places.with_(tf.where(hot, *sides)),)


def _top_k(call: Call) -> tuple[Value, ...]:
    x, (k,) = call.value(0), integers(call, 1)
    values, places = tf.math.top_k(x.tensor, k)
    return x.with_(values), x.with_(tf.cast(places, call.op.outputs[1].dtype.value))


def _dynamic_update_slice(call: Call) -> tuple[Value, ...]:
    """A start beyond what leaves room for the update is moved back, as LiteRT does."""
    x, new = lifted(call.value(0), call.value(1))
    room = [int(a or 0) - int(b or 0) for a, b in zip(x.shape, new.shape, strict=True)]
    start = tf.clip_by_value(tf.cast(call.tensor(2), tf.int32), 0, room)
    if room and not any(room[1:]):
        return (_rows_replaced(x, new, start[0]),)
    around = tf.stack([start, room - start], axis=1)
    around = tf.pad(around, [[1, 0], [0, 0]]) if x.batched else around
    inside = tf.pad(tf.ones_like(new.tensor, tf.bool), around)
    found = tf.where(inside, tf.pad(new.tensor, around), x.tensor)
    return (declared(call, x.with_(found)),)


def _rows_replaced(x: Value, new: Value, start: TfTensor) -> Value:
    """Loops collect their steps so; TensorFlow does it in place, and its gradient as well."""
    rows = start + tf.range(int(new.shape[0] or 0))
    where = rows[:, tf.newaxis]
    if x.batched:
        where = tf.stack(tf.meshgrid(tf.range(count_of(x)), rows, indexing="ij"), -1)
    return x.with_(tf.tensor_scatter_nd_update(x.tensor, where, new.tensor))


def _reverse_sequence(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    axes = {name: axis_of(x, int(call.op.option(f"{name}_dim", 0))) for name in ("seq", "batch")}
    found = tf.reverse_sequence(
        x.tensor, call.tensor(1), seq_axis=axes["seq"], batch_axis=axes["batch"]
    )
    return (x.with_(found),)


def _matrix_diag(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    return (x.with_(tf.linalg.diag(x.tensor)),)


def _matrix_set_diag(call: Call) -> tuple[Value, ...]:
    x, diagonal = lifted(call.value(0), call.value(1))
    return (x.with_(tf.linalg.set_diag(x.tensor, diagonal.tensor)),)


def _segment(function: Callable[..., TfTensor]) -> Kernel:
    """Rows of one number become one row; the numbers of example e are moved on by e · segments."""

    def kernel(call: Call) -> tuple[Value, ...]:
        x, numbers = lifted(call.value(0), call.value(1))
        segments = call.out_shape()[0]
        if not x.batched:
            return (x.with_(function(x.tensor, numbers.tensor, segments)),)
        examples = count_of(x)
        moved = tf.range(examples, dtype=numbers.tensor.dtype)[:, tf.newaxis] * segments
        flat = tf.reshape(numbers.tensor, (examples, -1))
        places = tf.where(flat < 0, flat, flat + moved)
        rows = tf.reshape(x.tensor, (-1, *x.shape[numbers.rank :]))
        found = function(rows, tf.reshape(places, (-1,)), examples * segments)
        return (x.with_(tf.reshape(found, (examples, *call.out_shape()))),)

    return kernel


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "DYNAMIC_UPDATE_SLICE": one_for_all(_dynamic_update_slice, 2),
        "EMBEDDING_LOOKUP": _embedding_lookup,
        "GATHER": _gather,
        "GATHER_ND": _gather_nd,
        "MATRIX_DIAG": _matrix_diag,
        "MATRIX_SET_DIAG": _matrix_set_diag,
        "ONE_HOT": _one_hot,
        "REVERSE_SEQUENCE": one_for_all(_reverse_sequence, 1),
        "SCATTER_ND": _scatter_nd,
        "SEGMENT_SUM": _segment(tf.math.unsorted_segment_sum),
        "SPARSE_TO_DENSE": _sparse_to_dense,
        "TOPK_V2": _top_k,
        "UNSORTED_SEGMENT_MAX": _segment(tf.math.unsorted_segment_max),
        "UNSORTED_SEGMENT_MIN": _segment(tf.math.unsorted_segment_min),
        "UNSORTED_SEGMENT_PROD": _segment(tf.math.unsorted_segment_prod),
        "UNSORTED_SEGMENT_SUM": _segment(tf.math.unsorted_segment_sum),
    }
)
