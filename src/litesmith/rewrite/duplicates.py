"""What is computed or stored twice is computed and stored once.

Algebra: f(x) = f(x). Two ops of equal kind, options and operands are one (ADD, MUL, MAXIMUM and
MINIMUM whatever the order of their operands); two constants of equal type, shape and bytes are one.
Side conditions: no state, no random numbers, no called graphs, no custom ops; two outputs of the
graph stay two. Graph inputs are left alone, read or not. Saves an op, or a constant's bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.graph import Array, Graph, Op, Tensor
from litesmith.graph.edit import rebuild
from litesmith.rewrite.engine import Family

_STATEFUL = frozenset(
    {
        "RANDOM_UNIFORM",
        "RANDOM_STANDARD_NORMAL",
        "MULTINOMIAL",
        "STABLEHLO_RNG_BIT_GENERATOR",
        "VAR_HANDLE",
        "READ_VARIABLE",
        "ASSIGN_VARIABLE",
        "HASHTABLE",
        "HASHTABLE_FIND",
        "HASHTABLE_IMPORT",
        "HASHTABLE_SIZE",
    }
)
_EITHER_WAY = frozenset({"ADD", "MUL", "MAXIMUM", "MINIMUM"})
_SAMPLE = 16  # elements that tell most constants apart without reading them whole


def _once(graph: Graph) -> tuple[Graph, int]:
    constants = _constants(graph)
    same: dict[Tensor, Tensor] = dict(constants)  # value → the one that stands for it
    swap: dict[Tensor, Tensor] = dict(constants)
    known: dict[tuple[Any, ...], Op] = {}
    gone: set[Op] = set()
    outputs = set(graph.outputs)
    for op in graph.ops:
        if not _is_pure(op):
            continue
        first = known.setdefault(_key(op, same), op)
        if first is op or not _declared_alike(first, op):
            continue
        pairs = list(zip(first.outputs, op.outputs, strict=True))
        # A graph output keeps its place; what equals it goes. Two of them cannot become one.
        if any(new in outputs and swap.get(old, old) in outputs for old, new in pairs):
            continue
        gone.add(op)
        for old, new in pairs:
            same[new] = same.get(old, old)
            if new in outputs:
                swap[old] = new
            else:
                swap[new] = old
    if not gone and not constants:
        return graph, 0
    return rebuild(graph, {op: () for op in gone}, swap), len(gone) + len(constants)


def _constants(graph: Graph) -> dict[Tensor, Tensor]:
    """Return constant → the equal one that stands for it."""
    known: dict[tuple[Any, ...], list[Tensor]] = {}
    found: dict[Tensor, Tensor] = {}
    for tensor in graph.tensors():
        data = tensor.data
        if data is None or tensor.quant is not None or tensor.extras or tensor.is_variable:
            continue
        if tensor in graph.outputs:
            continue
        key = (tensor.dtype, tensor.shape, tensor.raw, tensor.has_rank, data.shape, _sample(data))
        alike = known.setdefault(key, [])
        first = next((t for t in alike if _equal(t.data, data)), None)
        if first is None:
            alike.append(tensor)
        else:
            found[tensor] = first
    return found


def _sample(data: Array) -> bytes:
    flat = data.reshape(-1)
    return flat[:: max(flat.size // _SAMPLE, 1)].tobytes()


def _equal(a: Array | None, b: Array) -> bool:
    """Compare bytes, so that NaN equals itself and −0 is not 0."""
    if a is None or a is b:
        return a is b
    one, two = (np.ascontiguousarray(v).reshape(-1).view(np.uint8) for v in (a, b))
    return bool(np.array_equal(one, two))


def _is_pure(op: Op) -> bool:
    if op.kind in _STATEFUL or op.kind.startswith("CUSTOM:") or op.subgraphs or any(op.mutating):
        return False
    if op.intermediates or not op.outputs:
        return False
    return not any(t is not None and t.is_variable for t in (*op.inputs, *op.outputs))


def _key(op: Op, same: dict[Tensor, Tensor]) -> tuple[Any, ...]:
    operands = [0 if t is None else id(same.get(t, t)) for t in op.inputs]
    if op.kind in _EITHER_WAY:
        operands.sort()
    fields = () if op.options is None else tuple(sorted(op.options.fields.items()))
    table = "" if op.options is None else op.options.table
    return op.kind, table, repr(fields), op.custom_options, tuple(operands)


def _declared_alike(a: Op, b: Op) -> bool:
    def declared(op: Op) -> list[tuple[Any, ...]]:
        return [(t.shape, t.shape_signature or t.shape, t.dtype, t.quant) for t in op.outputs]

    return declared(a) == declared(b)


DUPLICATES = Family(
    "duplicates", "what is computed or stored twice is computed and stored once", whole=_once
)
