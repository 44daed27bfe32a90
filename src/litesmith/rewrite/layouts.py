"""How a value, its axes and constants look before a RESHAPE or a TRANSPOSE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import DType, Op, Options, Tensor
from litesmith.rewrite.engine import dims

SHAPERS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")

Sizes = tuple[int, ...]


def reshaped(x: Tensor, result: Tensor, like: Op) -> Op | None:
    """Return the RESHAPE that makes `result` of x; None when several sizes are open."""
    sizes = dims(result)
    if sizes.count(-1) > 1 or 0 in sizes:
        return None
    shape = Tensor("shape", (len(sizes),), DType.INT32, np.asarray(sizes, np.int32))
    return Op("RESHAPE", (x, shape), (result,), None, origin=like.origin)


def permuted(x: Tensor, order: Sequence[int], result: Tensor, like: Op) -> Op:
    """Return TRANSPOSE(x, order)."""
    permutation = Tensor("permutation", (len(order),), DType.INT32, np.asarray(order, np.int32))
    options = Options("TransposeOptions", {})
    return Op("TRANSPOSE", (x, permutation), (result,), options, origin=like.origin)


def order_of(op: Op) -> Sizes | None:
    """Return a TRANSPOSE's constant permutation."""
    order = op.input(1)
    if order is None or order.data is None:
        return None
    return tuple(int(i) for i in order.data.reshape(-1))


def same_but_ones(before: Sizes, behind: Sizes) -> dict[int, int] | None:
    """Return axis behind → axis before for sizes that differ in 1s only, None for others."""
    one = [i for i, d in enumerate(before) if d != 1]
    two = [i for i, d in enumerate(behind) if d != 1]
    if [before[i] for i in one] != [behind[i] for i in two]:
        return None
    return dict(zip(two, one, strict=True))


@dataclass(frozen=True)
class Reshaped:
    """Values that a RESHAPE, SQUEEZE or EXPAND_DIMS made of these sizes to those."""

    before: Sizes
    behind: Sizes
    kinds = SHAPERS

    def axes(self, before: Sizes, behind: Sizes) -> dict[int, int] | None:
        """Return axis behind → axis before, without axes of size 1."""
        return same_but_ones(before, behind)

    def keeps_last(self, before: Sizes, behind: Sizes) -> bool:
        """True when rows along the last axis stay rows."""
        return bool(before) and bool(behind) and before[-1] == behind[-1] != -1

    def constant(self, c: Tensor, before: Sizes, behind: Sizes) -> Tensor | None:
        """Return the constant that does to the value before what c does to the one behind."""
        assert c.data is not None
        lead = next((i for i, d in enumerate(c.shape) if d != 1), len(c.shape))
        bare = c.shape[lead:]
        count = len(bare)
        if count == 0 or (count <= len(before) and before[-count:] == behind[-count:]):
            return c if bare == c.shape else _shaped(c, bare)
        axes = self.axes(before, behind)
        if axes is None or len(c.shape) > len(behind):
            return None
        sizes = [1] * len(before)
        for axis, size in enumerate(c.shape, len(behind) - len(c.shape)):
            if axis in axes:
                sizes[axes[axis]] = size
            elif size != 1:
                return None
        return _shaped(c, tuple(sizes))

    def place(self, behind: Sizes) -> Sizes | None:
        """Return the sizes before of a value with these sizes behind; None where 1s do not tell."""
        axes = self.axes(self.before, self.behind)
        if axes is None or len(behind) != len(self.behind):
            return None
        sizes = [1] * len(self.before)
        for axis, size in enumerate(behind):
            if axis in axes:
                sizes[axes[axis]] = size
            elif size != 1:
                return None
        return tuple(sizes)

    def restore(self, x: Tensor, result: Tensor, like: Op) -> Op | None:
        """Return the op that makes the value behind from the one before."""
        return reshaped(x, result, like)

    def entry(self, op: Op) -> bool:
        """True when an op changes the layout in this way."""
        return op.kind in SHAPERS


@dataclass(frozen=True)
class Permuted:
    """Values that TRANSPOSE made: sizes behind[i] = sizes before[order[i]]."""

    order: Sizes
    kinds = ("TRANSPOSE",)

    def axes(self, before: Sizes, behind: Sizes) -> dict[int, int] | None:
        """Return axis behind → axis before."""
        return dict(enumerate(self.order))

    def keeps_last(self, before: Sizes, behind: Sizes) -> bool:
        """True when rows along the last axis stay rows."""
        return self.order[-1] == len(self.order) - 1

    def constant(self, c: Tensor, before: Sizes, behind: Sizes) -> Tensor | None:
        """Return the constant that does to the value before what c does to the one behind."""
        rank = len(self.order)
        if c.data is None or len(c.shape) > rank:
            return None
        if c.data.size == 1:
            return c
        whole = c.data.reshape((1,) * (rank - len(c.shape)) + c.shape)
        data = np.ascontiguousarray(whole.transpose(np.argsort(self.order)))
        return c.with_(shape=data.shape, data=data)

    def place(self, behind: Sizes) -> Sizes | None:
        """Return the sizes before of a value with these sizes behind."""
        if len(behind) != len(self.order):
            return None
        return tuple(behind[i] for i in np.argsort(self.order))

    def restore(self, x: Tensor, result: Tensor, like: Op) -> Op | None:
        """Return the op that makes the value behind from the one before."""
        return permuted(x, self.order, result, like)

    def entry(self, op: Op) -> bool:
        """True when an op changes the layout in this way."""
        return op.kind == "TRANSPOSE" and order_of(op) == self.order


Layout = Reshaped | Permuted


def layout_of(op: Op) -> Layout | None:
    """Return the layout that an op's result is in, None for ops that do not just lay out."""
    if op.kind in SHAPERS and op.inputs[0] is not None:
        return Reshaped(dims(op.inputs[0]), dims(op.outputs[0]))
    if op.kind == "TRANSPOSE" and (order := order_of(op)) is not None:
        return Permuted(order)
    return None


def _shaped(c: Tensor, sizes: Sizes) -> Tensor:
    assert c.data is not None
    return c.with_(shape=sizes, data=c.data.reshape(sizes))
