"""Faults of a file's weights and biases, read from the integers themselves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from litesmith.diagnose.bounds import stored
from litesmith.diagnose.findings import HIGH, LOW, MEDIUM, Finding, place
from litesmith.graph import Array, DType, Graph, Op, Tensor
from litesmith.graph.facts import Weights, facts

_INTEGERS = frozenset({DType.INT8, DType.UINT8})
_COARSE = 8  # largest integer of a channel that has at most 4 of its 8 bits
_HALF = 64
_SHARE = 0.05
_BITS = 2.0  # lost on average by one scale for all; real layers lose 0.5 to 1.6
_LARGEST = 2**31
_AGAIN = "Quantize the float model again"


def findings(graph: Graph) -> Iterator[Finding]:
    """Yield the faults of all weights, called graphs included."""
    for part in graph.graphs():
        for op in part.ops:
            row = facts(op)
            weights = op.input(row.weights.index) if row and row.weights else None
            if row is None or row.weights is None or weights is None or weights.raw:
                continue
            if weights.dtype not in _INTEGERS or weights.data is None or weights.quant is None:
                continue
            if not weights.quant.scale.size:
                continue
            rows = _rows(op, weights, row.weights)
            yield from _zero_point(op, weights)
            yield from _channels(op, weights, rows)
            data = op.input(row.activations[0])
            if data is not None:
                yield from _bias(op, data, weights, row.weights, rows)


def _rows(op: Op, weights: Tensor, where: Weights) -> Array:
    """Return the weights without their zero point, int64[channels, …]."""
    assert weights.data is not None and weights.quant is not None
    zero = int(weights.quant.zero_point[0]) if weights.quant.zero_point.size == 1 else 0
    values = np.moveaxis(weights.data, where.axis, 0)
    return values.reshape(values.shape[0], -1).astype(np.int64) - zero


def _zero_point(op: Op, weights: Tensor) -> Iterator[Finding]:
    quant = weights.quant
    if weights.dtype is DType.INT8 and quant is not None and quant.zero_point.any():
        worst = int(np.abs(quant.zero_point).max())
        yield Finding(
            "weights_zero_point", HIGH, op.kind, place(op, op.outputs[0]), worst,
            f"Its int8 weights have a zero point of {worst}, which the kernels take for 0.",
            "Every weight is off by that much.", f"{_AGAIN}: weights must be symmetric.",
        )  # fmt: skip


def _channels(op: Op, weights: Tensor, rows: Array) -> Iterator[Finding]:
    """Yield what a scale for all channels costs, or channels that are stored badly or for naught.

    A channel whose largest integer is p has log2(127 / p) bits less than one of its own scale.
    """
    assert weights.quant is not None
    where, count = place(op, op.outputs[0]), len(rows)
    peak = np.abs(rows).max(1) if rows.size else np.zeros(count)
    live = peak > 0
    if weights.quant.scale.size == 1 and count > 1:
        coarse = int((peak < _COARSE).sum())
        lost = float(np.log2(127 / np.maximum(peak, 1)).mean())
        if live.any() and (coarse >= max(1.0, _SHARE * count) or lost > _BITS):
            yield Finding(
                "per_tensor_weights", MEDIUM, op.kind, where, coarse / count,
                f"One scale serves {count} channels of very different size: {coarse} of them are "
                f"stored in at most 4 bits, {int((~live).sum())} became 0.",
                f"On average {lost:.1f} of 8 bits are lost, in the smallest channels most.",
                f"{_AGAIN}, with a scale per channel.",
            )  # fmt: skip
        return
    if weights.quant.scale.size != count:
        return
    dead, half = int((~live).sum()), int((live & (peak < _HALF)).sum())
    if dead >= max(1.0, _SHARE * count):
        yield Finding(
            "dead_channels", LOW, op.kind, where, dead / count,
            f"{dead} of {count} channels have only weights of 0.",
            "They cost time and memory and compute a constant.",
            "Remove them from the model, or see whether its training killed them.",
        )  # fmt: skip
    if half > 0.25 * count:
        yield Finding(
            "coarse_weights", MEDIUM, op.kind, where, half / count,
            f"{half} of {count} channels use less than half of the integers: their scale is larger "
            "than their weights need.",
            "One bit or more of 8 is lost there.", f"{_AGAIN}: scale = largest weight / 127.",
        )  # fmt: skip


def _bias(op: Op, data: Tensor, weights: Tensor, where: Weights, rows: Array) -> Iterator[Finding]:
    bias = op.input(where.bias)
    limits = stored(data)
    if bias is None or bias.data is None or bias.dtype is not DType.INT32 or limits is None:
        return
    assert weights.quant is not None and data.quant is not None
    layer = place(op, op.outputs[0])
    if bias.quant is not None and bias.quant.scale.size in (1, weights.quant.scale.size):
        demanded = float(data.quant.scale[0]) * weights.quant.scale.astype(np.float64)
        ratios = bias.quant.scale / np.where(demanded > 0, demanded, 1)
        worst = float(ratios[np.abs(np.log2(np.maximum(ratios, 1e-30))).argmax()])
        if not 0.98 < worst < 1.02:
            yield Finding(
                "bias_scale", HIGH, op.kind, layer, worst,
                f"The scale of its bias is {worst:.4g} times input scale · weight scale.",
                "The kernel adds the integers as they are, so the bias is off by that factor.",
                f"{_AGAIN}.",
            )  # fmt: skip
    values = np.abs(bias.data.astype(np.int64).reshape(-1))
    full = int((values >= _LARGEST - 2).sum())
    if full:
        yield Finding(
            "bias_overflow", HIGH, op.kind, layer, full,
            f"{full} of {values.size} biases are at the end of int32.",
            "They were larger and were cut off.", f"{_AGAIN}, with larger weight scales.",
        )  # fmt: skip
    elif data.dtype is not DType.INT16 and values.size == len(rows):
        zero = int(data.quant.zero_point[0])
        reach = max(abs(limits[0] - zero), abs(limits[1] - zero))
        sums = np.abs(rows).sum(1) * reach + values
        over = int((sums >= _LARGEST).sum())
        if over:
            yield Finding(
                "accumulator_overflow", MEDIUM, op.kind, layer, float(sums.max() / _LARGEST),
                f"{over} of {len(rows)} channels can sum up to {sums.max() / _LARGEST:.2g} times "
                "what int32 holds.",
                "A sum that overflows changes its sign.", f"{_AGAIN}, with larger weight scales.",
            )  # fmt: skip
