"""Functions of one value, written out of elementwise ops, become the op that computes them.

Recognized: HARD_SWISH, GELU (both kinds), LOGISTIC, TANH, ELU, LEAKY_RELU, PRELU and
x·LOGISTIC(x), in whatever order and with whatever constants they are spelled, for example
    x · RELU6(x + 3) / 6                        = HARD_SWISH(x)
    ½x · (1 + TANH(√(2/π) (x + 0.044715 x³)))   = GELU(x, approximate)
    1 / (1 + EXP(−x)),  ½ + ½ TANH(½x)          = LOGISTIC(x)
    MAXIMUM(x, αx), 0 ≤ α ≤ 1                   = LEAKY_RELU(x), for α per channel PRELU(x)
    RELU(x) − α RELU(−x),  RELU(x) + α (x − |x|)/2  likewise
How: ops that read one value and constants only form a function of that value. It is computed in
double precision at 280 points, dense around 0 where these functions bend and out to ±1e30, and
compared with the op's own: equal means to 1e-6 at each of them, which rounded constants pass
and neighbors do not (the two GELUs differ by 5e-4). Far inputs that overflow inside of the spelled
form do not count: there the op is better off. Side conditions: values on the way are read by
nothing else and are no outputs; the result is as large as the value; at least one op is saved.
Minimum: 1 op each, SiLU 2 (LiteRT has no op), quick GELU 3, softplus 3, Mish 5 (EXP ADD LOG TANH
MUL: no shorter form is known).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.graph import Array, DType, Op, Options, Tensor
from litesmith.rewrite.engine import Edit, Family, View, constant, dims
from litesmith.rewrite.scalar_functions import KINDS, evaluate, gelu

_MOST_OPS = 16
_MOST_CHANNELS = 4096
_TOLERANCE = 1e-6

_FAR = np.asarray([8, 10, 12, 15, 20, 30, 40, 60, 1e2, 1e3, 1e4, 1e6, 1e10, 1e20, 1e30])
_NEAR = np.asarray([1e-6, 1e-4, 1e-3, 1e-2, 0.5, 1, 2.5, 3, 6])
POINTS: Array = np.unique(
    np.concatenate([np.linspace(-7, 7, 215), _FAR, -_FAR, _NEAR, -_NEAR, np.zeros(1)])
)
_MUST_EXIST = np.abs(POINTS) <= 60
_MINUS_ONE = int(np.flatnonzero(POINTS == -1)[0])


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-x)))


@dataclass(frozen=True)
class _Target:
    """A function that has an op.

    Attributes:
        function: what it computes.
        build: (value, op it replaces) → ops.
    """

    function: Callable[[Array], Array]
    build: Callable[[Tensor, Op], list[Op]]


def _one(kind: str, table: str | None = None, **fields: Any) -> Callable[[Tensor, Op], list[Op]]:
    options = None if table is None else Options(table, MappingProxyType(fields))
    return lambda x, op: [Op(kind, (x,), op.outputs, options, origin=op.origin)]


def _silu(x: Tensor, op: Op) -> list[Op]:
    gate = x.with_(name=op.outputs[0].name + "/gate", data=None)
    fields = MappingProxyType({"fused_activation_function": 0})
    return [
        Op("LOGISTIC", (x,), (gate,), origin=op.origin),
        Op("MUL", (x, gate), op.outputs, Options("MulOptions", fields), origin=op.origin),
    ]


_TARGETS: tuple[_Target, ...] = (
    _Target(lambda x: x * np.clip(x + 3, 0, 6) / 6, _one("HARD_SWISH")),
    _Target(lambda x: gelu(x, False), _one("GELU", "GeluOptions", approximate=False)),
    _Target(lambda x: gelu(x, True), _one("GELU", "GeluOptions", approximate=True)),
    _Target(_sigmoid, _one("LOGISTIC")),
    _Target(np.tanh, _one("TANH")),
    _Target(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), _one("ELU")),
    _Target(lambda x: x * _sigmoid(x), _silu),
)


def _composite(op: Op, view: View) -> Edit | None:
    for x, ops in _cones(op, view):
        values = evaluate(ops, x, POINTS)
        if values is None or not np.isfinite(values[_MUST_EXIST]).all():
            continue
        new = _matching(values, x, op)
        if new is not None and len(new) < len(ops):
            return Edit({**{other: (other,) for other in ops}, op: new})
    return None


def _matching(values: Array, x: Tensor, op: Op) -> list[Op] | None:
    """Return the ops of the function with these values at the points."""
    points = POINTS.reshape(-1, *(1,) * (values.ndim - 1))
    for target in _TARGETS:
        if _equal(values, target.function(points)):
            return target.build(x, op)
    return _leaky(values, points, x, op)


def _equal(a: Array, b: Array) -> bool:
    """True when two functions agree wherever the first one, the spelled one, has a value."""
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= _TOLERANCE * (1 + np.abs(b))
    return bool((near | ~np.isfinite(a)).all())


def _leaky(values: Array, points: Array, x: Tensor, op: Op) -> list[Op] | None:
    """X where positive, αx where negative."""
    slope = -values[_MINUS_ONE]
    if not _equal(values, np.where(points < 0, slope * points, points)):
        return None
    if slope.max() - slope.min() <= _TOLERANCE * abs(float(slope.flat[0])):
        alpha = float(slope.flat[0])
        if alpha in (0.0, 1.0):
            return None
        return _one("LEAKY_RELU", "LeakyReluOptions", alpha=float(np.float32(alpha)))(x, op)
    if len(x.shape) > 4:
        return None  # the kernel broadcasts up to four dimensions
    lead = next(i for i, d in enumerate((*slope.shape, 0)) if d != 1)
    alphas = constant(op.outputs[0].name + "/slope", slope.reshape(slope.shape[lead:]))
    return [Op("PRELU", (x, alphas), op.outputs, origin=op.origin)]


def _cones(root: Op, view: View) -> Iterator[tuple[Tensor, Sequence[Op]]]:
    """Yield the ways to see an op's result as a function of one value: (value, ops in order)."""
    ops: list[Op] = [root]
    leaves = dict.fromkeys(_operands(root))
    fixed: Tensor | None = None
    while len(ops) <= _MOST_OPS:
        if len(leaves) == 1 and len(ops) > 1:
            (x,) = leaves
            if x.dtype is DType.FLOAT32 and dims(x) == dims(root.outputs[0]):
                yield x, sorted(ops, key=view.position.__getitem__)
        # The latest first: then all readers that the cone can have are in it already.
        open_ = [t for t in leaves if t is not fixed]
        if not open_:
            return
        latest = max(open_, key=lambda t: _place(t, view))
        maker = view.maker(latest, *KINDS)
        if maker is None or not _inside(latest, ops, view):
            if fixed is not None:
                return
            fixed = latest
            continue
        del leaves[latest]
        ops.append(maker)
        leaves.update(dict.fromkeys(_operands(maker)))


def _place(tensor: Tensor, view: View) -> int:
    maker = view.made_by.get(tensor)
    return -1 if maker is None else view.position[maker]


def _inside(tensor: Tensor, ops: Sequence[Op], view: View) -> bool:
    if tensor in view.outputs or tensor.quant is not None:
        return False
    return all(reader in ops for reader in view.read_by[tensor])


def _operands(op: Op) -> list[Tensor]:
    return [t for t in op.inputs if t is not None and not t.is_constant]


def _rule(op: Op, view: View) -> Edit | None:
    result = op.outputs[0]
    small = all(t is None or t.data is None or t.data.size <= _MOST_CHANNELS for t in op.inputs)
    if result.dtype is not DType.FLOAT32 or result.quant is not None or not small:
        return None
    return _composite(op, view)


COMPOSITES = Family(
    "composites",
    "activations written out become the op that computes them",
    {
        kind: (_rule,)
        for kind in ("MUL", "DIV", "ADD", "SUB", "MAXIMUM", "MINIMUM", "SELECT", "SELECT_V2")
    },
)
