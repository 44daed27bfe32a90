"""A factor on a product of two computed matrices goes into the weights that one of them came from.

Algebra, exact but for rounding; c one number:
    MUL(BATCH_MATMUL(a, b), c)  = BATCH_MATMUL(c·a, b) = BATCH_MATMUL(a, c·b)
and c·a is free where a is, but for its layout, the result of a linear op: its weights and bias take
c. Attention's 1/√d is such a factor. DIV by c likewise. Side conditions: everything between is read
by nothing else, no activation on the way, c is finite and not 0, and the weights are read by
nothing else or are small. Saves one op, and a pass over the largest value of an attention.
Minimum: MultiHeadAttention 15 ops (FULLY_CONNECTED, RESHAPE and TRANSPOSE for each of query, key,
value and result; 2 BATCH_MATMUL, SOFTMAX), with one head 7. Query, key and value as one
FULLY_CONNECTED and a SPLIT would be 5 fewer and, measured, as fast; but in 8 bits the three would
share one scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    Family,
    View,
    activation,
    affordable,
    scalar,
    value,
)
from litesmith.rewrite.layouts import SHAPERS

_LINEAR = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
_LAYOUT = (*SHAPERS, "TRANSPOSE")


def _scaled(op: Op, view: View) -> Edit | Decline | None:
    pairs = (op.inputs[:2], op.inputs[1::-1]) if op.kind == "MUL" else (op.inputs[:2],)
    for product, factor in pairs:
        matmul, c = view.private(product, "BATCH_MATMUL"), scalar(factor)
        if matmul is None or c is None or activation(op) or product is None or factor is None:
            continue
        if not np.isfinite(c) or c == 0 or len(factor.shape) > len(product.shape):
            return None
        by = c if op.kind == "MUL" else 1 / c
        for operand in matmul.inputs[:2]:
            chain = _to_weights(operand, view)
            if chain is not None:
                linear = chain[-1]
                new = matmul.with_(outputs=op.outputs)
                kept = {o: (o,) for o in chain[:-1]}
                return Edit({**kept, linear: (_times(linear, by),), matmul: (), op: (new,)})
        return Decline(op, "neither matrix comes from weights of its own")
    return None


def _to_weights(tensor: Tensor | None, view: View) -> Sequence[Op] | None:
    """Return the ops from a matrix back to the linear op that makes it, both included."""
    chain: list[Op] = []
    while (maker := view.private(tensor)) is not None and maker.kind in _LAYOUT:
        chain.append(maker)
        tensor = maker.inputs[0]
    linear = view.plain(tensor, *_LINEAR)
    if linear is None or linear.outputs[0].dtype is not DType.FLOAT32:
        return None
    for t in linear.inputs[1:3]:
        if t is not None and (value(t) is None or not affordable(t, view)):
            return None
    return [*chain, linear]


def _times(linear: Op, c: float) -> Op:
    scaled = tuple(None if t is None else _product(t, c) for t in linear.inputs[1:3])
    return linear.with_(inputs=(linear.inputs[0], *scaled, *linear.inputs[3:]))


def _product(tensor: Tensor, c: float) -> Tensor:
    data: Array = np.asarray(tensor.data, np.float64) * c
    return tensor.with_(data=data.astype(np.float32))


MATMUL_SCALES = Family(
    "matmul_scales",
    "a factor on a product of matrices goes into the weights of one",
    {"MUL": (_scaled,), "DIV": (_scaled,)},
)
