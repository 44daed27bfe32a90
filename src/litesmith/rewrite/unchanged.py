"""Which operand an op hands on unchanged, as a table by kind (a part of `identities`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.graph import Array, Op, Options, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import View, activation, broadcast, dims

# The value that an op hands on, and the op before it that this relies on.
Source = tuple[Tensor, Op | None]

_SHAPERS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


def plain(tensor: Tensor | None) -> Array | None:
    """Return the value of a plain constant of any number type."""
    if tensor is None or tensor.raw or tensor.quant is not None:
        return None
    return tensor.data if tensor.dtype.bits >= 8 else None


def _is_all(tensor: Tensor | None, number: float) -> bool:
    data = plain(tensor)
    return data is not None and data.size > 0 and bool((data == number).all())


def known(tensor: Tensor) -> bool:
    """True when no dimension is open."""
    return not tensor.is_dynamic


def _neutral(number: float, *positions: int) -> Callable[[Op, View], Source | None]:
    """Return the finder for ops where `number` as an operand leaves the other one as it is."""

    def find(op: Op, view: View) -> Source | None:
        for position in positions:
            x, c = op.input(1 - position), op.input(position)
            if x is None or c is None or not _is_all(c, number) or x.is_constant:
                continue
            if broadcast(x, c) == dims(x):
                return x, None
        return None

    return find


def _negated(op: Op | None) -> Tensor | None:
    """Return x when the op is −x."""
    if op is None or activation(op) != Activation.NONE:
        return None
    x = op.input(0)
    if op.kind == "NEG":
        return x
    pairs = {"MUL": ((0, 1, -1.0), (1, 0, -1.0)), "DIV": ((0, 1, -1.0),), "SUB": ((1, 0, 0.0),)}
    for at, other, number in pairs.get(op.kind, ()):
        x, c = op.input(at), op.input(other)
        if x is not None and _is_all(c, number) and x.shape == op.outputs[0].shape:
            return x
    return None


def _twice_negated(op: Op, view: View) -> Source | None:
    middle = _negated(op.with_(options=_without_activation(op)))
    before = view.maker(middle)
    x = _negated(before)
    return None if x is None else (x, before)


def _without_activation(op: Op) -> Options | None:
    if op.options is None or not activation(op):
        return op.options
    return op.options.with_(fused_activation_function=0)


def _first(op: Op, view: View) -> Source | None:
    """The first operand, where the shapes alone say that nothing happens."""
    x = op.input(0)
    return None if x is None or not known(x) else (x, None)


def _zeros_at(position: int) -> Callable[[Op, View], Source | None]:
    def find(op: Op, view: View) -> Source | None:
        x = op.input(0)
        return (x, None) if x is not None and _is_all(op.input(position), 0) else None

    return find


def _single(position: int) -> Callable[[Op, View], Source | None]:
    """Return the finder for ops on many values that have only one, at `position`."""

    def find(op: Op, view: View) -> Source | None:
        x = op.input(position)
        alone = len(op.outputs) == 1 and (position > 0 or len(op.inputs) == 1 or "SPLIT" in op.kind)
        return (x, None) if x is not None and alone else None

    return find


def _cast(op: Op, view: View) -> Source | None:
    x = op.input(0)
    return (x, None) if x is not None and x.dtype is op.outputs[0].dtype else None


def _tile(op: Op, view: View) -> Source | None:
    x = op.input(0)
    return (x, None) if x is not None and _is_all(op.input(1), 1) else None


def _slice(op: Op, view: View) -> Source | None:
    x, size = op.input(0), plain(op.input(2))
    if x is None or size is None or not _is_all(op.input(1), 0):
        return None
    sizes = dims(x)
    if len(sizes) != size.size:
        return None  # of unknown rank, which a file writes as rank 0
    whole = all(s == -1 or (s == d and d >= 0) for s, d in zip(size, sizes, strict=True))
    return (x, None) if whole else None


_AXIS_MASKS = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _strided_slice(op: Op, view: View) -> Source | None:
    x, begin, steps = op.input(0), plain(op.input(1)), plain(op.input(3))
    if x is None or steps is None or not (steps == 1).all():
        return None
    if known(x):
        return x, None  # equal shapes and steps of one leave no choice
    if begin is None or any(op.option(mask, 0) for mask in _AXIS_MASKS):
        return None
    starts, ends = int(op.option("begin_mask", 0)), int(op.option("end_mask", 0))
    for i, dim in enumerate(x.shape_signature or ()):
        from_start = i >= len(begin) or begin[i] == 0 or starts >> i & 1
        to_end = i >= len(begin) or ends >> i & 1
        if dim < 0 and not (from_start and to_end):
            return None
    return x, None


def _gather(op: Op, view: View) -> Source | None:
    x, index = op.input(0), plain(op.input(1))
    if x is None or index is None or not known(x) or op.option("batch_dims", 0):
        return None
    axis = int(op.option("axis", 0)) % max(len(x.shape), 1)
    whole = x.shape and np.array_equal(index, np.arange(x.shape[axis]))
    return (x, None) if whole else None


def _pool(op: Op, view: View) -> Source | None:
    sizes = ("filter_width", "filter_height", "stride_w", "stride_h")
    x = op.input(0)
    return (x, None) if x is not None and all(op.option(s) == 1 for s in sizes) else None


def _block(op: Op, view: View) -> Source | None:
    x = op.input(0)
    return (x, None) if x is not None and op.option("block_size") == 1 else None


def _blocks(op: Op, view: View) -> Source | None:
    x = op.input(0)
    nothing = _is_all(op.input(1), 1) and _is_all(op.input(2), 0)
    return (x, None) if x is not None and nothing else None


def _shaped(op: Op, view: View) -> Source | None:
    """The value before it, or before what reshaped it last, when the shape is the same."""
    x, result = op.input(0), op.outputs[0]
    if x is None:
        return None
    unknown = (result.shape_signature or ()).count(-1)
    if x.shape == result.shape and unknown <= (op.kind == "RESHAPE"):
        return x, None
    before = view.maker(x, *_SHAPERS)
    y = None if before is None else before.input(0)
    if y is None or not (known(x) and known(result)):
        return None
    return (y, before) if y.shape == result.shape and known(y) else None


def reduced(op: Op) -> Tensor | None:
    """Return x when the op reduces axes of size 1 only."""
    x, axes = op.input(0), plain(op.input(1))
    if x is None or axes is None:
        return None
    sizes = x.shape_signature or x.shape
    chosen = [int(axis) for axis in axes.reshape(-1)]
    if any(not -len(sizes) <= axis < len(sizes) for axis in chosen):
        return None  # of unknown rank, which a file writes as rank 0
    return x if all(sizes[axis] == 1 for axis in chosen) else None


FINDERS: dict[str, tuple[Callable[[Op, View], Source | None], ...]] = {
    "ADD": (_neutral(0, 0, 1),),
    "SUB": (_neutral(0, 1), _twice_negated),
    "MUL": (_neutral(1, 0, 1), _twice_negated),
    "DIV": (_neutral(1, 1), _twice_negated),
    "POW": (_neutral(1, 1),),
    "NEG": (_twice_negated,),
    "CAST": (_cast,),
    "CONCATENATION": (_single(0),),
    "SPLIT": (_single(1),),
    "SPLIT_V": (_single(0),),
    "PAD": (_zeros_at(1),),
    "PADV2": (_zeros_at(1),),
    "MIRROR_PAD": (_zeros_at(1),),
    "SPACE_TO_BATCH_ND": (_blocks,),
    "BATCH_TO_SPACE_ND": (_blocks,),
    "SPACE_TO_DEPTH": (_block,),
    "DEPTH_TO_SPACE": (_block,),
    "TILE": (_tile,),
    "BROADCAST_TO": (_first,),
    "SLICE": (_slice,),
    "STRIDED_SLICE": (_strided_slice,),
    "GATHER": (_gather,),
    "RESIZE_BILINEAR": (_first,),
    "RESIZE_NEAREST_NEIGHBOR": (_first,),
    "MAX_POOL_2D": (_pool,),
    "AVERAGE_POOL_2D": (_pool,),
    **{kind: (_shaped,) for kind in _SHAPERS},
}
