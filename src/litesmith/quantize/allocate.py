"""Bits per op under limits of bytes and time: one precision per op, by integer programming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Op
from litesmith.quantize.sensitivity import Cost

_GAP = 1e-6  # of the optimum, at which the solver may stop
_SECONDS = 10.0


@dataclass(frozen=True)
class Limit:
    """The most that all choices together may take of something.

    Attributes:
        each: what each choice takes, in the order of the choices.
        most: of the sum.
    """

    each: Sequence[float]
    most: float


def allocate(costs: Sequence[Cost], limits: Sequence[Limit]) -> Mapping[Op, int] | None:
    """Return op → bits with the least summed error that keeps the limits.

    Multiple-choice knapsack: minimize Σ error·x over x ∈ {0, 1}, Σ_bits x = 1 for every op,
    Σ each·x ≤ most for every limit; solved by HiGHS (Huangfu and Hall, "Parallelizing the dual
    revised simplex method", 2018) through `scipy.optimize.milp`.

    Args:
        costs: all precisions that each op may have.
        limits: of bytes, of milliseconds.

    Returns:
        None when no choice keeps them.
    """
    if not costs or any(sum(_least(costs, one.each)) > one.most for one in limits):
        return None
    from scipy.optimize import Bounds, LinearConstraint, milp

    ops = list(dict.fromkeys(cost.op for cost in costs))
    row = {op: i for i, op in enumerate(ops)}
    one_each = np.zeros((len(ops), len(costs)))
    for column, cost in enumerate(costs):
        one_each[row[cost.op], column] = 1
    error = np.array([cost.error for cost in costs])
    kept = [LinearConstraint(np.array([one.each], float), -np.inf, one.most) for one in limits]
    found = milp(
        error / max(float(error.max()), 1e-30),
        integrality=np.ones(len(costs)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(one_each, 1, 1), *kept],
        options={"mip_rel_gap": _GAP, "time_limit": _SECONDS},
    )
    if found.x is None:
        return None
    return {cost.op: cost.bits for cost, x in zip(costs, found.x, strict=True) if x > 0.5}


def least(costs: Sequence[Cost], each: Sequence[float]) -> dict[Op, int]:
    """Return op → the bits that take least."""
    best: dict[Op, tuple[float, int]] = {}
    for cost, taken in zip(costs, each, strict=True):
        best[cost.op] = min((taken, cost.bits), best.get(cost.op, (taken, cost.bits)))
    return {op: bits for op, (_, bits) in best.items()}


def _least(costs: Sequence[Cost], each: Sequence[float]) -> list[float]:
    found: dict[Op, float] = {}
    for cost, taken in zip(costs, each, strict=True):
        found[cost.op] = min(taken, found.get(cost.op, taken))
    return list(found.values())
