"""Faults of a file's scales and zero points."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, isfinite, log2

import numpy as np

from litesmith.diagnose.bounds import shared, span, stored, tied_tensors
from litesmith.diagnose.findings import HIGH, MEDIUM, Finding, place
from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.edit import producers, users
from litesmith.graph.facts import facts

_WASTED = 0.25  # of the range: four tenths of a bit
_AGAIN = "Quantize the float model again"


def parameters(graph: Graph) -> Iterator[Finding]:
    """Yield scales that are no positive numbers, and zero points that the kernels do not know."""
    for part in graph.graphs():
        made_by = producers(part)
        for tensor in part.tensors():
            limits, quant = stored(tensor), tensor.quant
            if limits is None or quant is None:
                continue
            op = made_by.get(tensor)
            scale, zero = float(quant.scale[0]), int(quant.zero_point[0])
            kind, where = op.kind if op else "input", place(op, tensor)
            if not isfinite(scale) or scale <= 0:
                yield Finding(
                    "bad_scale", HIGH, kind, where, 0.0, f"Its scale is {scale:g}.",
                    "Every integer stands for the same number, or for none.", f"{_AGAIN}.",
                )  # fmt: skip
            elif not limits[0] <= zero <= limits[1] or (tensor.dtype is DType.INT16 and zero):
                yield Finding(
                    "bad_zero_point", HIGH, kind, where, zero,
                    f"Its zero point is {zero}, which {tensor.dtype.value} kernels do not take.",
                    "Zeros, which padding and ReLU make, are not stored exactly.", f"{_AGAIN}.",
                )  # fmt: skip


def fixed(graph: Graph) -> Iterator[Finding]:
    """Yield results whose scale is not the one that the kernel computes in."""
    for part in graph.graphs():
        for op in part.ops:
            row = facts(op)
            result = op.outputs[0] if op.outputs else None
            if row is None or result is None or stored(result) is None or result.quant is None:
                continue
            demanded = row.fixed_int16 if result.dtype is DType.INT16 else row.fixed_output
            if demanded is None:
                continue
            zero = demanded[1] + (128 if result.dtype is DType.UINT8 else 0)
            found = float(result.quant.scale[0]), int(result.quant.zero_point[0])
            if found[1] != zero or not np.isclose(found[0], demanded[0], rtol=1e-3):
                yield Finding(
                    "fixed_scale", HIGH, op.kind, place(op, result), found[0] / demanded[0],
                    f"Its result has scale {found[0]:.6g} and zero point {found[1]}, but the "
                    f"kernel computes in {demanded[0]:.6g} and {zero}.",
                    f"Every value is read as {found[0] / demanded[0]:.3g} times what it is.",
                    f"{_AGAIN}, with a QUANTIZE op behind this one if another scale is needed.",
                )  # fmt: skip


def tied(graph: Graph) -> Iterator[Finding]:
    """Yield ops that hand integers on although the scale changes."""
    for part in graph.graphs():
        for op in part.ops:
            found = [t for t in tied_tensors(op) if t.dtype is not DType.UINT8]
            ratios = [_ratio(t, op.outputs[0]) for t in found]
            worst = max(ratios, key=lambda r: abs(log2(r)) if r > 0 else inf, default=1.0)
            moved = any(
                t.quant is not None and op.outputs[0].quant is not None
                and t.quant.zero_point[0] != op.outputs[0].quant.zero_point[0] for t in found
            )  # fmt: skip
            if moved or not np.isclose(worst, 1.0, rtol=1e-4):
                yield Finding(
                    "tied_scales", HIGH, op.kind, place(op, op.outputs[0]), worst,
                    f"Its operands and its result differ in scale (by {worst:.4g} at most) or zero "
                    "point, but the kernel hands the integers on as they are.",
                    "What comes out stands for other numbers than what went in.",
                    f"{_AGAIN}: all of them need one scale.",
                )  # fmt: skip


def _ratio(a: Tensor, b: Tensor) -> float:
    if a.quant is None or b.quant is None or not b.quant.scale.size or not b.quant.scale[0]:
        return 1.0
    return float(a.quant.scale[0]) / float(b.quant.scale[0])


def wasted(graph: Graph) -> Iterator[Finding]:
    """Yield tensors whose integers stand for values that their ops cannot yield."""
    sets = shared(graph)
    made_by = producers(graph)
    told: set[Tensor] = set()
    for tensor, op in made_by.items():
        root, range_ = sets.groups.find(tensor), span(tensor)
        if range_ is None or root in told or root in sets.fixed or tensor.dtype is DType.INT16:
            continue
        low, high = sets.within.get(root, (-inf, inf))
        useful = max(0.0, min(range_[1], high) - max(range_[0], low))
        share = 1 - useful / (range_[1] - range_[0]) if range_[1] > range_[0] else 0.0
        if share > _WASTED:
            told.add(root)
            limits = f"{low:g} to {high:g}" if isfinite(high) else f"at least {low:g}"
            yield Finding(
                "wasted_range", MEDIUM, op.kind, place(op, tensor), share,
                f"Its integers stand for {range_[0]:.4g} to {range_[1]:.4g}, but its values are "
                f"{limits}: {share:.0%} of the integers are never used.",
                f"About {log2(1 / max(1 - share, 1e-3)):.1f} of the 8 bits are lost.",
                f"{_AGAIN}, with ranges taken behind the activation.",
            )  # fmt: skip


_SPANS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_SIDES = 16  # pixels; smaller inputs of rank 4 are often no images
_NEAR, _FAR = 0.97, 0.5


def inputs(graph: Graph) -> Iterator[Finding]:
    """Yield image inputs whose range is nearly, but not quite, one that images have."""
    readers = users(graph)
    for tensor in graph.inputs:
        if not _image(tensor):
            continue
        for read in _quantized(tensor, readers.get(tensor, [])):
            range_ = span(read)
            meant = None if range_ is None else _meant(*range_)
            if range_ is not None and meant is not None:
                lost = 1 - (min(range_[1], meant[1]) - max(range_[0], meant[0])) / (
                    meant[1] - meant[0]
                )
                yield Finding(
                    "input_range", MEDIUM, "input", tensor.name, lost,
                    f"The input stands for {range_[0]:.4g} to {range_[1]:.4g}; images usually are "
                    f"{meant[0]:g} to {meant[1]:g}.",
                    f"Pixels beyond, up to {lost:.0%} of the range, are clipped.",
                    f"{_AGAIN}, with --data that has black and white in it and --preprocess as in "
                    "training.",
                )  # fmt: skip


def _image(tensor: Tensor) -> bool:
    shape = tensor.shape
    return len(shape) == 4 and shape[3] in (1, 3, 4) and min(shape[1:3]) >= _SIDES


def _quantized(tensor: Tensor, readers: list[Op]) -> Iterator[Tensor]:
    if stored(tensor) is not None:
        yield tensor
    elif tensor.dtype.is_float:
        yield from (op.outputs[0] for op in readers if op.kind == "QUANTIZE")


def _meant(low: float, high: float) -> tuple[float, float] | None:
    """Return the range that images have and this one nearly has, None when it is another."""
    step = (high - low) / 255
    if abs(low) < step and abs(high - 2) < 2 * step:
        return -1.0, 1.0  # the scale of one, the zero point of the other
    for first, last in _SPANS:
        size = last - first
        if first == 0 and abs(low) >= step:
            continue
        inside = low >= first - 2 * step and high <= last + 2 * step
        large = high > last - (1 - _FAR) * size / (2 if first else 1) and (
            first == 0 or low < first + (1 - _FAR) * size / 2
        )
        full = low <= first + (1 - _NEAR) * size and high >= last - (1 - _NEAR) * size
        if inside and large:
            return None if full else (first, last)
    return None
