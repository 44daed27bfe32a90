"""The first and last ops with weights: few of the weights, and what rounding them costs most."""

from __future__ import annotations

import math
from collections.abc import Iterable

from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.facts import FACTS

_LAYERS = frozenset({"UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF", "WHILE"})


def edge_ops(graph: Graph, part: float = 1.0) -> frozenset[Op]:
    """Return the ops with weights that no other one precedes, or that none follows.

    Loops and recurrent ops count as ops with weights between them, and are none of the edges.

    Args:
        graph: any graph.
        part: the most of all weights that such an op may hold.
    """
    forward = [(op, _values(op.inputs), op.outputs) for op in graph.ops]
    backward = [(op, op.outputs, _values(op.inputs)) for op in reversed(graph.ops)]
    most = part * sum(_count(op) for op in graph.ops)
    found = (*_reached(forward), *_reached(backward))
    return frozenset(op for op in found if _count(op) <= most)


def _reached(
    ops: Iterable[tuple[Op, Iterable[Tensor], Iterable[Tensor]]],
) -> list[Op]:
    """Return the ops with constant weights that come first, each given with what leads to it."""
    behind: set[Tensor] = set()
    found = []
    for op, before, after in ops:
        passed = any(t in behind for t in before)
        if not passed and _weighted(op):
            found.append(op)
        if passed or _weighted(op) or op.kind in _LAYERS:
            behind.update(after)
    return found


def _values(tensors: Iterable[Tensor | None]) -> tuple[Tensor, ...]:
    return tuple(t for t in tensors if t is not None and not t.is_constant)


def _weighted(op: Op) -> bool:
    return _weights(op) is not None


def _count(op: Op) -> int:
    weights = _weights(op)
    return 0 if weights is None else math.prod(weights.shape)


def _weights(op: Op) -> Tensor | None:
    row = FACTS.get(op.kind)
    weights = op.input(row.weights.index) if row is not None and row.weights is not None else None
    return weights if weights is not None and weights.is_constant else None
