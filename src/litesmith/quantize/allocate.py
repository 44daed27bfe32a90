"""Bits per op under a limit of bytes: a choice of one precision per op, by integer programming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from litesmith.graph import Op
from litesmith.quantize.sensitivity import Cost

_GAP = 1e-6  # of the optimum, at which the solver may stop
_SECONDS = 10.0


def allocate(costs: Sequence[Cost], limit: int) -> Mapping[Op, int] | None:
    """Return op → bits with the least summed error whose weights take at most `limit` bytes.

    Multiple-choice knapsack: minimize Σ error·x over x ∈ {0, 1}, Σ_bits x = 1 for every op,
    Σ size·x ≤ limit; solved by HiGHS (Huangfu and Hall, "Parallelizing the dual revised simplex
    method", 2018) through `scipy.optimize.milp`.

    Args:
        costs: all precisions that each op may have.
        limit: bytes of all weights together.

    Returns:
        None when not even the fewest bits fit.
    """
    if not costs or smallest(costs) > limit:
        return None
    from scipy.optimize import Bounds, LinearConstraint, milp

    ops = list(dict.fromkeys(cost.op for cost in costs))
    row = {op: i for i, op in enumerate(ops)}
    one_each = np.zeros((len(ops), len(costs)))
    for column, cost in enumerate(costs):
        one_each[row[cost.op], column] = 1
    error = np.array([cost.error for cost in costs])
    sizes = np.array([[float(cost.size) for cost in costs]])
    found = milp(
        error / max(float(error.max()), 1e-30),
        integrality=np.ones(len(costs)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(one_each, 1, 1), LinearConstraint(sizes, -np.inf, limit)],
        options={"mip_rel_gap": _GAP, "time_limit": _SECONDS},
    )
    if found.x is None:
        return None
    return {cost.op: cost.bits for cost, x in zip(costs, found.x, strict=True) if x > 0.5}


def smallest(costs: Sequence[Cost]) -> int:
    """Return the bytes of all weights at the fewest bits."""
    least: dict[Op, int] = {}
    for cost in costs:
        least[cost.op] = min(cost.size, least.get(cost.op, cost.size))
    return sum(least.values())
