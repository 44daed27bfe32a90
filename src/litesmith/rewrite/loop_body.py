"""What the body of a loop computes: its values as sums of products, its counters.

A value of [batch, rows] is taken apart into matrices times the values it comes from, and a bias,
whichever FULLY_CONNECTED, ADD, SPLIT, slices, RESHAPE, CONCATENATION it was written with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from litesmith.graph import Array, Graph, Op, Tensor
from litesmith.rewrite.engine import activation, value
from litesmith.rewrite.layouts import SHAPERS


class NotAnLstmError(Exception):
    """A loop that is none; the text says why, "" when nobody would expect it to be one."""


@dataclass(frozen=True)
class Sum:
    """Σ matrix·source + bias, per row.

    Attributes:
        parts: source → its matrix [rows, size], or the range of its own rows that is added.
        bias: [rows].
    """

    parts: Mapping[Tensor, Array | range]
    bias: Array

    def rows(self, start: int, stop: int) -> Sum:
        """Return some of the rows."""
        parts = {t: m[start:stop] for t, m in self.parts.items()}
        return Sum(parts, self.bias[start:stop])


@dataclass
class Body:
    """A loop's body, while it is read.

    Attributes:
        op: the WHILE.
        steps: how often the body runs.
        counters: positions of carried values that count from 0.
    """

    op: Op
    steps: int
    counters: frozenset[int]
    made_by: Mapping[Tensor, Op] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The body itself."""
        return self.op.subgraphs[1]

    def maker(self, tensor: Tensor | None, *kinds: str) -> Op | None:
        """Return the op that makes a value, if it is of one of these kinds."""
        op = self.made_by.get(tensor) if tensor is not None else None
        return op if op is not None and op.kind in kinds else None

    def bare(self, tensor: Tensor) -> Tensor:
        """Return a value without the RESHAPEs behind it."""
        while (op := self.maker(tensor, *SHAPERS)) is not None and op.inputs[0] is not None:
            tensor = op.inputs[0]
        return tensor

    def counts(self, tensor: Tensor | None) -> bool:
        """True for the number of the step, in any shape."""
        if tensor is None:
            return False
        bare = self.bare(tensor)
        return any(self.graph.inputs[k] is bare for k in self.counters)


def sum_of(body: Body, tensor: Tensor) -> Sum:
    """Return a value of [batch, rows], in any shape, as a sum of products.

    Raises:
        NotAnLstmError: it is none.
    """
    rows = tensor.shape[-1] if tensor.shape else 1
    data = value(tensor)
    if data is not None:
        if data.size != rows:
            raise NotAnLstmError("a constant in its gates has more than one row")
        return Sum({}, data.reshape(-1))
    op = body.made_by.get(tensor)
    read = None if op is None else _SUMS.get(op.kind)
    if op is None or read is None or tensor in body.graph.inputs or op.kind == "GATHER":
        return Sum({tensor: range(rows)}, np.zeros(rows, np.float32))
    if activation(op):
        raise NotAnLstmError("an activation stands before its gates")
    return read(body, op, tensor)


def _added(body: Body, op: Op, tensor: Tensor) -> Sum:
    parts: dict[Tensor, Array | range] = {}
    bias = np.zeros(tensor.shape[-1], np.float32)
    for operand in op.inputs:
        assert operand is not None
        if operand.data is None and size_of(operand) != size_of(tensor):
            raise NotAnLstmError("values before its gates are broadcast")
        term = sum_of(body, operand)
        if len(term.bias) != len(bias) or set(term.parts) & set(parts):
            raise NotAnLstmError("a value is added twice before its gates")
        parts |= term.parts
        bias = bias + term.bias
    return Sum(parts, bias)


def size_of(tensor: Tensor) -> int:
    """Return the number of elements."""
    return int(np.prod(tensor.shape, dtype=np.int64))


def _multiplied(body: Body, op: Op, tensor: Tensor) -> Sum:
    x, w, bias = op.inputs[0], value(op.input(1)), op.input(2)
    if x is None or w is None or op.option("weights_format", 0):
        raise NotAnLstmError("its weights are not float constants")
    parts: dict[Tensor, Array | range] = {}
    start = 0
    for source in _columns(body, x):
        stop = start + source.shape[-1]
        if source in parts:
            raise NotAnLstmError("a value is multiplied twice before its gates")
        parts[source] = w[:, start:stop]
        start = stop
    if start != w.shape[1]:
        raise NotAnLstmError("its weights do not fit what they multiply")
    b = np.zeros(len(w), np.float32) if bias is None else value(bias)
    if b is None:
        raise NotAnLstmError("its bias is not constant")
    return Sum(parts, b.reshape(-1))


def _columns(body: Body, tensor: Tensor) -> list[Tensor]:
    """Return the values that are side by side in the last axis of one."""
    bare = body.bare(tensor)
    if bare.shape[-1:] != tensor.shape[-1:]:
        return [tensor]
    op = body.maker(bare, "CONCATENATION")
    axis = -1 if op is None else int(op.option("axis", 0))
    if op is None or activation(op) or axis not in (-1, len(bare.shape) - 1):
        return [bare]
    return [t for operand in op.inputs if operand is not None for t in _columns(body, operand)]


def _shaped(body: Body, op: Op, tensor: Tensor) -> Sum:
    x = op.inputs[0]
    assert x is not None
    if x.shape[-1:] != tensor.shape[-1:]:
        raise NotAnLstmError("values before its gates change their rows")
    return sum_of(body, x)


def _split(body: Body, op: Op, tensor: Tensor) -> Sum:
    axis, x = (op.inputs[0], op.inputs[1]) if op.kind == "SPLIT" else (op.inputs[2], op.inputs[0])
    if x is None or axis is None or axis.data is None:
        raise NotAnLstmError("its gates are split in an unknown way")
    if int(axis.data.reshape(-1)[0]) % len(x.shape) != len(x.shape) - 1:
        raise NotAnLstmError("its gates are split along another axis than the last")
    before = op.outputs[: op.outputs.index(tensor)]
    start = sum(t.shape[-1] for t in before)
    return sum_of(body, x).rows(start, start + tensor.shape[-1])


def _sliced(body: Body, op: Op, tensor: Tensor) -> Sum:
    x, begin = op.inputs[0], op.input(1)
    strides = op.input(3) if op.kind == "STRIDED_SLICE" else None
    masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "offset")
    unit = strides is None or (strides.data is not None and bool((strides.data == 1).all()))
    if x is None or begin is None or begin.data is None or any(op.option(m) for m in masks):
        raise NotAnLstmError("its gates are sliced in an unknown way")
    if not unit or x.shape[:-1] != tensor.shape[:-1] or begin.data.size != len(x.shape):
        raise NotAnLstmError("its gates are sliced in an unknown way")
    masked = int(op.option("begin_mask", 0)) >> (len(x.shape) - 1) & 1
    start = 0 if masked else int(begin.data.reshape(-1)[-1]) % x.shape[-1]
    return sum_of(body, x).rows(start, start + tensor.shape[-1])


_SUMS: Mapping[str, Callable[[Body, Op, Tensor], Sum]] = {
    "ADD": _added,
    "FULLY_CONNECTED": _multiplied,
    **dict.fromkeys(SHAPERS, _shaped),
    "SPLIT": _split,
    "SPLIT_V": _split,
    "STRIDED_SLICE": _sliced,
    "SLICE": _sliced,
}
