"""Ops that reshape, cut, join and pad.

Every axis of the graph stands one further to the right in a batched tensor; paddings, slices and
multiples get an entry for the axis of examples that leaves it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import tensorflow as tf

from litesmith.kernels.operands import (
    axis_of,
    broadcast,
    declared,
    every,
    integers,
    lifted,
    one_for_all,
    permuted,
    reshaped,
)
from litesmith.kernels.value import Call, Kernel, TfTensor, Value


def _reshape(call: Call) -> tuple[Value, ...]:
    """The declared shape of the result says all; where it is open, the operand does."""
    x, shape = call.value(0), list(_target(call, 1))
    if -1 in shape:
        known = math.prod(d for d in shape if d != -1)
        shape[shape.index(-1)] = math.prod(d or 0 for d in x.shape) // max(known, 1)
    return (reshaped(x, shape),)


def _target(call: Call, position: int) -> tuple[int, ...]:
    """Return the sizes of a result: declared, or those an operand holds where they are open."""
    if call.op.outputs[0].is_dynamic and call.has(position):
        return tuple(integers(call, position))
    return call.out_shape()


def _squeeze(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    axes = {int(a) % x.rank for a in call.op.option("squeeze_dims", ())}
    gone = axes or {i for i, d in enumerate(x.shape) if d == 1}
    return (reshaped(x, [d for i, d in enumerate(x.shape) if i not in gone]),)


def _expand_dims(call: Call) -> tuple[Value, ...]:
    x, (axis,) = call.value(0), integers(call, 1)
    shape = list(x.shape)
    shape.insert(axis % (len(shape) + 1), 1)
    return (reshaped(x, shape),)


def _transpose(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    return (permuted(x, [a % x.rank for a in integers(call, 1)]),)


def _slice(call: Call) -> tuple[Value, ...]:
    """A size of −1 means all that is left."""
    x, begin, size = call.value(0), call.tensor(1), call.tensor(2)
    size = tf.where(size == -1, tf.constant(x.shape, size.dtype) - begin, size)
    if x.batched:
        begin = tf.concat([tf.zeros((1,), begin.dtype), begin], 0)
        size = tf.concat([-tf.ones((1,), size.dtype), size], 0)
    return (declared(call, x.with_(tf.slice(x.tensor, begin, size))),)


def _strided_slice(call: Call) -> tuple[Value, ...]:
    """The masks mean what tf.strided_slice makes of them; `offset` counts ends from begins."""
    x, begin, end, strides = (call.value(0), *(call.tensor(i) for i in (1, 2, 3)))
    if call.op.option("offset", False):
        end = begin + end
    masks = {
        f"{name}_mask": int(call.op.option(f"{name}_mask", 0))
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    if x.batched:
        zero, one = tf.zeros((1,), begin.dtype), tf.ones((1,), begin.dtype)
        begin, end = tf.concat([zero, begin], 0), tf.concat([zero, end], 0)
        strides = tf.concat([one, strides], 0)
        masks = {name: mask << 1 for name, mask in masks.items()}
        masks["begin_mask"] |= 1
        masks["end_mask"] |= 1
    return (declared(call, x.with_(tf.strided_slice(x.tensor, begin, end, strides, **masks))),)


def _concatenation(call: Call) -> tuple[Value, ...]:
    values = every(call)
    axis = axis_of(values[0], int(call.op.option("axis", 0)))
    return (values[0].with_(tf.concat([v.tensor for v in values], axis)),)


def _pack(call: Call) -> tuple[Value, ...]:
    values = every(call)
    first = values[0]
    axis = int(call.op.option("axis", 0)) % (first.rank + 1)
    return (first.with_(tf.stack([v.tensor for v in values], axis + first.batched)),)


def _unpack(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    axis = axis_of(x, int(call.op.option("axis", 0)))
    return _all(x, tf.unstack(x.tensor, num=len(call.op.outputs), axis=axis))


def _split(call: Call) -> tuple[Value, ...]:
    (axis,), x = integers(call, 0), call.value(1)
    return _all(x, tf.split(x.tensor, len(call.op.outputs), axis_of(x, axis)))


def _split_v(call: Call) -> tuple[Value, ...]:
    x, sizes, (axis,) = call.value(0), integers(call, 1), integers(call, 2)
    place = axis_of(x, axis)
    rest = int(x.tensor.shape[place]) - sum(s for s in sizes if s != -1)
    return _all(x, tf.split(x.tensor, [rest if s == -1 else s for s in sizes], place))


def _all(like: Value, parts: list[TfTensor]) -> tuple[Value, ...]:
    return tuple(like.with_(part) for part in parts)


def _around(batched: bool, paddings: TfTensor) -> TfTensor:
    """Return paddings, [axes, 2], none of them along the examples."""
    return tf.pad(paddings, [[1, 0], [0, 0]]) if batched else paddings


def _pad(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    return (declared(call, x.with_(tf.pad(x.tensor, _around(x.batched, call.tensor(1))))),)


def _filled(call: Call, spread: Callable[[TfTensor], TfTensor]) -> tuple[Value, ...]:
    """Return operand 0 spread out, operand 2 in the gaps; a gradient flows to both.

    Args:
        call: the op.
        spread: puts zeros between and around what it is given, (B, *shape) where operand 0 is.
    """
    x, fill = call.value(0), reshaped(call.value(2), ())
    x, fill = lifted(x, fill) if fill.batched else (x, fill)
    inside = spread(tf.ones_like(x.tensor, tf.bool))
    filling = reshaped(fill, (1,) * x.rank).tensor
    return (declared(call, x.with_(tf.where(inside, spread(x.tensor), filling))),)


def _padv2(call: Call) -> tuple[Value, ...]:
    batched = call.value(0).batched or call.value(2).batched
    around = _around(batched, call.tensor(1))
    return _filled(call, lambda tensor: tf.pad(tensor, around))


def _dilate(call: Call) -> tuple[Value, ...]:
    """Neighbors along an axis get that many places, less one, between them."""
    apart = integers(call, 1)

    def spread(tensor: TfTensor) -> TfTensor:
        first = len(tensor.shape) - len(apart)
        for axis, step in enumerate(apart, first):
            shape = [-1, *tensor.shape[1:]] if first else list(tensor.shape)
            gaps = [[0, 0]] * (axis + 1) + [[0, step - 1]] + [[0, 0]] * (len(shape) - axis - 1)
            wide = tf.pad(tf.expand_dims(tensor, axis + 1), gaps)
            size = int(shape[axis])
            shape[axis] = size * step
            cut = (*(slice(None),) * axis, slice(0, (size - 1) * step + 1))
            tensor = tf.reshape(wide, shape)[cut]
        return tensor

    return _filled(call, spread)


def _mirror_pad(call: Call) -> tuple[Value, ...]:
    """TensorFlow's own kernel stops at rank 5. Mode 0 leaves the border itself out."""
    x, paddings = call.value(0), integers(call, 1)
    skip = 1 if int(call.op.option("mode", 0)) == 0 else 0
    found = x.tensor
    for axis, (before, after) in enumerate(zip(paddings[::2], paddings[1::2], strict=True)):
        place = axis + x.batched
        size = int(found.shape[place])
        parts = [
            _mirrored(found, place, skip, before),
            found,
            _mirrored(found, place, size - skip - after, after),
        ]
        found = tf.concat(parts, place) if before or after else found
    return (x.with_(found),)


def _mirrored(x: TfTensor, axis: int, begin: int, size: int) -> TfTensor:
    cut = (*(slice(None),) * axis, slice(begin, begin + size))
    return tf.reverse(x[cut], [axis])


def _tile(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    lead = [1] if x.batched else []
    return (x.with_(tf.tile(x.tensor, lead + integers(call, 1))),)


def _broadcast_to(call: Call) -> tuple[Value, ...]:
    return (broadcast(call.value(0), _target(call, 1)),)


def _fill(call: Call) -> tuple[Value, ...]:
    return (broadcast(call.value(1), _target(call, 0)),)


def _reverse(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    return (x.with_(tf.reverse(x.tensor, [axis_of(x, a) for a in integers(call, 1)])),)


def _shape(call: Call) -> tuple[Value, ...]:
    return (_fact(call, call.value(0).shape),)


def _rank(call: Call) -> tuple[Value, ...]:
    return (_fact(call, call.value(0).rank),)


def _broadcast_args(call: Call) -> tuple[Value, ...]:
    return (_fact(call, np.broadcast_shapes(*(tuple(integers(call, i)) for i in (0, 1)))),)


def _fact(call: Call, found: object) -> Value:
    """Return what is known without any value of the graph."""
    return Value(tf.constant(found, call.op.outputs[0].dtype.value), False)


def _range(call: Call) -> tuple[Value, ...]:
    limits = [tf.reshape(call.tensor(i), ()) for i in range(3)]
    return (declared(call, Value(tf.range(*limits), False)),)


def _zeros_like(call: Call) -> tuple[Value, ...]:
    """Zeros are the same for every example."""
    x = call.value(0)
    return (Value(tf.zeros(x.shape, x.tensor.dtype), False),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "BROADCAST_ARGS": _broadcast_args,
        "BROADCAST_TO": _broadcast_to,
        "CONCATENATION": _concatenation,
        "DILATE": one_for_all(_dilate, 1),
        "EXPAND_DIMS": _expand_dims,
        "FILL": _fill,
        "MIRROR_PAD": _mirror_pad,
        "PACK": _pack,
        "PAD": one_for_all(_pad, 1),
        "PADV2": one_for_all(_padv2, 1),
        "RANGE": one_for_all(_range, 0, 1, 2),
        "RANK": _rank,
        "RESHAPE": _reshape,
        "REVERSE_V2": _reverse,
        "SHAPE": _shape,
        "SLICE": one_for_all(_slice, 1, 2),
        "SPLIT": _split,
        "SPLIT_V": _split_v,
        "SQUEEZE": _squeeze,
        "STRIDED_SLICE": one_for_all(_strided_slice, 1, 2, 3),
        "TILE": _tile,
        "TRANSPOSE": _transpose,
        "UNPACK": _unpack,
        "ZEROS_LIKE": _zeros_like,
    }
)
