"""Ranges of results that training may change: one factor for each group that shares a grid.

Calibration saw the float graph. Coarse weights yield other values, and when all else adapts, a
range a little narrower (finer steps) or wider (less cut off) may serve better. Zero points stay, so
that 0 and what a ReLU cuts off stay exact; both ends move by one factor, `exp(SCALE_RATE · v)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.enums import CLAMPS, Activation
from litesmith.graph.facts import OpFacts, activations, facts, tied
from litesmith.graph.groups import Groups
from litesmith.train.parameters import RANGE_FACTOR, SCALE_RATE

# Kernels rescale by up to 256 (XNNPACK), calibration leaves half of that, and both ends of a ratio
# may move by this factor.
MOST = float(np.log(RANGE_FACTOR)) / SCALE_RATE
_STEADY = (1 / 64, 64.0)  # ratios of scales that stay far from what kernels refuse
_ROOM = 2.0  # times the scales that a kernel demands


@dataclass(frozen=True, eq=False)
class Range:
    """Results on one grid: its scale is multiplied by `exp(SCALE_RATE · v)` with v trained.

    Attributes:
        tensors: the results.
        high: of v; 0 where a fused activation has an upper end that the range must not exceed.
    """

    tensors: tuple[Tensor, ...]
    high: float = MOST


def ranges(graph: Graph) -> tuple[Range, ...]:
    """Return the groups of results of an annotated graph whose scale is free to change.

    Results in called graphs, in 16 bits, at the graph's ends, and those whose scale a kernel
    demands keep theirs.
    """
    groups, free = Groups(), dict.fromkeys(_results(graph))
    for op in graph.ops:
        shared = _tied(op)
        if shared:
            groups.join(shared)
    held = {t for t in _held(graph) if t.quant is not None}
    clamped = {t for op in graph.ops if _clamps(op) for t in op.outputs}
    found = []
    for tensor in free:
        groups.find(tensor)
    for group in groups.sets():
        if free.keys() >= {*group} and held.isdisjoint(group):
            found.append(Range(tuple(group), 0.0 if any(t in clamped for t in group) else MOST))
    return tuple(found)


def _results(graph: Graph) -> Iterator[Tensor]:
    for op in graph.ops:
        for tensor in op.outputs:
            if _annotated(tensor) and tensor.quant is not None and tensor.quant.bits == 8:
                yield tensor


def _annotated(tensor: Tensor) -> bool:
    return tensor.quant is not None and tensor.dtype is DType.FLOAT32


def _tied(op: Op) -> tuple[Tensor, ...]:
    return tuple(t for t in tied(op) if _annotated(t))


def _held(graph: Graph) -> Iterator[Tensor]:
    """Yield tensors that keep their scale."""
    yield from (*graph.inputs, *graph.outputs)
    for op in graph.ops:
        row = facts(op)
        if op.kind in ("QUANTIZE", "DEQUANTIZE"):
            # The application's own integers: pixels lie on their grid exactly.
            yield from op.outputs if op.inputs[0] in graph.inputs else ()
            continue
        if row is None or row.cell:
            yield from (t for t in (*op.inputs, *op.outputs) if t is not None)
            continue
        yield from (t for t in _tied(op) if t.is_constant)
        if row.fixed_output is not None:
            yield from op.outputs
        if not _steady(op, row):
            yield from (*activations(op, row), *op.outputs)


def _steady(op: Op, row: OpFacts) -> bool:
    """Return whether the op's kernel takes scales that are a little different."""
    scales = [float(t.quant.scale[0]) for t in activations(op, row) if t.quant is not None]
    if not scales:
        return True
    if row.scales is not None:
        low, high = (end / max(float(op.option("beta", 1.0) or 1.0), 1e-9) for end in row.scales)
        if min(scales) < _ROOM * low or max(scales) > high / _ROOM:
            return False
    result = op.outputs[0].quant
    if result is None or row.tied or row.weights is not None or row.fixed_output is not None:
        return True
    least, most = (limit * float(result.scale[0]) for limit in _STEADY)
    return least < min(scales) and max(scales) < most and float(np.prod(scales)) < most


def _clamps(op: Op) -> bool:
    """Return whether a fused activation has an upper end."""
    kind = int(op.option("fused_activation_function", 0) or 0)
    return CLAMPS.get(kind, CLAMPS[Activation.NONE])[1] < float("inf")
