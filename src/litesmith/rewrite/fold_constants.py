"""Ops that read only constants are replaced by their result.

Algebra: f(c) is a constant. The op is run by the runtime itself, so the value is the one the file
would have computed. Side conditions: no state, no called graphs, no random numbers, and the result
must not blow the file up (a FILL or TILE of a scalar is cheaper computed than stored).
"""

from __future__ import annotations

from typing import Any

from litesmith.graph import DType, Graph, Op, Tensor, write
from litesmith.graph.edit import drop_dead, rebuild
from litesmith.rewrite.engine import Family
from litesmith.runtime import Session

_NEVER = frozenset(
    {
        "RANDOM_UNIFORM",
        "RANDOM_STANDARD_NORMAL",
        "MULTINOMIAL",
        "VAR_HANDLE",
        "READ_VARIABLE",
        "ASSIGN_VARIABLE",
        "CALL_ONCE",
        "HASHTABLE",
        "STABLEHLO_RNG_BIT_GENERATOR",
        "DEQUANTIZE",
        "DENSIFY",
    }
)
# The runtime hands these out in another form than a file holds them.
_OPAQUE = frozenset(t for t in DType if t.bits < 8 or t is DType.BFLOAT16)
_GROWTH_LIMIT = 2**16  # bytes that folding may add per op


def _fold(graph: Graph) -> tuple[Graph, int]:
    ops = _foldable(graph)
    if not ops:
        return graph, 0
    known = {t for op in ops for t in op.outputs}
    kept = set(ops)
    wanted = [
        t
        for t in dict.fromkeys(
            t for op in graph.ops if op not in kept for t in op.inputs if t is not None
        )
        if t in known
    ] + [t for t in graph.outputs if t in known]
    wanted = list(dict.fromkeys(wanted))
    values = _run(ops, tuple(wanted))
    constants = {
        t: t.with_(data=v, shape=v.shape, shape_signature=None)
        for t, v in zip(wanted, values, strict=True)
    }
    return drop_dead(rebuild(graph, {op: () for op in ops}, constants)), len(ops)


def _foldable(graph: Graph) -> list[Op]:
    constant: set[Tensor] = set()
    found = []
    for op in graph.ops:
        if op.kind in _NEVER or op.kind.startswith("CUSTOM:") or op.subgraphs or op.mutating:
            continue
        if not op.inputs or not all(t is None or t.is_constant or t in constant for t in op.inputs):
            continue
        kept = any(t in graph.outputs or t.is_variable for t in op.outputs)
        if kept or any(t.dtype in _OPAQUE for t in op.outputs) or _grows(op):
            continue
        constant.update(op.outputs)
        found.append(op)
    return found


def _grows(op: Op) -> bool:
    made = sum(t.memory_bytes for t in op.outputs)
    read = sum(t.memory_bytes for t in op.inputs if t is not None)
    return made > read + _GROWTH_LIMIT


def _run(ops: list[Op], wanted: tuple[Tensor, ...]) -> list[Any]:
    # No delegate rewrites, so the value is the op's plain meaning. Not the reference kernels: they
    # lack ops (ELU) that the others have.
    session = Session(write(Graph((), wanted, tuple(ops), name="constants")), kernels="builtin")
    session.invoke()
    return session.fetch()


FOLD_CONSTANTS = Family("fold_constants", "ops that read only constants are computed", whole=_fold)
