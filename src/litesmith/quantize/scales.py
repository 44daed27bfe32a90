"""One set of int8 parameters for each group of tensors that must share them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from litesmith.graph import Graph, Op, QuantParams, Tensor
from litesmith.graph.facts import OpFacts, facts
from litesmith.graph.groups import Groups
from litesmith.quantize import params
from litesmith.quantize.choose import WIDE

# XNNPACK rescales by input·weight/output (or operand/output) scale and takes only factors < 256;
# HARD_SWISH refuses 128 and more.
_LARGEST_RESCALE = 127.0
_LARGEST_INTEGER = 2.0**30  # before kernels of int16 clamp what they rescaled
_SOFTMAXES = frozenset({"SOFTMAX", "LOG_SOFTMAX"})
_PRODUCTS = frozenset({"MUL", "BATCH_MATMUL"})

Observed = Callable[[Tensor], tuple[float, float]]


def activation_quants(
    graph: Graph,
    integer: Iterable[Op],
    groups: Groups,
    fixed: Mapping[Tensor, QuantParams],
    observed: Observed,
    bits: Mapping[Tensor, int],
    few: Mapping[Tensor, int] = MappingProxyType({}),
) -> dict[Tensor, QuantParams]:
    """Return the parameters of every tensor that becomes an integer one.

    Args:
        graph: wired as it will run.
        integer: its ops that run in integers.
        groups: tensors that share their parameters.
        fixed: tensors whose kernel demands certain parameters.
        observed: tensor → (low, high).
        bits: tensor → 8 or 16.
        few: results of ops whose weights get fewer than 8 bits → how many.
    """
    quants: dict[Tensor, QuantParams] = {}
    for group in groups.sets():
        demanded = [fixed[t] for t in group if t in fixed]
        quant = demanded[0] if demanded else _of_group(group, observed, bits)
        quants.update(dict.fromkeys(group, quant))
    chosen = set(integer)
    for op in graph.ops:
        row = facts(op)
        if op not in chosen or row is None:
            continue
        for tensor, smallest in _lower_bounds(op, row, quants, few):
            if float(quants[tensor].scale[0]) >= smallest:
                continue
            group = groups.of(tensor)
            if not any(t in fixed for t in group):
                quants.update(dict.fromkeys(group, _of_group(group, observed, bits, smallest)))
    return quants


def _lower_bounds(
    op: Op, row: OpFacts, quants: Mapping[Tensor, QuantParams], few: Mapping[Tensor, int]
) -> list[tuple[Tensor, float]]:
    """Return tensors of the op that need at least some scale for its kernel to work."""
    if op.kind in _SOFTMAXES and row.scales is not None:
        # Logits that hardly move: the result is flat at any scale, the kernel needs a coarse one.
        least = 1.01 * row.scales[0] / max(float(op.option("beta", 1.0)), 1e-9)
        return [(t, least) for t in op.inputs if t is not None and t in quants]
    if not _rescales(row):
        return []
    least = _coarser(few.get(op.outputs[0], 8)) * _product_scale(op, row, quants) / _LARGEST_RESCALE
    if row.weights is not None and any(quants[t].bits == WIDE for t in op.outputs):
        least = max(least, _reach(op, row, quants) / _LARGEST_INTEGER)
    return [(t, least) for t in op.outputs]


def _coarser(bits: int) -> float:
    """Return how much larger a step of so many bits is than one of 8, at most."""
    return 127 / max(int(2 ** (bits - 1)) - 1, 1)


def _of_group(
    group: list[Tensor], observed: Observed, bits: Mapping[Tensor, int], smallest: float = 0.0
) -> QuantParams:
    ranges = [observed(t) for t in group]
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    return params.activation_params(low, high, smallest, bits[group[0]])


def _rescales(row: OpFacts) -> bool:
    """True when the kernel multiplies by a ratio of scales that must not overflow."""
    return row.real_output and not (row.tied or row.fixed_output or row.lookup or row.cell)


def _product_scale(op: Op, row: OpFacts, quants: Mapping[Tensor, QuantParams]) -> float:
    """Return the real value of one step before the kernel rescales it to the output."""
    scales = [float(quants[t].scale[0]) for t in op.inputs if t is not None and t in quants]
    if row.weights is not None:
        weights = op.inputs[row.weights.index]
        assert weights is not None and weights.data is not None
        return scales[0] * float(params.weight_params(weights.data, row.weights.axis).scale.max())
    if op.kind == "SQUARED_DIFFERENCE":  # which is taken at the larger of both scales
        return max(scales) ** 2
    return scales[0] * scales[-1] if op.kind in _PRODUCTS else max(scales)


def _reach(op: Op, row: OpFacts, quants: Mapping[Tensor, QuantParams]) -> float:
    """Return a bound of what a linear op computes before its activation clamps it."""
    assert row.weights is not None
    data, weights = op.inputs[row.activations[0]], op.inputs[row.weights.index]
    bias = op.input(row.weights.bias)
    assert data is not None and weights is not None and weights.data is not None
    others = tuple(i for i in range(weights.data.ndim) if i != row.weights.axis)
    peak = 32767 * float(quants[data].scale[0])
    total = peak * float(np.abs(weights.data).sum(others).max(initial=0.0))
    return total + (0.0 if bias is None or bias.data is None else float(np.abs(bias.data).max()))
