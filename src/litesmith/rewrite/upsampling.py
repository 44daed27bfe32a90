"""Rows and columns that are repeated become one op.

Algebra, exact; R is RESHAPE, SQUEEZE or EXPAND_DIMS, TILE repeats one axis of size 1:
    R(TILE(R(x))), R(TILE(R(TILE(R(x)))))   = RESIZE_NEAREST_NEIGHBOR(x)
when every row of x[N, H, W, C] is repeated r times, or every column, or both, one after the other.
This is how Keras 3 writes UpSampling2D. Side conditions: static shapes, values on the way are read
by nothing else, and the kernel's float32 arithmetic finds i // r for every index i.
Saves 2 or 4 ops and a copy. Minimum: one op.
"""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

from litesmith.graph import DType, Op, Options, Tensor
from litesmith.rewrite.engine import Edit, Family, View
from litesmith.rewrite.layouts import SHAPERS

# (chunks, elements in a chunk, times): every chunk is repeated that often.
_Repeat = tuple[int, int, int]
_OPTIONS = Options(
    "ResizeNearestNeighborOptions",
    MappingProxyType({"align_corners": False, "half_pixel_centers": False}),
)


def _repeat(op: Op) -> _Repeat | None:
    """Return what a TILE of one axis of size 1 does, None for others."""
    x, times = op.inputs[:2]
    if x is None or times is None or times.data is None:
        return None
    axes = np.flatnonzero(times.data != 1)
    if len(axes) != 1 or x.shape[axes[0]] != 1:
        return None
    axis = int(axes[0])
    return math.prod(x.shape[:axis]), math.prod(x.shape[axis:]), int(times.data[axis])


def _chain(op: Op, view: View) -> tuple[list[Op], list[_Repeat]]:
    """Return the ops before a RESHAPE that repeat or reshape, the last first; what they repeat."""
    ops: list[Op] = []
    repeats: list[_Repeat] = []
    while (before := view.private((ops or [op])[-1].inputs[0], "TILE", *SHAPERS)) is not None:
        if before.kind == "TILE":
            found = _repeat(before)
            if found is None:
                break
            repeats.insert(0, found)
        ops.append(before)
    return ops, repeats


def _upsampled(op: Op, view: View) -> Edit | None:
    ops, repeats = _chain(op, view)
    while ops and repeats:
        x, result = ops[-1].inputs[0], op.outputs[0]
        if x is not None and _is_float(x, result) and _matches(x, result, repeats):
            size = np.asarray(result.shape[1:3], np.int32)
            sizes = Tensor(f"{result.name}/size", (2,), DType.INT32, size)
            new = Op("RESIZE_NEAREST_NEIGHBOR", (x, sizes), (result,), _OPTIONS, origin=op.origin)
            return Edit({**dict.fromkeys(ops, ()), op: (new,)})
        if ops.pop().kind == "TILE":
            repeats.pop(0)
    return None


def _is_float(*tensors: Tensor) -> bool:
    return all(t.dtype is DType.FLOAT32 and t.quant is None and not t.is_dynamic for t in tensors)


def _matches(x: Tensor, result: Tensor, repeats: list[_Repeat]) -> bool:
    if len(x.shape) != 4 or len(result.shape) != 4:
        return False
    (n, h, w, c), (_, rows, columns, _) = x.shape, result.shape
    if 0 in x.shape or rows % h or columns % w or result.shape != (n, rows, columns, c):
        return False
    high, wide = rows // h, columns // w
    rows_first = [(n * h, w * c, high), (n * rows * w, c, wide)]
    columns_first = [(n * h * w, c, wide), (n * h, columns * c, high)]
    known = ([r for r in way if r[2] > 1] for way in (rows_first, columns_first))
    return any(repeats == way for way in known) and _exact(h, high) and _exact(w, wide)


def _exact(size: int, times: int) -> bool:
    """True when float32 arithmetic finds the right index, as the kernel computes it."""
    scale = np.float32(size) / np.float32(size * times)
    index = np.arange(size * times)
    return bool(np.array_equal(np.floor(index.astype(np.float32) * scale), index // times))


UPSAMPLING = Family(
    "upsampling",
    "repeated rows and columns become RESIZE_NEAREST_NEIGHBOR",
    {kind: (_upsampled,) for kind in SHAPERS},
)
