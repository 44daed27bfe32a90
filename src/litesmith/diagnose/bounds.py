"""What integers of a tensor can stand for, and what its op can yield at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.enums import CLAMPS
from litesmith.graph.facts import facts, tied
from litesmith.graph.groups import Groups

_STORED: dict[DType, tuple[int, int]] = {
    DType.INT8: (-128, 127),
    DType.UINT8: (0, 255),
    DType.INT16: (-32768, 32767),
}
_YIELDS: dict[str, tuple[float, float]] = {
    "RELU": (0.0, inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0), "ABS": (0.0, inf), "SQRT": (0.0, inf), "RSQRT": (0.0, inf),
    "EXP": (0.0, inf), "SQUARED_DIFFERENCE": (0.0, inf), "SOFTMAX": (0.0, 1.0),
    "LOGISTIC": (0.0, 1.0), "TANH": (-1.0, 1.0), "L2_NORMALIZATION": (-1.0, 1.0),
}  # fmt: skip


def stored(tensor: Tensor) -> tuple[int, int] | None:
    """Return the smallest and largest integer of a quantized activation, None for others."""
    quant = tensor.quant
    if quant is None or quant.scale.size != 1 or quant.zero_point.size != 1:
        return None
    return _STORED.get(tensor.dtype)


def span(tensor: Tensor) -> tuple[float, float] | None:
    """Return the smallest and largest real value of a quantized activation, None for others."""
    limits = stored(tensor)
    if limits is None or tensor.quant is None:
        return None
    scale, zero = float(tensor.quant.scale[0]), int(tensor.quant.zero_point[0])
    return (limits[0] - zero) * scale, (limits[1] - zero) * scale


def yields(op: Op | None) -> tuple[float, float]:
    """Return what an op's result lies within, whatever it is fed."""
    if op is None:
        return -inf, inf
    low, high = _YIELDS.get(op.kind, (-inf, inf))
    clamp = CLAMPS.get(op.option("fused_activation_function", 0) or 0, (-inf, inf))
    return max(low, clamp[0]), min(high, clamp[1])


@dataclass(frozen=True)
class Shared:
    """Tensors that must have one scale, because ops hand integers on.

    Attributes:
        groups: disjoint sets of them.
        within: representative → what all values of its set lie within.
        fixed: representatives of sets whose scale a kernel demands.
    """

    groups: Groups
    within: Mapping[Tensor, tuple[float, float]]
    fixed: frozenset[Tensor]


def shared(graph: Graph) -> Shared:
    """Return the sets of a quantized main graph."""
    groups = Groups()
    for op in graph.ops:
        together = tied_tensors(op)
        if len(together) > 1:
            groups.join(together)
    made_by = producers(graph)
    within: dict[Tensor, tuple[float, float]] = {}
    fixed = set()
    for tensor in graph.tensors():
        if tensor.is_constant or stored(tensor) is None:
            continue
        root, maker = groups.find(tensor), made_by.get(tensor)
        row = None if maker is None else facts(maker)
        if row is not None and row.fixed_output is not None:
            fixed.add(root)
        if row is not None and row.tied and not _clamps(maker):
            continue  # its values are its operands'
        low, high = yields(maker)
        known = within.get(root, (inf, -inf))
        within[root] = (min(low, known[0]), max(high, known[1]))
    return Shared(groups, within, frozenset(fixed))


def _clamps(op: Op | None) -> bool:
    return yields(op) != (-inf, inf)


def tied_tensors(op: Op) -> tuple[Tensor, ...]:
    """Return operands and results of an op whose kernel hands integers on as they are."""
    return tuple(t for t in tied(op) if stored(t) is not None and not t.is_constant)
