"""Reversed and permuted channels disappear in weights, whatever lies between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.rewrite.channel_orders import CHANNEL_ORDERS
from tests.rewrite.affine_graphs import check, conv, dense, depthwise, kinds, pool, scaled
from tests.support.graphs import RELU, RELU6, SAME, VALID, Builder, Tensor, const

_BETWEEN = ("pad", "scaled", "max", "relu", "depthwise", "depthwise 2", "resize")
_MASKS = {"begin_mask": 15, "end_mask": 15}


def ordered(b: Builder, x: Tensor, kind: str) -> Tensor:
    if kind == "REVERSE_V2":
        return b.op(kind, x, const([3]))
    if kind == "GATHER":
        order = np.roll(np.arange(x.shape[-1], dtype=np.int32), 1 + int(b.random.integers(2)))
        return b.op(kind, x, const(order), axis=3)
    zeros, steps = const([0, 0, 0, 0]), const([1, 1, 1, -1])
    return b.op("STRIDED_SLICE", x, zeros, zeros, steps, **_MASKS)


def between(b: Builder, x: Tensor, kind: str) -> Tensor:
    if kind == "pad":
        return b.op("PAD", x, const([[0, 0], [1, 1], [0, 1], [0, 0]]))
    if kind == "scaled":
        return scaled(b, x, fused=RELU6)
    if kind == "max":
        return pool(b, x, "MAX_POOL_2D", SAME)
    if kind == "relu":
        return b.op("RELU", x)
    if kind == "resize":
        return b.op("RESIZE_BILINEAR", x, const([5, 5]), version=3, half_pixel_centers=True)
    return depthwise(b, x, 2 if kind.endswith("2") else 1, fused=RELU)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    kind=st.sampled_from(["REVERSE_V2", "GATHER", "STRIDED_SLICE"]),
    path=st.lists(st.sampled_from(_BETWEEN), max_size=3),
    end=st.sampled_from(["conv", "dense", "flat", "rows"]),
    batch=st.integers(1, 2),
)
def test_orders_go(seed: int, kind: str, path: list[str], end: str, batch: int) -> None:
    b = Builder(seed)
    x = ordered(b, b.input((batch, 5, 6, 3)), kind)
    for name in path:
        x = between(b, x, name)
    if end == "conv":
        y = conv(b, x, 4, padding=VALID)
    elif end == "rows":
        to = [batch, int(np.prod(x.shape[1:]))]
        y = dense(b, b.op("RESHAPE", x, const(to), new_shape=to))
    else:
        y = dense(b, x, size=int(np.prod(x.shape[1:])) if end == "flat" else 0)
    before = b.graph(y)
    after = check(before, (CHANNEL_ORDERS,))
    assert not {"REVERSE_V2", "GATHER", "STRIDED_SLICE"} & set(kinds(after))
    assert kinds(before).total() - kinds(after).total() <= 1


@pytest.mark.parametrize("why", ["output", "two readers", "grouped", "softmax", "rows"])
def test_orders_that_stay(why: str) -> None:
    b = Builder()
    x = b.input((1, 4, 4, 4))
    axis = 1 if why == "rows" else 3
    y = b.op("REVERSE_V2", x, const([axis]))
    z = conv(
        b, b.op("SOFTMAX", y, beta=1.0) if why == "softmax" else y, 4, groups=1 + (why == "grouped")
    )
    outputs = [z]
    if why == "output":
        outputs.append(y)
    if why == "two readers":
        outputs.append(b.op("ABS", y))
    assert kinds(check(b.graph(*outputs), (CHANNEL_ORDERS,)))["REVERSE_V2"] == 1
