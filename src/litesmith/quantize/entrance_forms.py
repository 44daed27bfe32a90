"""Ways to spare a float32 input the one coarse scale of an int8 tensor, cheapest first.

- Its columns are brought to one range in float32 (`wide_inputs`): one or two small ops.
- Constant arithmetic that the model does first (a normalization) stays float: no op more.
- The first linear layers stay float, too: their weights are four times larger, and they run in
  float. A price per form says how much of the error it must win to be worth that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.edit import users
from litesmith.graph.facts import facts
from litesmith.graph.step import Notice
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.second_look import multiplications
from litesmith.quantize.wide_inputs import rescaled

_TOLD = 32.0  # ratio from which a column keeps fewer than 8 steps
_UNEVEN = 4.0  # ratio of ranges from which columns of one scale lose two bits
_ARITHMETIC_PRICE = 1.2
_RESCALED_PRICE = 1.4
_LAYER_PRICE = 2.0
_SMALL_PRICE = 1.2
_SMALL = 100_000  # multiply-accumulates of a graph that takes no time, whatever its precision
_SHARE_PRICE = 20.0  # … of a first layer, more by this times its part of all multiplications
_LEAST_SPAN = 1e-12
_MOVES = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE", "PAD", "TRANSPOSE"})
_ARITHMETIC = frozenset({"ADD", "SUB", "MUL", "DIV"})


@dataclass(frozen=True)
class Entrance:
    """One way.

    Attributes:
        graph: the result.
        ranges: of its tensors.
        floats: ops that stay float.
        reason: why they do.
        why: what was done.
        price: factor by which it must reduce the error.
    """

    graph: Graph
    ranges: Ranges
    floats: tuple[Op, ...]
    reason: str
    why: str
    price: float


def entrance_forms(graph: Graph, ranges: Ranges, tensor: Tensor) -> list[Entrance]:
    """Return the ways there are for one input of a float graph, cheapest first.

    Args:
        graph: float graph.
        ranges: of its tensors.
        tensor: one of its inputs; ways exist for float32.
    """
    if tensor.dtype is not DType.FLOAT32:
        return []
    arithmetic, linear = _front(graph, tensor)
    found = [] if arithmetic else _rescaled(graph, ranges, tensor)
    reason = f"8 bits for '{tensor.name}' would change the answers"
    if arithmetic:
        why = f"arithmetic on '{tensor.name}' stays float"
        found.append(Entrance(graph, ranges, tuple(arithmetic), reason, why, _ARITHMETIC_PRICE))
    if linear:
        why = f"the first layer at '{tensor.name}' stays float"
        ops = (*arithmetic, *linear)
        found.append(Entrance(graph, ranges, ops, reason, why, layer_price(graph, linear)))
    return found


def _rescaled(graph: Graph, ranges: Ranges, tensor: Tensor) -> list[Entrance]:
    spread = uneven(ranges, tensor)
    if spread < _UNEVEN:
        return []
    reason = f"it brings columns of '{tensor.name}' to one range (they differ {spread:.3g} times)"
    why = f"columns of '{tensor.name}' are brought to one range in float32"
    found = [rescaled(graph, ranges, tensor, centered) for centered in (False, True)]
    return [
        Entrance(r.graph, r.ranges, r.ops, reason, why, _RESCALED_PRICE)
        for r in found
        if r is not None
    ]


def uneven(ranges: Ranges, tensor: Tensor) -> float:
    """Return how many times wider the widest column of an input is than the narrowest that varies.

    Values are counted from 0, which int8 must represent; a column that moves little far from 0 is
    as narrow as it moves.
    """
    columns = ranges.columns.get(tensor)
    if columns is None or not np.isfinite(columns.high - columns.low).all():
        return 1.0
    width = float(np.maximum(columns.high, 0).max() - np.minimum(columns.low, 0).min())
    moves = columns.high - columns.low
    moves = moves[moves > _LEAST_SPAN]
    return width / float(moves.min()) if moves.size else 1.0


def wide_input(ranges: Ranges, tensor: Tensor, name: str) -> Notice | None:
    """Return what to tell of an input that arrives as integers, one scale for all its columns."""
    spread = uneven(ranges, tensor)
    if spread < _TOLD:
        return None
    return Notice(
        "wide_input",
        f"As integers, the columns of input '{name}' share one scale, for {spread:.3g} times the "
        f"range of the narrowest: {255 / spread:.2g} of 255 steps are left to that column.",
        f"Use --input-type {name}:float32, for which columns are brought to one range where that "
        "serves, or bring them to one range before they are fed.",
    )


def layer_price(graph: Graph, ops: Sequence[Op]) -> float:
    """Return by what factor the error must shrink for these linear ops of the graph to be float."""
    total = multiplications(graph.ops)
    if total <= _SMALL:
        return _SMALL_PRICE
    return _LAYER_PRICE + _SHARE_PRICE * multiplications(ops) / total


def _front(graph: Graph, tensor: Tensor) -> tuple[list[Op], list[Op]]:
    """Return constant arithmetic behind an input, and the linear ops that come next.

    Nothing where other ops read it as well.
    """
    readers = users(graph)
    arithmetic: list[Op] = []
    linear: list[Op] = []
    todo = [tensor]
    while todo:
        value = todo.pop()
        for op in readers.get(value, ()):
            row = facts(op)
            others = [t for t in op.inputs if t is not None and t is not value]
            constant = all(t.is_constant for t in others)
            if op.kind in _MOVES:
                todo.append(op.outputs[0])
            elif op.kind in _ARITHMETIC and constant:
                arithmetic.append(op)
                todo.append(op.outputs[0])
            elif row is None or row.weights is None or not constant:
                return [], []
            elif op not in linear:
                linear.append(op)
    return arithmetic, linear
