"""Along which axes ops mix elements, and what they ask of a scale and shift: one row per kind.

A scale and shift must not vary along axes that an op mixes. Further:
    order   no factor below or at zero (maximum, ReLU)
    zero    no shift (what the op adds or cuts off is zero)
Add here: an op that computes on elements without weights, and a case in
tests/rewrite/affine_graphs.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, Op, Tensor

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """What an op asks of a scale and shift.

    Attributes:
        axes: (op, x) → axes of x along which elements meet, None when unknown.
        order: factors must be positive.
        zero: no shift.
        relu: it is a kind of ReLU: only what may go past one passes.
        clamps: an activation may move from behind the op to before it.
    """

    axes: Callable[[Op, Tensor], Axes | None]
    order: bool = False
    zero: bool = False
    relu: bool = False
    clamps: bool = False


def integers(tensor: Tensor | None) -> Array | None:
    """Return the value of an integer constant, None for anything else."""
    if tensor is None or tensor.data is None or tensor.raw or tensor.data.dtype.kind != "i":
        return None
    return tensor.data


def _fixed(*axes: int) -> Callable[[Op, Tensor], Axes | None]:
    def found(op: Op, x: Tensor) -> Axes | None:
        return axes if all(axis < len(x.shape) for axis in axes) else None

    return found


def _listed(position: int) -> Callable[[Op, Tensor], Axes | None]:
    """Axes that a constant operand lists."""

    def found(op: Op, x: Tensor) -> Axes | None:
        listed = integers(op.input(position))
        if listed is None:
            return None
        return tuple(int(axis) % len(x.shape) for axis in listed.reshape(-1))

    return found


def _padded(op: Op, x: Tensor) -> Axes | None:
    pads = integers(op.input(1))
    return None if pads is None else tuple(int(i) for i in np.flatnonzero(pads.any(axis=1)))


def _repeated(op: Op, x: Tensor) -> Axes | None:
    counts = integers(op.input(1))
    if counts is None or counts.size != len(x.shape):
        return None
    return tuple(int(i) for i in np.flatnonzero(counts != 1))


def _blocks(op: Op, x: Tensor) -> Axes | None:
    return tuple(range(len(x.shape) - 1))


def _cut(op: Op, x: Tensor) -> Axes | None:
    """Axes that a slice shortens; all of them when it also drops or reverses axes."""
    result = op.outputs[0]
    strides = integers(op.input(3)) if op.kind == "STRIDED_SLICE" else None
    reversing = op.kind == "STRIDED_SLICE" and (strides is None or (strides < 0).any())
    if len(result.shape) != len(x.shape) or reversing:
        return None
    sizes = [(t.shape_signature or t.shape) for t in (x, result)]
    return tuple(i for i, (d, e) in enumerate(zip(*sizes, strict=True)) if d != e or d < 0)


ROWS: dict[str, Row] = {
    "AVERAGE_POOL_2D": Row(_fixed(1, 2)),  # the kernel divides by the elements inside alone
    "MAX_POOL_2D": Row(_fixed(1, 2), order=True, clamps=True),
    "MEAN": Row(_listed(1)),
    "SUM": Row(_listed(1), zero=True),
    "REDUCE_MAX": Row(_listed(1), order=True, clamps=True),
    "REDUCE_MIN": Row(_listed(1), order=True, clamps=True),
    "RESIZE_BILINEAR": Row(_fixed(1, 2)),
    "RESIZE_NEAREST_NEIGHBOR": Row(_fixed(1, 2), clamps=True),
    "PAD": Row(_padded),
    "PADV2": Row(_padded),
    "MIRROR_PAD": Row(_padded, clamps=True),
    "SPACE_TO_BATCH_ND": Row(_blocks, zero=True),
    "BATCH_TO_SPACE_ND": Row(_blocks, clamps=True),
    "SPACE_TO_DEPTH": Row(_fixed(1, 2, 3), clamps=True),
    "DEPTH_TO_SPACE": Row(_fixed(1, 2, 3), clamps=True),
    "TILE": Row(_repeated, clamps=True),
    "SLICE": Row(_cut, clamps=True),
    "STRIDED_SLICE": Row(_cut, clamps=True),
    "REVERSE_V2": Row(_listed(1), clamps=True),
    "RELU": Row(_fixed(), order=True, zero=True, relu=True),
    "LEAKY_RELU": Row(_fixed(), order=True, zero=True, relu=True),
    "PRELU": Row(_fixed(), order=True, zero=True, relu=True),
}
