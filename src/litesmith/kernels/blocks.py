"""Ops that trade places within blocks of an image for channels or for more images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import tensorflow as tf

from litesmith.kernels.operands import integers, permuted, reshaped
from litesmith.kernels.value import Call, Kernel, Value


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


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "BATCH_TO_SPACE_ND": _batch_to_space,
        "DEPTH_TO_SPACE": _depth_to_space,
        "SPACE_TO_BATCH_ND": _space_to_batch,
        "SPACE_TO_DEPTH": _space_to_depth,
    }
)
