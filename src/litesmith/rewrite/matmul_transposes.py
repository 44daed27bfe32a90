"""BATCH_MATMUL transposes its operands itself, and its result.

Algebra, exact: let q be p with its last two axes swapped,
    BATCH_MATMUL(a, T(b, p))  = BATCH_MATMUL(a, T(b, q)){adj_y flipped}
    T(BATCH_MATMUL(a, b){adj_y}, last two swapped) = BATCH_MATMUL(b, a){adj_y}
Side conditions: the transposed value is read by nothing else, and T(b, q) does nothing, or only
moves axes of size 1 (then it is a RESHAPE), or keeps the last axis last, which copies whole rows.
Only for the second operand: for the first, XNNPACK has no adj_x and the op would leave it.
Saves the TRANSPOSE, or its slow form. Minimum: one TRANSPOSE per operand whose heads are moved.
"""

from __future__ import annotations

from litesmith.graph import DType, Op, Tensor
from litesmith.rewrite.engine import Edit, Family, View, dims, sized
from litesmith.rewrite.layouts import Sizes, order_of, permuted


def _flip(op: Op, view: View) -> Edit | None:
    transposed = view.private(op.input(1), "TRANSPOSE")
    order = None if transposed is None else order_of(transposed)
    if transposed is None or order is None or len(order) < 2 or op.options is None:
        return None
    b = transposed.inputs[0]
    last = len(order) - 1
    if b is None or b.dtype is not DType.FLOAT32 or b.quant is not None or order[-1] == last:
        return None
    swapped = (*order[:-2], order[-1], order[-2])
    flipped = op.options.with_(adj_y=not op.option("adj_y"))
    if swapped == tuple(range(last + 1)):
        return Edit({transposed: (), op: (op.with_(inputs=(op.inputs[0], b), options=flipped),)})
    if swapped[-1] != last and (_is_view(order, b) or not _is_view(swapped, b)):
        return None
    sizes = dims(transposed.outputs[0])
    value = transposed.outputs[0]
    rows = sized(value.with_(name=value.name + "/rows"), (*sizes[:-2], sizes[-1], sizes[-2]))
    new = permuted(b, swapped, rows, transposed)
    return Edit({transposed: (new,), op: (op.with_(inputs=(op.inputs[0], rows), options=flipped),)})


def _result(op: Op, view: View) -> Edit | None:
    product, order = view.private(op.inputs[0], "BATCH_MATMUL"), order_of(op)
    if product is None or order is None or op.outputs[0].quant is not None:
        return None
    rank = len(order)
    plain = product.option("adj_y") and not product.option("adj_x")
    if not plain or order != (*range(rank - 2), rank - 1, rank - 2):
        return None
    a, b = product.inputs[:2]
    if a is None or b is None or op.outputs[0].dtype is not DType.FLOAT32:
        return None
    if a.is_constant or b.is_constant or dims(a)[:-2] != dims(b)[:-2]:
        return None
    return Edit({product: (), op: (product.with_(inputs=(b, a), outputs=op.outputs),)})


def _is_view(order: Sizes, x: Tensor) -> bool:
    """True for a permutation that moves axes of size 1 only."""
    kept = [i for i in order if dims(x)[i] != 1]
    return kept == sorted(kept)


MATMUL_TRANSPOSES = Family(
    "matmul_transposes",
    "matrix products transpose their second operand and their result themselves",
    {"BATCH_MATMUL": (_flip,), "TRANSPOSE": (_result,)},
)
