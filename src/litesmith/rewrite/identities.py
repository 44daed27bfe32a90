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

from litesmith.graph import DType, Op, Options, QuantParams, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, bypass
from litesmith.rewrite.unchanged import FINDERS, Source, known, plain, reduced

_AS_OP = {
    Activation.RELU: "RELU",
    Activation.RELU_N1_TO_1: "RELU_N1_TO_1",
    Activation.RELU6: "RELU6",
    Activation.TANH: "TANH",
}


def _identity(find: Callable[[Op, View], Source | None]) -> Callable[..., Edit | Decline | None]:
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
    x, order = op.inputs[0], plain(op.inputs[1])
    if x is None or order is None:
        return None
    if np.array_equal(order, np.arange(len(order))):
        return bypass(op, x, view)
    before = view.maker(x, "TRANSPOSE")
    first = None if before is None else plain(before.inputs[1])
    if before is None or first is None or before.inputs[0] is None or len(first) != len(order):
        return None
    both = first[order].astype(np.int32)
    if np.array_equal(both, np.arange(len(both))):
        edit = bypass(op, before.inputs[0], view)
        return None if edit is None else replace(edit, replace={before: (before,), **edit.replace})
    if view.private(x) is None:
        return None
    permutation = Tensor("permutation", both.shape, DType.INT32, both)
    return Edit({before: (), op: (op.with_(inputs=(before.inputs[0], permutation)),)})


def _nothing_reduced(op: Op, view: View) -> Source | None:
    x = reduced(op)
    return None if x is None else (x, None)


def _reduced_to_shape(op: Op, view: View) -> Edit | None:
    """A reduction of nothing that drops axes as RESHAPE."""
    x, result = reduced(op), op.outputs[0]
    if x is None or x.shape == result.shape or not (known(x) and known(result)):
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


_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")

IDENTITIES = Family(
    "identities",
    "ops that hand on what they get are left out",
    {
        **{kind: tuple(map(_identity, finders)) for kind, finders in FINDERS.items()},
        **{kind: (_identity(_nothing_reduced), _reduced_to_shape) for kind in _REDUCTIONS},
        "TRANSPOSE": (_transposed,),
        "QUANTIZE": (_requantized,),
    },
)
