"""One term of a sum as a linear function of a value (a part of `parallel_branches`).

A branch is CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, the value itself, or the value times a
constant per channel. Each reads the value continued by zeros, so kernels laid over each other at
the positions they read add up, whatever their padding; zero PADs are looked through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.enums import Padding
from litesmith.rewrite.engine import View, dims, value
from litesmith.rewrite.windows import Window, windows

_LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_ANY = 1000  # stands for an open size where no size matters


@dataclass(frozen=True)
class Branch:
    """A term of a sum, linear in `source`.

    Attributes:
        tensor: the term.
        sign: 1.0 or -1.0.
        source: what it is a linear function of.
        op: what computes it, None for the value itself.
        pad: the zero PAD between source and op, if any.
        around: how it reads, per spatial axis.
        starts: where its first result reads first, per spatial axis of `source`.
        counts: results per spatial axis.
    """

    tensor: Tensor
    sign: float
    source: Tensor
    op: Op | None = None
    pad: Op | None = None
    around: tuple[Window, ...] = ()
    starts: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def is_linear_op(self) -> bool:
        """True for a convolution or dense layer."""
        return self.op is not None and self.op.kind in _LINEAR

    @property
    def is_deep(self) -> bool:
        """True when each result reads one channel."""
        return self.op is None or self.op.kind in ("DEPTHWISE_CONV_2D", "MUL")


def branch_of(tensor: Tensor, sign: float, result: Tensor, view: View) -> Branch | None:
    """Return a term as a branch, None for constants and terms that are broadcast."""
    if tensor.is_constant or not result.shape or dims(tensor) != dims(result):
        return None
    op = view.plain(tensor, *_LINEAR, "MUL")
    if op is None:
        return Branch(tensor, sign, tensor)
    if op.kind == "MUL":
        scaled = _scaled(op)
        return Branch(tensor, sign, scaled, op) if scaled else Branch(tensor, sign, tensor)
    x, bias = op.inputs[0], op.input(2)
    weights = value(op.input(1))
    if x is None or not x.shape or weights is None:
        return None
    if bias is not None and (value(bias) is None or bias.shape != result.shape[-1:]):
        return None
    if op.kind == "FULLY_CONNECTED":
        rows = dims(x)[:-1] == dims(result)[:-1]
        fits = rows and weights.shape == (result.shape[-1], x.shape[-1])
        fits = fits and not op.option("weights_format")
        return Branch(tensor, sign, x, op) if fits else None
    return _windowed(tensor, sign, x, op, view)


def _scaled(op: Op) -> Tensor | None:
    """Return x of x · c with c per channel."""
    for x, c in (op.inputs[:2], op.inputs[1::-1]):
        data = value(c)
        if x is None or data is None or x.is_constant or dims(x) != dims(op.outputs[0]):
            continue
        if x.shape and data.size in (1, x.shape[-1]) and data.shape[-1:] in ((), (data.size,)):
            return x
    return None


def _windowed(tensor: Tensor, sign: float, x: Tensor, op: Op, view: View) -> Branch | None:
    weights, around = op.inputs[1], windows(op)
    if weights is None or not around:
        return None
    channels, results = x.shape[3], weights.shape[0 if op.kind == "CONV_2D" else 3]
    fits = weights.shape[3] == channels if op.kind == "CONV_2D" else results % channels == 0
    if not fits or results != tensor.shape[3]:
        return None
    source, pad = x, None
    before: tuple[int, ...] = (0, 0, 0, 0)
    maker = view.maker(x, "PAD")
    if maker is not None and maker.inputs[0] is not None and maker.inputs[1] is not None:
        amounts = maker.inputs[1].data
        if amounts is not None and not amounts[[0, 3]].any():
            source, pad = maker.inputs[0], maker
            before = tuple(int(n) for n in amounts[:, 0])
    places = []
    for w in around:
        size = dims(x)[w.axis]
        if size < 0 and w.stride > 1:
            return None
        # For stride 1 the positions do not depend on the size: any large one tells.
        places.append(w.placed(size if size >= 0 else _ANY, int(op.option("padding"))))
    starts = tuple(start - before[w.axis] for w, (start, _) in zip(around, places, strict=True))
    counts = tuple(count for _, count in places)
    return Branch(tensor, sign, source, op, pad, around, starts, counts)


def common_window(group: Sequence[Branch]) -> tuple[tuple[Window, ...], tuple[int, ...]] | None:
    """Return how all branches together read, and where first; None when no one op does."""
    convs = [b for b in group if b.around]
    if not convs:
        return (), ()
    found, lowest = [], []
    for i, first in enumerate(convs[0].around):
        mine = [(b.around[i], b.starts[i]) for b in convs]
        if len(convs) < len(group):
            mine.append((Window(first.axis, 1, 1, 1), 0))
        wide = {w.dilation for w, _ in mine if w.kernel > 1} or {1}
        if len({w.stride for w, _ in mine}) > 1 or len({b.counts[i] for b in convs}) > 1:
            return None
        step, low = next(iter(wide)), min(start for _, start in mine)
        if len(wide) > 1 or any((start - low) % step for _, start in mine):
            return None
        taps = max((start - low) // step + w.kernel for w, start in mine)
        found.append(Window(first.axis, taps, first.stride, step))
        lowest.append(low)
    return tuple(found), tuple(lowest)


def placed(
    group: Sequence[Branch],
    around: Sequence[Window],
    lowest: Sequence[int],
    counts: Sequence[int],
) -> tuple[Tensor, Padding] | None:
    """Return what one op reads, with which padding."""
    source = group[0].source
    choices: list[tuple[Tensor, Array]] = [(source, np.zeros((4, 2), int))]
    for branch in group:
        if branch.pad is not None and branch.pad.inputs[1] is not None:
            amounts = branch.pad.inputs[1].data
            assert amounts is not None
            choices.append((branch.pad.outputs[0], amounts))
    for x, amounts in choices:
        for padding in (Padding.VALID, Padding.SAME):
            fits = True
            for w, low, count in zip(around, lowest, counts, strict=True):
                before, after = map(int, amounts[w.axis])
                size = dims(source)[w.axis]
                n = (size if size >= 0 else _ANY - _padded(group, w.axis)) + before + after
                fits = fits and w.placed(n, padding) == (low + before, count)
            if fits:
                return x, padding
    return None


def _padded(group: Sequence[Branch], axis: int) -> int:
    """Elements that PADs add to an open size (all of a group add the same, or nothing fits)."""
    amounts = [b.pad.inputs[1].data for b in group if b.pad is not None and b.pad.inputs[1]]
    return max((int(a[axis].sum()) for a in amounts if a is not None), default=0)


def lay(
    branch: Branch,
    kernel: Array,
    bias: Array,
    lowest: Sequence[int],
    around: Sequence[Window],
) -> None:
    """Add a branch's kernel at the positions it reads."""
    results, channels = kernel.shape[0], kernel.shape[-1]
    part = np.ones((results, *(1 for _ in around), 1))
    starts = branch.starts or (0,) * len(around)
    if branch.is_linear_op and branch.op is not None:
        stored = value(branch.op.inputs[1])
        assert stored is not None
        part = stored.transpose(3, 1, 2, 0) if branch.is_deep else stored
        added = value(branch.op.input(2))
        bias += branch.sign * (0.0 if added is None else added.reshape(-1))
    elif branch.op is not None:
        scale = next(v for v in map(value, branch.op.inputs) if v is not None)
        part = part * scale.reshape(-1).reshape(-1, *(1 for _ in around), 1)
    where = tuple(
        slice((s - low) // w.dilation, (s - low) // w.dilation + n)
        for s, low, w, n in zip(starts, lowest, around, part.shape[1:-1], strict=True)
    )
    if branch.is_deep and channels > 1:
        every = np.arange(results)
        full = np.zeros((*part.shape[:-1], channels))
        full[(every, *(slice(None) for _ in around), every * channels // results)] = part[..., 0]
        part = full
    kernel[(slice(None), *where)] += branch.sign * part
