"""Graphs saved in half precision (mixed_float16 above all) → float32, in which kernels compute."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.data import TensorSpec
from litesmith.sources.graphdef import Frozen, constant

_HALVES = frozenset({19, 14})  # DT_HALF, DT_BFLOAT16
_FLOAT = 1  # DT_FLOAT
_SUFFIX = "_float32"


def has_halves(graph: Any) -> bool:
    """Return whether a GraphDef computes in 16 bits anywhere."""
    return any(_types(node) & _HALVES for node in _nodes(graph))


def widened(frozen: Frozen) -> Frozen:
    """Return a frozen graph with float32 in the place of every 16-bit float."""
    graph = type(frozen.graph)()
    graph.CopyFrom(frozen.graph)
    for node in _nodes(graph):
        if not _types(node) & _HALVES:
            continue
        if node.op == "Const":
            _widen_constant(node)
        for attribute in node.attr.values():
            kind = attribute.WhichOneof("value")
            if kind == "type" and attribute.type in _HALVES:
                attribute.type = _FLOAT
            elif kind == "list" and attribute.list.type:
                types = [_FLOAT if t in _HALVES else t for t in attribute.list.type]
                attribute.list.type[:] = types
    _rename(graph)
    for function in graph.library.function:
        for end in (*function.signature.input_arg, *function.signature.output_arg):
            if end.type in _HALVES:
                end.type = _FLOAT
    return Frozen(graph, frozen.feeds, frozen.fetches)


def _rename(graph: Any) -> None:
    """Give the functions other names: TensorFlow knows those that they had with another body."""
    names = {function.signature.name for function in graph.library.function}
    for function in graph.library.function:
        function.signature.name += _SUFFIX
    for node in _nodes(graph):
        if node.op in names:
            node.op += _SUFFIX
        for attribute in node.attr.values():
            kind = attribute.WhichOneof("value")
            called = [attribute.func] if kind == "func" else attribute.list.func
            for function in called if kind in ("func", "list") else ():
                function.name += _SUFFIX


def wide(spec: TensorSpec) -> TensorSpec:
    """Return an input as the widened graph has it."""
    halves = ("float16", "bfloat16")
    return TensorSpec(spec.name, spec.shape, "float32") if spec.dtype in halves else spec


def _widen_constant(node: Any) -> None:
    import tensorflow as tf

    values = np.asarray(constant(node)).astype(np.float32)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))


def _nodes(graph: Any) -> list[Any]:
    return [*graph.node, *(n for f in graph.library.function for n in f.node_def)]


def _types(node: Any) -> set[int]:
    found: set[int] = set()
    for attribute in node.attr.values():
        kind = attribute.WhichOneof("value")
        if kind == "type":
            found.add(attribute.type)
        elif kind == "list":
            found.update(attribute.list.type)
    return found
