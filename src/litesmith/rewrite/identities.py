"""Ops that hand on what they get are left out.

Algebra, exact (but for the sign of a zero):
    x + 0, x − 0, x · 1, x / 1, x ** 1, −(−x), ×(−1) twice                  = x
    CAST to the same type, single CONCATENATION, SPLIT in one             = x
    PAD, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND by nothing, TILE by ones      = x
    SLICE, STRIDED_SLICE, GATHER of everything in order                     = x
    RESIZE_* to the same size, 1 × 1 pools, blocks of 1                     = x
    RESHAPE, SQUEEZE, EXPAND_DIMS back to a shape the value had before      = that value
    TRANSPOSE(TRANSPOSE(x, p), q)                                           = TRANSPOSE(x, p[q])
    MEAN, SUM, REDUCE_* over axes of size 1                                 = x, or RESHAPE(x)
    QUANTIZE(DEQUANTIZE(q)) with the same scale and zero point              = q
An identity with a fused activation becomes that activation. DEQUANTIZE(QUANTIZE(x)) is none: it
rounds. Side conditions: declared shapes agree, open dimensions included; a graph's input does not
become its output, nor one output another. Saves the op and, mostly, a copy of the value. What
training leaves behind (Dropout, identity, stop_gradient) has these forms in a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from litesmith.graph import Array, DType, Op, Options, QuantParams, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, bypass

# The value that an op hands on, and the op before it that this relies on.
_Source = tuple[Tensor, Op | None]

_AS_OP = {
    Activation.RELU: "RELU",
    Activation.RELU_N1_TO_1: "RELU_N1_TO_1",
    Activation.RELU6: "RELU6",
    Activation.TANH: "TANH",
}
_SHAPERS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


def _data(tensor: Tensor | None) -> Array | None:
    """Return the value of a plain constant of any number type."""
    if tensor is None or tensor.raw or tensor.quant is not None:
        return None
    return tensor.data if tensor.dtype.bits >= 8 else None


def _is_all(tensor: Tensor | None, number: float) -> bool:
    data = _data(tensor)
    return data is not None and data.size > 0 and bool((data == number).all())


def _known(tensor: Tensor) -> bool:
    return not tensor.is_dynamic


def _neutral(number: float, *positions: int) -> Callable[[Op, View], _Source | None]:
    """Return the finder for ops where `number` as an operand leaves the other one as it is."""

    def find(op: Op, view: View) -> _Source | None:
        for position in positions:
            x, c = op.inputs[1 - position], op.inputs[position]
            if x is None or c is None or not _is_all(c, number) or x.is_constant:
                continue
            if np.broadcast_shapes(x.shape, c.shape) == x.shape:
                return x, None
        return None

    return find


def _negated(op: Op | None) -> Tensor | None:
    """Return x when the op is −x."""
    if op is None or activation(op) != Activation.NONE:
        return None
    x = op.inputs[0]
    if op.kind == "NEG":
        return x
    pairs = {"MUL": ((0, 1, -1.0), (1, 0, -1.0)), "DIV": ((0, 1, -1.0),), "SUB": ((1, 0, 0.0),)}
    for at, other, number in pairs.get(op.kind, ()):
        x, c = op.inputs[at], op.inputs[other]
        if x is not None and _is_all(c, number) and x.shape == op.outputs[0].shape:
            return x
    return None


def _twice_negated(op: Op, view: View) -> _Source | None:
    middle = _negated(op.with_(options=_without_activation(op)))
    before = view.maker(middle)
    x = _negated(before)
    return None if x is None else (x, before)


def _without_activation(op: Op) -> Options | None:
    if op.options is None or not activation(op):
        return op.options
    return op.options.with_(fused_activation_function=0)


def _first(op: Op, view: View) -> _Source | None:
    """The first operand, where the shapes alone say that nothing happens."""
    x = op.inputs[0]
    return None if x is None or not _known(x) else (x, None)


def _zeros_at(position: int) -> Callable[[Op, View], _Source | None]:
    def find(op: Op, view: View) -> _Source | None:
        x = op.inputs[0]
        return (x, None) if x is not None and _is_all(op.input(position), 0) else None

    return find


def _single(position: int) -> Callable[[Op, View], _Source | None]:
    """Return the finder for ops on many values that have only one, at `position`."""

    def find(op: Op, view: View) -> _Source | None:
        x = op.inputs[position]
        alone = len(op.outputs) == 1 and (position > 0 or len(op.inputs) == 1 or "SPLIT" in op.kind)
        return (x, None) if x is not None and alone else None

    return find


def _cast(op: Op, view: View) -> _Source | None:
    x = op.inputs[0]
    return (x, None) if x is not None and x.dtype is op.outputs[0].dtype else None


def _tile(op: Op, view: View) -> _Source | None:
    x = op.inputs[0]
    return (x, None) if x is not None and _is_all(op.inputs[1], 1) else None


def _slice(op: Op, view: View) -> _Source | None:
    x, size = op.inputs[0], _data(op.inputs[2])
    if x is None or size is None or not _is_all(op.inputs[1], 0):
        return None
    sizes = x.shape_signature or x.shape
    whole = all(s == -1 or (s == d and d >= 0) for s, d in zip(size, sizes, strict=True))
    return (x, None) if whole else None


_AXIS_MASKS = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _strided_slice(op: Op, view: View) -> _Source | None:
    x, begin, steps = op.inputs[0], _data(op.inputs[1]), _data(op.inputs[3])
    if x is None or steps is None or not (steps == 1).all():
        return None
    if _known(x):
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


def _gather(op: Op, view: View) -> _Source | None:
    x, index = op.inputs[0], _data(op.inputs[1])
    if x is None or index is None or not _known(x) or op.option("batch_dims", 0):
        return None
    axis = int(op.option("axis", 0)) % max(len(x.shape), 1)
    whole = x.shape and np.array_equal(index, np.arange(x.shape[axis]))
    return (x, None) if whole else None


def _pool(op: Op, view: View) -> _Source | None:
    sizes = ("filter_width", "filter_height", "stride_w", "stride_h")
    x = op.inputs[0]
    return (x, None) if x is not None and all(op.option(s) == 1 for s in sizes) else None


def _block(op: Op, view: View) -> _Source | None:
    x = op.inputs[0]
    return (x, None) if x is not None and op.option("block_size") == 1 else None


def _blocks(op: Op, view: View) -> _Source | None:
    x = op.inputs[0]
    nothing = _is_all(op.inputs[1], 1) and _is_all(op.inputs[2], 0)
    return (x, None) if x is not None and nothing else None


def _shaped(op: Op, view: View) -> _Source | None:
    """The value before it, or before what reshaped it last, when the shape is the same."""
    x, result = op.inputs[0], op.outputs[0]
    if x is None:
        return None
    unknown = (result.shape_signature or ()).count(-1)
    if x.shape == result.shape and unknown <= (op.kind == "RESHAPE"):
        return x, None
    before = view.maker(x, *_SHAPERS)
    if before is None or before.inputs[0] is None or not (_known(x) and _known(result)):
        return None
    y = before.inputs[0]
    return (y, before) if y.shape == result.shape and _known(y) else None


def _reduced(op: Op) -> Tensor | None:
    """Return x when the op reduces axes of size 1 only."""
    x, axes = op.inputs[0], _data(op.inputs[1])
    if x is None or axes is None:
        return None
    sizes = x.shape_signature or x.shape
    chosen = [int(axis) for axis in axes.reshape(-1)]
    if any(not -len(sizes) <= axis < len(sizes) for axis in chosen):
        return None  # of unknown rank, which a file writes as rank 0
    return x if all(sizes[axis] == 1 for axis in chosen) else None


def _reduce(op: Op, view: View) -> _Source | None:
    x = _reduced(op)
    return None if x is None else (x, None)


def _identity(find: Callable[[Op, View], _Source | None]) -> Callable[..., Edit | Decline | None]:
    def rule(op: Op, view: View) -> Edit | Decline | None:
        found = find(op, view)
        if found is None or found[0].shape != op.outputs[0].shape:
            return None
        x, before = found
        edit = _activated(op, x) if activation(op) else bypass(op, x, view)
        if edit is None:
            outer = op.outputs[0] in view.outputs
            return Decline(op, "an input or output would become an output") if outer else None
        if before is None:
            return edit
        return replace(edit, replace={before: (before,), **edit.replace})

    return rule


def _activated(op: Op, x: Tensor) -> Edit | None:
    kind = _AS_OP.get(Activation(activation(op)))
    if kind is None:
        return None
    return Edit({op: (op.with_(kind=kind, inputs=(x,), options=None, version=1),)})


def _transposed(op: Op, view: View) -> Edit | Decline | None:
    x, order = op.inputs[0], _data(op.inputs[1])
    if x is None or order is None:
        return None
    if np.array_equal(order, np.arange(len(order))):
        return bypass(op, x, view)
    before = view.maker(x, "TRANSPOSE")
    first = None if before is None else _data(before.inputs[1])
    if before is None or first is None or before.inputs[0] is None:
        return None
    both = first[order].astype(np.int32)
    if np.array_equal(both, np.arange(len(both))):
        edit = bypass(op, before.inputs[0], view)
        return None if edit is None else replace(edit, replace={before: (before,), **edit.replace})
    if view.private(x) is None:
        return None
    permutation = Tensor("permutation", both.shape, DType.INT32, both)
    return Edit({before: (), op: (op.with_(inputs=(before.inputs[0], permutation)),)})


def _reduced_to_shape(op: Op, view: View) -> Edit | None:
    """A reduction of nothing that drops axes as RESHAPE."""
    x, result = _reduced(op), op.outputs[0]
    if x is None or x.shape == result.shape or not (_known(x) and _known(result)):
        return None
    if x.dtype is not result.dtype or x.quant is not None or result.quant is not None:
        return None
    fields = MappingProxyType({"new_shape": result.shape})
    shape = Tensor("shape", (len(result.shape),), DType.INT32, np.array(result.shape, np.int32))
    options = Options("ReshapeOptions", fields)
    return Edit({op: (Op("RESHAPE", (x, shape), (result,), options, origin=op.origin),)})


def _requantized(op: Op, view: View) -> Edit | None:
    before = view.maker(op.inputs[0], "DEQUANTIZE")
    source = None if before is None else before.inputs[0]
    result = op.outputs[0]
    if before is None or source is None or source.is_constant or result in view.outputs:
        return None
    if source.dtype is not result.dtype or not _same(source.quant, result.quant):
        return None
    return Edit({before: (before,), op: ()}, {result: source})


def _same(a: QuantParams | None, b: QuantParams | None) -> bool:
    if a is None or b is None or a.axis != b.axis or a.blockwise or b.blockwise:
        return False
    return np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)


_FINDERS: dict[str, tuple[Callable[[Op, View], _Source | None], ...]] = {
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
_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")

IDENTITIES = Family(
    "identities",
    "ops that hand on what they get are left out",
    {
        **{kind: tuple(map(_identity, finders)) for kind, finders in _FINDERS.items()},
        **{kind: (_identity(_reduce), _reduced_to_shape) for kind in _REDUCTIONS},
        "TRANSPOSE": (_transposed,),
        "QUANTIZE": (_requantized,),
    },
)
