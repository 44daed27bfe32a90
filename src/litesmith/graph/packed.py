"""Weights that a file keeps packed, read back: what they are, and in how many bits they are kept.

`quantize/pack.py` makes such files: a graph that runs once, before the first invocation, turns
codes into weights and assigns them to resource variables; the main graph reads these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from litesmith.graph.edit import rebuild
from litesmith.graph.model import Array, Graph, Op, Tensor


@dataclass(frozen=True, eq=False)
class Unpacked:
    """What a variable holds once it was initialized.

    Attributes:
        values: of the variable's element type.
        bits: that tell the values apart: 1 of -1 and 1, 2 of -1, 0 and 1. Codes take as many, or
            less (five values of three kinds in a byte), or hardly more.
    """

    values: Array
    bits: int


def packed_weights(graph: Graph) -> dict[Tensor, Unpacked]:
    """Return what the main graph reads of variables that only a CALL_ONCE graph fills.

    Variables that something else assigns, and what other ops than those of packing compute, are
    left out.

    Returns:
        Tensor → its values: what a variable was read into, and the parts that it was cut into.
    """
    filled: dict[str, Unpacked] = {}
    for op in graph.ops:
        if op.kind == "CALL_ONCE":
            filled |= _initialized(op.subgraphs[0])
    names = _handles(graph)
    for op in graph.ops:
        if op.kind == "ASSIGN_VARIABLE":
            filled.pop(_name(op, names), None)
    if not filled:
        return {}
    found: dict[Tensor, Unpacked] = {}
    for op in graph.ops:
        if op.kind == "READ_VARIABLE" and _name(op, names) in filled:
            value, result = filled[_name(op, names)], op.outputs[0]
            found |= {result: value} if value.values.size == math.prod(result.shape) else {}
        elif op.kind in _CUTS and op.inputs[0] in found:
            found |= _results(op, found)
    return found


def with_constants(graph: Graph) -> Graph:
    """Return the graph with packed weights as constants: for those who look at weights."""
    found = packed_weights(graph)
    if not found:
        return graph
    gone = {op for op in graph.ops if op.outputs and op.outputs[0] in found}
    handles = {op.inputs[0] for op in gone if op.kind == "READ_VARIABLE"}
    gone |= {op for op in graph.ops if op.outputs and op.outputs[0] in handles}
    gone |= {op for op in graph.ops if op.kind == "CALL_ONCE" and only_fills(op.subgraphs[0])}
    swap = {t: t.with_(data=value.values.reshape(t.shape)) for t, value in found.items()}
    return rebuild(graph, dict.fromkeys(gone, ()), swap)


def _handles(graph: Graph) -> dict[Tensor, str]:
    """Return the handles of a graph → the variables' names."""
    made = (op for op in graph.ops if op.kind == "VAR_HANDLE")
    return {op.outputs[0]: f"{_text(op, 'container')}/{_text(op, 'shared_name')}" for op in made}


def _name(op: Op, names: Mapping[Tensor, str]) -> str:
    """Return the name of the variable that an op reads or assigns, "" when it is not known."""
    return names.get(op.inputs[0], "") if op.inputs[0] is not None else ""


def _text(op: Op, name: str) -> str:
    found = op.option(name) or ""
    return found.decode() if isinstance(found, bytes) else str(found)


def only_fills(graph: Graph) -> bool:
    """True when a graph assigns what `packed_weights` could work out, and nothing else."""
    assigned = [op for op in graph.ops if op.kind == "ASSIGN_VARIABLE"]
    known = {*_RULES, "VAR_HANDLE", "ASSIGN_VARIABLE"}
    return all(op.kind in known for op in graph.ops) and len(_initialized(graph)) == len(assigned)


def _initialized(graph: Graph) -> dict[str, Unpacked]:
    """Return the variables that a graph assigns and whose values the rules below work out."""
    values: dict[Tensor, Unpacked] = {}
    names, found = _handles(graph), {}
    for op in graph.ops:
        if op.kind == "ASSIGN_VARIABLE":
            value = op.inputs[1]
            if _name(op, names) and value is not None and value in values:
                found[_name(op, names)] = values[value]
        elif op.kind in _RULES:
            values |= _results(op, values)
    return found


def _results(op: Op, values: Mapping[Tensor, Unpacked]) -> dict[Tensor, Unpacked]:
    """Return the results of one op, {} when it reads something unknown."""
    read = [_value(t, values) for t in op.inputs]
    if any(value is None for value in read):
        return {}
    try:
        return dict(zip(op.outputs, _RULES[op.kind](op, *read), strict=True))
    except (IndexError, TypeError, ValueError):
        return {}  # an op that packing does not make


def _value(tensor: Tensor | None, values: Mapping[Tensor, Unpacked]) -> Unpacked | None:
    if tensor is None:
        return None
    if tensor.data is not None and not tensor.raw:
        return Unpacked(tensor.data, tensor.dtype.bits)
    return values.get(tensor)


def _cast(op: Op, codes: Unpacked) -> list[Unpacked]:
    return [Unpacked(codes.values.astype(op.outputs[0].dtype.numpy), codes.bits)]


def _gather(op: Op, table: Unpacked, codes: Unpacked) -> list[Unpacked]:
    if op.option("axis", 0) or op.option("batch_dims", 0):
        return []
    kinds = len(np.unique(table.values))
    return [Unpacked(table.values[codes.values], max(kinds - 1, 1).bit_length())]


def _reshape(op: Op, value: Unpacked, *shape: Unpacked) -> list[Unpacked]:
    return [Unpacked(value.values.reshape(op.outputs[0].shape), value.bits)]


def _split(op: Op, value: Unpacked, sizes: Unpacked, axis: Unpacked) -> list[Unpacked]:
    ends = np.cumsum(sizes.values)[:-1]
    parts = np.split(value.values, ends, int(axis.values.reshape(-1)[0]))
    return [Unpacked(part, value.bits) for part in parts]


def _xor(op: Op, first: Unpacked, second: Unpacked) -> list[Unpacked]:
    return [Unpacked(first.values ^ second.values, first.bits + second.bits)]


_RULES: Mapping[str, Callable[..., list[Unpacked]]] = MappingProxyType(
    {
        "CAST": _cast,
        "GATHER": _gather,
        "RESHAPE": _reshape,
        "SPLIT_V": _split,
        "BITWISE_XOR": _xor,
    }
)
_CUTS = frozenset({"SPLIT_V", "RESHAPE"})
