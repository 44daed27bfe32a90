"""Sums of linear branches of one value, as one linear op (a part of `parallel_branches`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.rewrite.branches import Branch, branch_of, common_window, lay, placed
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    View,
    activation,
    affordable,
    binary,
    constant,
    value,
)

_SUMS = ("ADD", "SUB")


def summed(op: Op, view: View) -> Edit | Decline | None:
    """Branches of a sum as one op, for the last ADD or SUB of the sum."""
    result = op.outputs[0]
    if result.dtype is not DType.FLOAT32 or result.quant is not None or _is_inner(op, view):
        return None
    tree: list[Op] = []
    terms = _terms(op, 1.0, view, tree)
    groups: dict[Tensor, list[Branch]] = {}
    for tensor, sign in terms:
        branch = branch_of(tensor, sign, result, view)
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


def _merged(group: Sequence[Branch], root: Op, view: View) -> _Sum | str:
    """Return the group as one op, or why not ("" when nobody would expect it)."""
    linear = [b for b in group if b.is_linear_op]
    if len({b.op.kind == "FULLY_CONNECTED" for b in linear if b.op}) > 1:
        return ""
    constants = [b.op.inputs[1] for b in linear if b.op is not None]
    channels, results = group[0].source.shape[-1], root.outputs[0].shape[-1]
    if any(not b.is_linear_op for b in group) and channels != results:
        return ""
    layout = common_window(group)
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
        lay(branch, kernel, bias, lowest, around)
    like = next(b.op for b in linear if b.op is not None and b.is_deep is deep)
    if like.kind == "FULLY_CONNECTED":
        return _Sum(like, group[0].source, kernel, bias)
    found = placed(group, around, lowest, linear[0].counts)
    if found is None:
        return "no padding of one convolution reads the same"
    x, padding = found
    fields = {"padding": int(padding), "stride_h": around[0].stride, "stride_w": around[1].stride}
    fields |= {"dilation_h_factor": around[0].dilation, "dilation_w_factor": around[1].dilation}
    assert like.options is not None
    stored = kernel.transpose(3, 1, 2, 0) if deep else kernel
    return _Sum(like.with_(options=like.options.with_(**fields)), x, stored, bias)


def _edit(
    root: Op,
    tree: Sequence[Op],
    terms: Sequence[tuple[Tensor, float]],
    group: Sequence[Branch],
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
