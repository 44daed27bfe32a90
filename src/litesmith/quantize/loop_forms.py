"""How loops compute: which types their states get, and what bits that is per op.

A state that a step updates by arithmetic alone (an LSTM's cell, what a GRU keeps) loses in int8 at
every step; the forms "int16" and "float32" keep it, and the arithmetic that updates it, in these
types. int16 has no XNNPACK kernels: an LSTM of 64 units over 49 steps takes twice as long as in
float, with a float state three quarters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.edit import producers, users
from litesmith.graph.facts import facts
from litesmith.quantize.choose import WIDE, Precisions
from litesmith.quantize.loops import CALLS, Refusal, hindrance, role_of, unrolled
from litesmith.quantize.schemes import FLOAT_BITS

# From so many weights on, a step is faster in integers on a CPU: a GRU of 16 units takes 1.1 times
# as long as in float, one of 32 units 0.92 times, an LSTM of 256 units 0.28 times.
_WORTH = 2048
_UPDATES = frozenset({"ADD", "SUB", "MUL"})
_SHAPES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"})


def precisions_of(graph: Graph, chosen: Precisions, form: str) -> Precisions:
    """Return the bits per op of an unrolled graph.

    Args:
        graph: from `unrolled`.
        chosen: what the user and the scheme say; the former is kept.
        form: of the states that a step updates by arithmetic alone: "int8", "int16", "float32".
    """
    bodies = _bodies(graph)
    if not bodies or chosen.default == WIDE:
        return chosen
    own: dict[Op, int] = {}
    for ops in bodies:
        # What takes values in and out goes with the loop, whatever is around it.
        own |= dict.fromkeys((op for op in ops if _weightless(op)), 8)
        if form != "int8":
            own |= dict.fromkeys(_updates(ops), WIDE if form == "int16" else FLOAT_BITS)
    return Precisions(chosen.default, {**own, **chosen.own}, chosen.edges)


def _weightless(op: Op) -> bool:
    row = facts(op)
    return row is None or row.weights is None


def _weights(ops: Collection[Op]) -> int:
    """Return how many weights a step multiplies by."""
    rows = [(op, facts(op)) for op in ops]
    found = [op.input(row.weights.index) for op, row in rows if row and row.weights]
    return sum(t.data.size for t in found if t is not None and t.data is not None)


def _bodies(graph: Graph) -> list[list[Op]]:
    found: dict[int, list[Op]] = {}
    for op in graph.ops:
        tag = role_of(op)
        if tag is not None and tag[0] != "call":
            found.setdefault(tag[1], []).append(op)
    return list(found.values())


def _updates(ops: Collection[Op]) -> set[Op]:
    """Return the ops by which states are updated by arithmetic alone, ends included."""
    part = Graph((), (), tuple(ops))
    read_by, made_by = users(part), producers(part)
    found: set[Op] = set()
    for end in ops:
        tag = role_of(end)
        if tag is None or tag[0] != "step":
            continue
        after, before = end.inputs
        assert after is not None and before is not None
        entry = made_by[before]
        forward = _reach(before, lambda t: [(o, o.outputs) for o in read_by.get(t, [])])
        backward = _reach(
            after,
            lambda t: [(made_by[t], _operands(made_by[t]))] if t in made_by else [],
        )
        path = forward & backward
        if any(op.kind in _UPDATES for op in path):
            found |= {entry, end, *path}
    return found


def _operands(op: Op) -> list[Tensor]:
    return [t for t in op.inputs if t is not None]


def _reach(start: Tensor, step: Callable[[Tensor], list[tuple[Op, Collection[Tensor]]]]) -> set[Op]:
    found: set[Op] = set()
    todo = [start]
    while todo:
        for op, following in step(todo.pop()):
            if op not in found and op.kind in _UPDATES | _SHAPES and _is_inner(op):
                found.add(op)
                todo += following
    return found


def _is_inner(op: Op) -> bool:
    tag = role_of(op)
    return tag is not None and tag[0] == "op"


def forms(graph: Graph, refused: Refusal, integer: bool) -> tuple[str, ...]:
    """Return how the loops of a graph can compute, what is tried first in front.

    Args:
        graph: float graph.
        refused: op → why it has no integer form, None when it has one.
        integer: only integers will do, whatever they cost on a CPU.

    Returns:
        Forms as `precisions_of` takes them, and "" for loops in float; () when none can be integer.
    """
    bodies = _bodies(unrolled(graph, refused))
    if not bodies or not (integer or any(_weights(ops) >= _WORTH for ops in bodies)):
        return ()
    if not any(map(_updates, bodies)):
        return ("int8",) if integer else ("int8", "")
    return ("int16", "int8") if integer else ("int8", "float32", "")


def kept_float(graph: Graph, refused: Refusal) -> str:
    """Return why a loop of a graph cannot compute in integers, "" if all can."""
    calls = (op for op in graph.ops if op.kind in CALLS)
    return next((why for op in calls if (why := hindrance(op, refused)) is not None), "")
