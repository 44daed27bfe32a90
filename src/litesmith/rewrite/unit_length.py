"""Division by the Euclidean length, written out, is L2_NORMALIZATION.

Algebra, over the last axis, ε² = 1e-12:
    MUL(x, RSQRT(MAXIMUM(SUM(x²), ε²)))  = L2_NORMALIZATION(x)
    DIV(x, SQRT(MAXIMUM(SUM(x²), ε²)))   = L2_NORMALIZATION(x)
    DIV(x, MAXIMUM(SQRT(SUM(x²)), ε))    = L2_NORMALIZATION(x)
    MUL(x, MINIMUM(RSQRT(SUM(x²)), 1/ε)) = L2_NORMALIZATION(x)
x² is MUL(x, x) or SQUARE(x). Side conditions: SUM keeps its dimension, intermediate values are
read by nothing else, and lengths below 1e-6 count as 1e-6: the kernel's own floor.
With another floor, or with none, short vectors would come out different: declined.
Saves 4 ops. Minimum: 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from litesmith.graph import Op, Options, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, dims, scalar
from litesmith.rewrite.reductions import axes_of

Steps = tuple[tuple[str, int], ...]

_FLOOR = 1e-6  # of the length: LiteRT's l2normalization.cc, all kernel sets, measured
# Chains from a factor (MUL) or divisor (DIV) back to the SUM: op kinds, and the power of the floor
# that a clamp's constant must be. The last ones of each row have no such floor: declined.
_CHAINS: dict[str, tuple[Steps, ...]] = {
    "MUL": (
        (("RSQRT", 0), ("MAXIMUM", 2)),
        (("MINIMUM", -1), ("RSQRT", 0)),
        (("RSQRT", 0), ("ADD", 0)),
        (("RSQRT", 1),),
    ),
    "DIV": (
        (("SQRT", 0), ("MAXIMUM", 2)),
        (("MAXIMUM", 1), ("SQRT", 0)),
        (("SQRT", 0), ("ADD", 0)),
        (("SQRT", 1),),
    ),
}


def _unit_length(op: Op, view: View) -> Edit | Decline | None:
    if activation(op) != Activation.NONE:
        return None
    pairs = (op.inputs[:2], op.inputs[1::-1]) if op.kind == "MUL" else (op.inputs[:2],)
    for x, length in pairs:
        if x is None or length is None or dims(x) != dims(op.outputs[0]):
            continue
        for steps in _CHAINS[op.kind]:
            chain = _chain(steps, length, view)
            squares = None if chain is None else _squares(x, chain[-1].inputs, view)
            if chain is None or squares is None:
                continue
            if not all(map(_exact, chain, steps)):
                return Decline(op, "the length has another floor than the kernel's 1e-6")
            new = Op("L2_NORMALIZATION", (x,), op.outputs, _OPTIONS, origin=op.origin)
            return Edit({**{o: (o,) for o in (*chain, *squares)}, op: [new]})
    return None


def _chain(steps: Steps, length: Tensor, view: View) -> list[Op] | None:
    """Return the ops from the factor or divisor back to the one that reads the sum of squares."""
    tensor: Tensor | None = length
    found: list[Op] = []
    for kind, _ in steps:
        maker = view.plain(tensor, kind)
        if maker is None:
            return None
        found.append(maker)
        tensor = next((t for t in maker.inputs if t is not None and not t.is_constant), None)
    return found


def _exact(op: Op, step: tuple[str, int]) -> bool:
    """True for functions without a floor of their own and for clamps at the kernel's floor."""
    kind, power = step
    if kind in ("SQRT", "RSQRT"):
        return power == 0
    limit = next((v for v in map(scalar, op.inputs) if v is not None), None)
    return power != 0 and limit is not None and abs(limit / _FLOOR**power - 1) < 1e-6


def _squares(x: Tensor, read: Sequence[Tensor | None], view: View) -> list[Op] | None:
    """Return [SUM, square] when a sum of x² over the last axis is among the values read."""
    total = next((m for m in (view.plain(t, "SUM") for t in read) if m is not None), None)
    if total is None or not total.option("keep_dims") or axes_of(total) != (len(x.shape) - 1,):
        return None
    square = view.plain(total.inputs[0], "SQUARE", "MUL")
    if square is None or any(t is not x for t in square.inputs):
        return None
    return [total, square]


_OPTIONS = Options("L2NormOptions", MappingProxyType({"fused_activation_function": 0}))

UNIT_LENGTH = Family(
    "unit_length",
    "division by the length, written out, is one op",
    {"MUL": (_unit_length,), "DIV": (_unit_length,)},
)
