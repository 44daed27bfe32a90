"""Sums of linear branches of one value, as one linear op (a part of `parallel_branches`).

A branch is CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, the value itself, or the value times a
constant per channel. Each reads the value continued by zeros, so kernels laid over each other at
the positions they read add up, whatever their padding; zero PADs are looked through.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.graph.enums import Padding
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    View,
    activation,
    affordable,
    binary,
    constant,
    dims,
    value,
)
from litesmith.rewrite.windows import Window, windows

_LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_SUMS = ("ADD", "SUB")


@dataclass(frozen=True)
class _Branch:
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


def summed(op: Op, view: View) -> Edit | Decline | None:
    """Branches of a sum as one op, for the last ADD or SUB of the sum."""
    result = op.outputs[0]
    if result.dtype is not DType.FLOAT32 or result.quant is not None or _is_inner(op, view):
        return None
    tree: list[Op] = []
    terms = _terms(op, 1.0, view, tree)
    groups: dict[Tensor, list[_Branch]] = {}
    for tensor, sign in terms:
        branch = _branch(tensor, sign, result, view)
        if branch is not None:
            groups.setdefault(branch.source, []).append(branch)
    declined: Decline | None = None
    for group in groups.values():
        if len(group) < 2 or not any(b.is_linear_op for b in group):
            continue
        merged = _merged(group, op, view)
        if isinstance(merged, _Sum):
            return _edit(op, tree, terms, group, merged)
        declined = Decline(op, merged) if merged else declined
    return declined


def _is_inner(op: Op, view: View) -> bool:
    reader = view.reader(op.outputs[0])
    return (
        reader is not None
        and reader.kind in _SUMS
        and not activation(op)
        and view.private(op.outputs[0]) is op
        and reader.outputs[0].shape == op.outputs[0].shape
    )


def _terms(op: Op, sign: float, view: View, tree: list[Op]) -> list[tuple[Tensor, float]]:
    """Return the terms of a sum with their signs; its ops are added to `tree`."""
    tree.append(op)
    found: list[tuple[Tensor, float]] = []
    signs = (sign, -sign if op.kind == "SUB" else sign)
    for tensor, own in zip(op.inputs[:2], signs, strict=True):
        assert tensor is not None
        inner = view.plain(tensor, *_SUMS)
        if inner is not None and _is_inner(inner, view):
            found += _terms(inner, own, view, tree)
        else:
            found.append((tensor, own))
    return found


def _branch(tensor: Tensor, sign: float, result: Tensor, view: View) -> _Branch | None:
    """Return a term as a branch, None for constants and terms that are broadcast."""
    if tensor.is_constant or dims(tensor) != dims(result):
        return None
    op = view.plain(tensor, *_LINEAR, "MUL")
    if op is None:
        return _Branch(tensor, sign, tensor)
    if op.kind == "MUL":
        scaled = _scaled(op)
        return _Branch(tensor, sign, scaled, op) if scaled else _Branch(tensor, sign, tensor)
    x, bias = op.inputs[0], op.input(2)
    plain = x is not None and value(op.inputs[1]) is not None
    if not plain or x is None or (bias is not None and value(bias) is None):
        return None
    if op.kind == "FULLY_CONNECTED":
        rows = dims(x)[:-1] == dims(result)[:-1]
        fits = rows and not op.option("weights_format")
        return _Branch(tensor, sign, x, op) if fits else None
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


def _windowed(tensor: Tensor, sign: float, x: Tensor, op: Op, view: View) -> _Branch | None:
    weights = op.inputs[1]
    if weights is None or (op.kind == "CONV_2D" and weights.shape[3] != x.shape[3]):
        return None
    source, pad = x, None
    before: tuple[int, ...] = (0, 0, 0, 0)
    maker = view.maker(x, "PAD")
    if maker is not None and maker.inputs[0] is not None and maker.inputs[1] is not None:
        amounts = maker.inputs[1].data
        if amounts is not None and not amounts[[0, 3]].any():
            source, pad = maker.inputs[0], maker
            before = tuple(int(n) for n in amounts[:, 0])
    around = windows(op)
    places = []
    for w in around:
        size = dims(x)[w.axis]
        if size < 0 and w.stride > 1:
            return None
        # For stride 1 the positions do not depend on the size: any large one tells.
        places.append(w.placed(size if size >= 0 else 1000, int(op.option("padding"))))
    starts = tuple(start - before[w.axis] for w, (start, _) in zip(around, places, strict=True))
    counts = tuple(count for _, count in places)
    return _Branch(tensor, sign, source, op, pad, around, starts, counts)


@dataclass(frozen=True)
class _Sum:
    """What a group of branches becomes.

    Attributes:
        like: an op with the right kind and options; operands and results are filled in later.
        x, weights, bias: its operands.
    """

    like: Op
    x: Tensor
    weights: Array
    bias: Array


def _merged(group: Sequence[_Branch], root: Op, view: View) -> _Sum | str:
    """Return the group as one op, or why not ("" when nobody would expect it)."""
    linear = [b for b in group if b.is_linear_op]
    if len({b.op.kind == "FULLY_CONNECTED" for b in linear if b.op}) > 1:
        return ""
    constants = [b.op.inputs[1] for b in linear if b.op is not None]
    channels, results = group[0].source.shape[-1], root.outputs[0].shape[-1]
    if any(not b.is_linear_op for b in group) and channels != results:
        return ""
    layout = _layout(group)
    if layout is None:
        return "the branches have other strides, dilations or sizes"
    around, lowest = layout
    deep = all(b.is_deep for b in group)
    size = results * math.prod(w.kernel for w in around) * (1 if deep else channels)
    if size > sum(t.data.size for t in constants if t is not None and t.data is not None):
        return "one op would take more multiply-adds than the branches"
    if not all(t is not None and affordable(t, view) for t in constants):
        return "others read the weights"
    shape = (results, *(w.kernel for w in around), 1 if deep else channels)
    kernel, bias = np.zeros(shape), np.zeros(results)
    for branch in group:
        _lay(branch, kernel, bias, lowest, around)
    like = next(b.op for b in linear if b.op is not None and b.is_deep is deep)
    if like.kind == "FULLY_CONNECTED":
        return _Sum(like, group[0].source, kernel, bias)
    found = _placed(group, around, lowest, linear[0].counts)
    if found is None:
        return "no padding of one convolution reads the same"
    x, padding = found
    fields = {"padding": int(padding), "stride_h": around[0].stride, "stride_w": around[1].stride}
    fields |= {"dilation_h_factor": around[0].dilation, "dilation_w_factor": around[1].dilation}
    assert like.options is not None
    stored = kernel.transpose(3, 1, 2, 0) if deep else kernel
    return _Sum(like.with_(options=like.options.with_(**fields)), x, stored, bias)


def _layout(group: Sequence[_Branch]) -> tuple[tuple[Window, ...], tuple[int, ...]] | None:
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


def _placed(
    group: Sequence[_Branch],
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
                n = (size if size >= 0 else 1000 - _padded(group, w.axis)) + before + after
                fits = fits and w.placed(n, padding) == (low + before, count)
            if fits:
                return x, padding
    return None


def _padded(group: Sequence[_Branch], axis: int) -> int:
    """Elements that PADs add to an open size (all of a group add the same, or nothing fits)."""
    amounts = [b.pad.inputs[1].data for b in group if b.pad is not None and b.pad.inputs[1]]
    return max((int(a[axis].sum()) for a in amounts if a is not None), default=0)


def _lay(
    branch: _Branch,
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


def _edit(
    root: Op,
    tree: Sequence[Op],
    terms: Sequence[tuple[Tensor, float]],
    group: Sequence[_Branch],
    merged: _Sum,
) -> Edit:
    taken = {b.tensor for b in group}
    bias, rest = merged.bias, []
    for tensor, sign in terms:
        data = value(tensor)
        if (
            data is not None
            and data.size in (1, bias.size)
            and data.shape[-1:] in ((), (data.size,))
        ):
            bias = bias + sign * data.reshape(-1)
        elif tensor not in taken:
            rest.append((tensor, sign))
    result, ops = root.outputs[0], []
    base = result if not rest else result.with_(name=result.name + "/branches")
    operands = (merged.x, constant("weights", merged.weights), constant("bias", bias))
    ops.append(merged.like.with_(inputs=operands, outputs=(base,), origin=root.origin))
    for i, (tensor, sign) in enumerate(rest):
        last = i == len(rest) - 1
        total = result if last else result.with_(name=result.name + f"/sum{i}")
        ops.append(binary("ADD" if sign > 0 else "SUB", base, tensor, total, root))
        base = total
    fused = activation(root)
    options = ops[-1].options
    assert options is not None
    ops[-1] = ops[-1].with_(options=options.with_(fused_activation_function=fused))
    replaced: dict[Op, Sequence[Op]] = {op: () for op in tree}
    replaced |= {b.pad: (b.pad,) for b in group if b.pad is not None}
    replaced |= {b.op: () for b in group if b.op is not None}
    return Edit({**replaced, root: tuple(ops)})
