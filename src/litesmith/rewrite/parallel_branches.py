"""Linear branches of one value that are summed or joined become one op.

Algebra, exact in real numbers:
    Σ convᵢ(x) (+ x) (+ c · x) (+ d)    = conv(x)    W = Σ Wᵢ laid over each other, b = Σ bᵢ + d
    Σ FCᵢ(x) (+ x)                      = FC(x)      likewise
    CONCATENATION(conv₁(x), conv₂(x))   = conv(x)    W₁, W₂ stacked; same window and activation
    CONCATENATION(FC₁(x), FC₂(x))       = FC(x)
Side conditions: branches are read by the sum alone and have no activation before it (or the same
one before the CONCATENATION); equal strides and sizes; no more multiply-adds than before; a
padding of one op reads the same zeros. Saves an op per branch and the sum or the joining copy;
re-parameterised blocks (RepVGG, ACNet, MobileOne) become the one convolution they stand for.
"""

from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Op, Tensor
from litesmith.rewrite.branch_sums import summed
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    Family,
    View,
    activation,
    affordable,
    constant,
    value,
)
from litesmith.rewrite.windows import windows

_JOINED = ("CONV_2D", "FULLY_CONNECTED")


def _is_branch(op: Op | None) -> bool:
    if op is None or value(op.inputs[1]) is None:
        return False
    bias = op.input(2)
    return (bias is None or value(bias) is not None) and not op.option("weights_format")


def _is_like(op: Op, first: Op) -> bool:
    """True when both read the same in the same way."""
    assert op.inputs[1] is not None and first.inputs[1] is not None
    options = [dict(o.options.fields) if o.options else {} for o in (op, first)]
    if all(w.kernel == 1 for w in windows(op)):
        options = [{**o, "padding": None} for o in options]  # there is nothing to pad
    return (
        op.kind == first.kind
        and op.inputs[0] is first.inputs[0]
        and op.inputs[1].shape[1:] == first.inputs[1].shape[1:]
        and options[0] == options[1]
    )


def _joined(op: Op, view: View) -> Edit | Decline | None:
    result = op.outputs[0]
    axis, rank = int(op.option("axis", 0)), len(result.shape)
    if result.dtype is not DType.FLOAT32 or activation(op) or axis % max(rank, 1) != rank - 1:
        return None
    makers = [view.private(t, *_JOINED) for t in op.inputs]
    for start in range(len(makers) - 1):
        run = _run(makers[start:])
        if len(run) < 2:
            continue
        if any(_is_grouped(o) for o in run) or _has_twins(run):
            return None
        if not all(o.inputs[1] is not None and affordable(o.inputs[1], view) for o in run):
            return Decline(op, "others read the weights")
        return _stacked(op, start, run)
    return None


def _run(makers: list[Op | None]) -> list[Op]:
    """Return the branches at the front that read the same in the same way."""
    first, found = makers[0], []
    for maker in makers:
        if maker is None or first is None or not _is_branch(maker) or not _is_like(maker, first):
            break
        found.append(maker)
    return found


def _has_twins(run: list[Op]) -> bool:
    """True when two compute the same: computed once and copied is less work."""
    kernels = [v for v in (value(o.inputs[1]) for o in run) if v is not None]
    return any(
        a.shape == b.shape and np.array_equal(a, b)
        for i, a in enumerate(kernels)
        for b in kernels[:i]
    )


def _is_grouped(op: Op) -> bool:
    x, weights = op.inputs[:2]
    return x is None or weights is None or x.shape[-1] != weights.shape[-1]


def _stacked(op: Op, start: int, run: list[Op]) -> Edit:
    kernels = [v for v in (value(o.inputs[1]) for o in run) if v is not None]
    parts = []
    for branch, kernel in zip(run, kernels, strict=True):
        bias = value(branch.input(2))
        parts.append(np.zeros(len(kernel), np.float32) if bias is None else bias.reshape(-1))
    weights = np.concatenate(kernels)
    whole = len(run) == len(op.inputs)
    first = run[0].outputs[0]
    result = op.outputs[0]
    if not whole:
        shape = (*first.shape[:-1], len(weights))
        signature = first.shape_signature
        changed = None if signature is None else (*signature[:-1], len(weights))
        result = first.with_(name=first.name + "/joined", shape=shape, shape_signature=changed)
    operands = (run[0].inputs[0], constant("weights", weights), constant("bias", np.hstack(parts)))
    merged = run[0].with_(inputs=operands, outputs=(result,), origin=op.origin)
    ops: tuple[Op, ...] = (merged,)
    if not whole:
        inputs: tuple[Tensor | None, ...] = (
            *op.inputs[:start],
            result,
            *op.inputs[start + len(run) :],
        )
        ops += (op.with_(inputs=inputs),)
    return Edit({**{o: () for o in run}, op: ops})


PARALLEL_BRANCHES = Family(
    "parallel_branches",
    "linear branches of one value that are summed or joined become one op",
    {"ADD": (summed,), "SUB": (summed,), "CONCATENATION": (_joined,)},
)
