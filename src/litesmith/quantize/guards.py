"""Float ops that answer NaN or infinity where rounding before them made an operand 0 or negative.

A float RSQRT of a variance never sees 0 in the float graph; the integer that stands for the
variance may well be 0. What such an op reads is kept away from there, by one op: a value that
rounding took to 0 counts as a quarter of a step, and others stay what they are. An EXP is kept from
overflowing where the maximum that was subtracted before it was out of range.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.quantize.ranges import Ranges

_FRACTION = 0.25  # of a step, or of the smallest value seen
_LEAST = 1e-9  # of the largest value, where the smallest one seen is not known
_BEYOND = 20.0  # that an exponent may exceed what was seen by: a difference of saturated values


@dataclass(frozen=True)
class _Domain:
    """Where an op is defined.

    Attributes:
        position: of the operand in question.
        signed: negative values are fine, only 0 is not.
        zero: 0 is fine.
        positive: as `signed`, unless all values seen were above 0: an exponent decides.
        overflows: large values are the ones to avoid.
    """

    position: int = 0
    signed: bool = False
    zero: bool = False
    positive: bool = False
    overflows: bool = False


_DOMAINS: Mapping[str, _Domain] = MappingProxyType(
    {
        "RSQRT": _Domain(),
        "LOG": _Domain(),
        "EXP": _Domain(overflows=True),
        "SQRT": _Domain(zero=True),
        "POW": _Domain(positive=True),
        "DIV": _Domain(1, signed=True),
        "FLOOR_DIV": _Domain(1, signed=True),
        "FLOOR_MOD": _Domain(1, signed=True),
    }
)


def guarded(
    graph: Graph, integer: Collection[Op], sources: Mapping[Tensor, Tensor], ranges: Ranges
) -> Graph:
    """Return an annotated graph with float ops kept away from what they are undefined for.

    Args:
        graph: float graph whose tensors carry `quant`.
        integer: its ops that run in integers.
        sources: annotated tensor → the tensor that was observed.
        ranges: of what was observed. They are finite: the float graph never divided by 0.

    Integer ops stay the objects that they are.
    """
    rounded = {t for t in graph.inputs if t.quant is not None}
    ops: list[Op] = []
    for op in graph.ops:
        if any(t is not None and (t in rounded or t.quant is not None) for t in op.inputs):
            rounded.update(op.outputs)
        domain = None if op in integer else _DOMAINS.get(op.kind)
        operand = None if domain is None else op.input(domain.position)
        if domain is None or operand is None or not _at_risk(operand, rounded):
            ops.append(op)
            continue
        before = _kept_away(operand, domain, ranges.of(sources.get(operand, operand)))
        inputs = list(op.inputs)
        inputs[domain.position] = before[-1].outputs[0] if before else operand
        ops += [*before, op.with_(inputs=tuple(inputs))]
    return graph.with_(ops=tuple(ops))


def _at_risk(tensor: Tensor, rounded: set[Tensor]) -> bool:
    return tensor in rounded and not tensor.is_constant and tensor.dtype is DType.FLOAT32


def _kept_away(tensor: Tensor, domain: _Domain, seen: tuple[float, float]) -> tuple[Op, ...]:
    """Return ops whose last result is the operand without the values to avoid."""
    low, high = seen
    top = max(abs(low), abs(high))
    if domain.overflows:
        return (_bounded(tensor, "MINIMUM", max(high, 0.0) + _BEYOND),)
    if top == 0 or (domain.positive and low <= 0):
        return ()
    least = 0.0 if domain.zero else _least(tensor, low if low > 0 else max(-high, 0.0), top)
    if not domain.signed or low >= 0:
        return (_bounded(tensor, "MAXIMUM", least),)
    return (_bounded(tensor, "MINIMUM", -least),) if high <= 0 else _nonzero(tensor, least)


def _least(tensor: Tensor, smallest: float, top: float) -> float:
    """Return the magnitude to keep above, which no other value of the tensor is below."""
    if tensor.quant is None:
        return _FRACTION * smallest if smallest else _LEAST * top
    step = float(tensor.quant.scale[0])
    return min(max(smallest, _FRACTION * step), step)


def _bounded(tensor: Tensor, kind: str, limit: float) -> Op:
    bound = make_constant(fresh_name(tensor.name, "bound"), np.float32(limit))
    return make_op(kind, (tensor, bound), (_result(tensor),))


def _nonzero(tensor: Tensor, least: float) -> tuple[Op, ...]:
    truth = tensor.with_(name=fresh_name(tensor.name, "is_zero"), dtype=DType.BOOL, quant=None)
    zero = make_constant(fresh_name(tensor.name, "zero"), np.float32(0))
    other = make_constant(fresh_name(tensor.name, "step"), np.float32(least))
    return (
        make_op("EQUAL", (tensor, zero), (truth,)),
        make_op("SELECT_V2", (truth, other, tensor), (_result(tensor),)),
    )


def _result(tensor: Tensor) -> Tensor:
    return tensor.with_(name=fresh_name(tensor.name, "guarded"), quant=None)
