"""Ops that reshape, cut, join and pad.

Every axis of the graph stands one further to the right in a batched tensor; paddings, slices and
multiples get an entry for the axis of examples that leaves it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    permuted,
    reshaped,
    same_limits,
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


def _around(x: Value, paddings: TfTensor) -> TfTensor:
    """Return paddings, [axes, 2], none of them along the examples."""
    return tf.pad(paddings, [[1, 0], [0, 0]]) if x.batched else paddings


def _pad(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    return (declared(call, x.with_(tf.pad(x.tensor, _around(x, call.tensor(1))))),)


def _padv2(call: Call) -> tuple[Value, ...]:
    """TensorFlow's own kernel has no gradient for the value that is filled in."""
    x, fill = call.value(0), reshaped(call.value(2), ())
    x, fill = lifted(x, fill) if fill.batched else (x, fill)
    around = _around(x, call.tensor(1))
    inside = tf.pad(tf.ones_like(x.tensor, tf.bool), around)
    filling = reshaped(fill, (1,) * x.rank).tensor
    found = tf.where(inside, tf.pad(x.tensor, around), filling)
    return (declared(call, x.with_(found)),)


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


def _space_to_batch(call: Call) -> tuple[Value, ...]:
    """Places within a block become the slowest part of the graph's own first axis."""
    x, block = call.value(0), integers(call, 1)
    m, ends = len(block), np.reshape(integers(call, 2), (-1, 2)).tolist()
    none, rest = [[0, 0]], x.rank - 1 - len(block)
    padded = x.with_(tf.pad(x.tensor, none * (1 + x.batched) + ends + none * rest))
    first, *sizes = (int(d or 0) for d in padded.shape)
    tiles = [d // b for d, b in zip(sizes, block, strict=False)]
    pairs = [part for pair in zip(tiles, block, strict=True) for part in pair]
    split = reshaped(padded, (first, *pairs, *sizes[m:]))
    order = [*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m + 1, 2), *range(2 * m + 1, split.rank)]
    return (reshaped(permuted(split, order), (first * math.prod(block), *tiles, *sizes[m:])),)


def _batch_to_space(call: Call) -> tuple[Value, ...]:
    """The inverse of SPACE_TO_BATCH_ND; what crops say is cut off afterwards."""
    x, block = call.value(0), integers(call, 1)
    m, crops = len(block), np.reshape(integers(call, 2), (-1, 2)).tolist()
    first, *sizes = (int(d or 0) for d in x.shape)
    count = first // math.prod(block)
    split = reshaped(x, (*block, count, *sizes))
    pairs = [part for i in range(m) for part in (m + 1 + i, i)]
    moved = permuted(split, [m, *pairs, *range(2 * m + 1, split.rank)])
    spread = [d * b for d, b in zip(sizes, block, strict=False)]
    whole = reshaped(moved, (count, *spread, *sizes[m:]))
    cut = [slice(a, d - b) for d, (a, b) in zip(spread, crops, strict=True)]
    return (x.with_(whole.tensor[(*(slice(None),) * (1 + x.batched), *cut)]),)


def _space_to_depth(call: Call) -> tuple[Value, ...]:
    x, b = call.value(0), int(call.op.option("block_size", 1))
    n, h, w, c = (int(d or 0) for d in x.shape)
    split = permuted(reshaped(x, (n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    return (reshaped(split, (n, h // b, w // b, b * b * c)),)


def _depth_to_space(call: Call) -> tuple[Value, ...]:
    x, b = call.value(0), int(call.op.option("block_size", 1))
    n, h, w, c = (int(d or 0) for d in x.shape)
    split = permuted(reshaped(x, (n, h, w, b, b, c // (b * b))), (0, 1, 3, 2, 4, 5))
    return (reshaped(split, (n, h * b, w * b, c // (b * b))),)


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
        "BATCH_TO_SPACE_ND": _batch_to_space,
        "BROADCAST_ARGS": _broadcast_args,
        "BROADCAST_TO": _broadcast_to,
        "CONCATENATION": _concatenation,
        "DEPTH_TO_SPACE": _depth_to_space,
        "EXPAND_DIMS": _expand_dims,
        "FILL": _fill,
        "MIRROR_PAD": _mirror_pad,
        "PACK": _pack,
        "PAD": same_limits(_pad, 1),
        "PADV2": same_limits(_padv2, 1),
        "RANGE": same_limits(_range, 0, 1, 2),
        "RANK": _rank,
        "RESHAPE": _reshape,
        "REVERSE_V2": _reverse,
        "SHAPE": _shape,
        "SLICE": same_limits(_slice, 1, 2),
        "SPACE_TO_BATCH_ND": _space_to_batch,
        "SPACE_TO_DEPTH": _space_to_depth,
        "SPLIT": _split,
        "SPLIT_V": _split_v,
        "SQUEEZE": _squeeze,
        "STRIDED_SLICE": same_limits(_strided_slice, 1, 2, 3),
        "TILE": _tile,
        "TRANSPOSE": _transpose,
        "UNPACK": _unpack,
        "ZEROS_LIKE": _zeros_like,
    }
)
