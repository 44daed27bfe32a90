"""Rebuild a graph once with many changes; nothing is ever changed in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from litesmith.graph.model import Graph, Op, Tensor

# Ops that matter although nothing in the graph reads a value of theirs.
_EFFECTS = frozenset({"CALL_ONCE", "ASSIGN_VARIABLE", "HASHTABLE_IMPORT"})


def users(graph: Graph) -> dict[Tensor, list[Op]]:
    """Return the ops that read each tensor, in execution order, one entry per reading op."""
    found: dict[Tensor, list[Op]] = {}
    for op in graph.ops:
        for tensor in dict.fromkeys(t for t in op.inputs if t is not None):
            found.setdefault(tensor, []).append(op)
    return found


def producers(graph: Graph) -> dict[Tensor, Op]:
    """Return the op that defines each computed tensor."""
    return {tensor: op for op in graph.ops for tensor in op.outputs}


def rebuild(
    graph: Graph,
    ops: Mapping[Op, Sequence[Op]],
    tensors: Mapping[Tensor, Tensor] | None = None,
) -> Graph:
    """Return the graph with some ops replaced and then some tensors replaced everywhere.

    Args:
        graph: left as it is.
        ops: op → what stands in its place (an empty sequence deletes it).
        tensors: tensor → its replacement in every op, input and output. Chains are followed.
    """
    swap = _closure(tensors or {})

    def new(tensor: Tensor) -> Tensor:
        return swap.get(tensor, tensor)

    def renewed(op: Op) -> Op:
        if not swap:
            return op
        touched = any(t in swap for t in (*op.inputs, *op.outputs, *op.intermediates) if t)
        if not touched:
            return op
        return op.with_(
            inputs=tuple(None if t is None else new(t) for t in op.inputs),
            outputs=tuple(map(new, op.outputs)),
            intermediates=tuple(map(new, op.intermediates)),
        )

    return graph.with_(
        inputs=tuple(map(new, graph.inputs)),
        outputs=tuple(map(new, graph.outputs)),
        ops=tuple(renewed(op) for old in graph.ops for op in ops.get(old, (old,))),
    )


def substitute(graph: Graph, tensors: Mapping[Tensor, Tensor]) -> Graph:
    """Return the graph with tensors replaced wherever they stand."""
    return rebuild(graph, {}, tensors)


def drop_dead(graph: Graph) -> Graph:
    """Return the graph without ops that nothing needs."""
    needed = set(graph.outputs)
    kept: list[Op] = []
    for op in reversed(graph.ops):
        effect = op.kind in _EFFECTS or any(op.mutating) or bool(op.subgraphs)
        state = any(t is not None and t.is_variable for t in (*op.inputs, *op.outputs))
        if effect or state or not op.outputs or any(t in needed for t in op.outputs):
            kept.append(op)
            needed.update(t for t in op.inputs if t is not None)
    return graph if len(kept) == len(graph.ops) else graph.with_(ops=tuple(reversed(kept)))


def map_graphs(graph: Graph, change: Callable[[Graph], Graph]) -> Graph:
    """Return the graph with `change` applied to every called graph, sibling and the graph itself.

    Called graphs are changed first, and one that is called twice is changed once.
    """
    done: dict[int, Graph] = {}

    def visit(part: Graph) -> Graph:
        if id(part) not in done:
            ops = tuple(
                op.with_(subgraphs=tuple(map(visit, op.subgraphs))) if op.subgraphs else op
                for op in part.ops
            )
            inner = part.with_(ops=ops) if any(op.subgraphs for op in ops) else part
            if part.siblings:
                inner = inner.with_(siblings=tuple(map(visit, part.siblings)))
            done[id(part)] = change(inner)
        return done[id(part)]

    return visit(graph)


def fresh_name(base: str, suffix: str) -> str:
    """Return a derived tensor name; names need not be unique, only telling."""
    return f"{base}/{suffix}" if base else suffix


def _closure(tensors: Mapping[Tensor, Tensor]) -> dict[Tensor, Tensor]:
    closed: dict[Tensor, Tensor] = {}
    for old in tensors:
        new = old
        while new in tensors:
            new = tensors[new]
        closed[old] = new
    return closed
