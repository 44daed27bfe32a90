"""A mean of squares and the ε behind it are one product, where that costs next to nothing.

Algebra, n channels, the last axis:
    ADD(MEAN(x), ε) = FULLY_CONNECTED(x; weights 1/n [1, n], bias ε)
in a normalization, where RSQRT and MUL follow. A matrix product with one column costs what one
with about 20 costs (measured, XNNPACK, AVX-512: 1.3 to 2 times a LayerNormalization as a whole),
so it is taken where the linear ops that follow multiply each row with at least 1,024 columns: there
it adds less than 2 % to them. Side conditions: the mean is read by nothing else and keeps its
dimension. Saves the ADD. Minimum: MEAN SQUARED_DIFFERENCE FULLY_CONNECTED RSQRT MUL.

For integers MEAN and ADD are put back: their weights are no weights to quantize, prune or train.
"""

from __future__ import annotations

from math import prod

import numpy as np

from litesmith.graph import Op, Tensor
from litesmith.graph.build import make_op
from litesmith.rewrite.absorbed_means import linear_readers
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    Family,
    View,
    activation,
    binary,
    constant,
    dims,
    scalar,
    value,
)
from litesmith.rewrite.reductions import axes_of, over

LEAST_COLUMNS = 1024


def _product(op: Op, view: View) -> Edit | Decline | None:
    for mean, epsilon in (op.inputs[:2], op.inputs[1::-1]):
        maker, bias = view.private(mean, "MEAN"), scalar(epsilon)
        if maker is None or bias is None or activation(op):
            continue
        x = maker.inputs[0]
        if x is None or not _over_channels(maker, x) or dims(op.outputs[0]) != (*dims(x)[:-1], 1):
            continue
        columns = _columns(op, view)
        if columns is None:
            return None
        if columns < LEAST_COLUMNS:
            why = f"a product would cost more than it saves beside one of {columns} columns"
            return Decline(op, why)
        name, n = op.outputs[0].name, x.shape[-1]
        weights = constant(f"{name}/share", np.full((1, n), 1 / n))
        inputs = (x, weights, constant(f"{name}/epsilon", np.full(1, bias)))
        new = make_op("FULLY_CONNECTED", inputs, op.outputs, 5, keep_num_dims=True)
        return Edit({maker: (maker,), op: (new.with_(origin=op.origin),)})
    return None


def _over_channels(mean: Op, x: Tensor) -> bool:
    """True for MEAN over the last axis of several, whose size is known, that keeps it."""
    last = len(x.shape) - 1
    return (
        last > 0
        and bool(mean.option("keep_dims"))
        and axes_of(mean) == (last,)
        and dims(x)[last] > 0
    )


def _columns(op: Op, view: View) -> int | None:
    """Return how many columns each row is multiplied with behind RSQRT and MUL."""
    root = view.reader(op.outputs[0])
    product = view.reader(root.outputs[0]) if root is not None and root.kind == "RSQRT" else None
    if product is None or product.kind != "MUL":
        return None
    y = product.outputs[0]
    readers = linear_readers(y, view)
    if readers is None:
        return None
    products = sum(_multiplications(o) for o in readers)
    return products // prod(y.shape)


def _multiplications(op: Op) -> int:
    weights, result = op.inputs[1], op.outputs[0]
    assert weights is not None
    return prod(result.shape[:-1]) * prod(weights.shape)


def _separate(op: Op, view: View) -> Edit | None:
    """FULLY_CONNECTED(x; 1/n, ε) → ADD(MEAN(x), ε)."""
    x, weights, bias = op.inputs[0], value(op.input(1)), scalar(op.input(2))
    if x is None or weights is None or bias is None or activation(op):
        return None
    n = x.shape[-1]
    if weights.shape != (1, n) or not np.all(weights == np.float32(1 / n)):
        return None
    result = op.outputs[0]
    if dims(result) != (*dims(x)[:-1], 1):
        return None
    m = result.with_(name=result.name + "/mean")
    axes = over([len(x.shape) - 1], result.name + "/axes")
    mean = make_op("MEAN", (x, axes), (m,), keep_dims=True).with_(origin=op.origin)
    epsilon = constant(result.name + "/epsilon", bias)
    return Edit({op: (mean, binary("ADD", m, epsilon, result, op))})


MEAN_PRODUCTS = Family(
    "mean_products",
    "a mean and the constant added to it are one product, where wide products follow",
    {"ADD": (_product,)},
    last=True,
)
# For integers: the inverse.
SEPARATE_MEANS = Family(
    "separate_means",
    "means written as products are means again",
    {"FULLY_CONNECTED": (_separate,)},
)
