"""Look-up tables of numbers, frozen into constants: .tflite kernels know tables of text only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from litesmith.sources.graphdef import Frozen

_FIND = ("LookupTableFind", "LookupTableFindV2")
_WRITES = ("LookupTableInsert", "LookupTableInsertV2", "LookupTableRemoveV2")
_TABLES = ("HashTableV2", "MutableHashTableV2", "MutableDenseHashTableV2")
_PASSES = ("Identity", "Switch", "Enter")
_MOST_KEYS = 65_536  # each is compared with every element that is looked up


def has_tables(graph: Any) -> bool:
    """Return True when a GraphDef looks something up in a table."""
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return any(node.op in _FIND for node in nodes)


def table_handles(function: Any) -> dict[str, Any]:
    """Return the tables of a concrete function: tensor name inside → the handle outside.

    TF2 functions capture them; in the functions of a TF1 SavedModel they are ops.
    """
    found = {
        inside.name: outside
        for outside, inside in function.graph.captures
        if outside.dtype.name == "resource"
    }
    if hasattr(function, "prune"):
        for op in function.graph.get_operations():
            if op.type in _TABLES:
                found[op.outputs[0].name] = function.prune([], op.outputs[0])()
    return found


def with_constant_tables(frozen: Frozen, handles: Mapping[str, Any]) -> Frozen:
    """Return the graph with look-ups in tables of numbers replaced by compare and gather.

    Tables of text stay as they are, and so do those that the graph changes.

    Args:
        frozen: its feeds may hold table handles.
        handles: feed → the table's resource, initialised.
    """
    if not has_tables(frozen.graph):
        return frozen
    nodes = {node.name: node for node in frozen.graph.node}
    changed = {_source(node.input[0], nodes) for node in nodes.values() if node.op in _WRITES}
    graph = type(frozen.graph)()
    graph.CopyFrom(frozen.graph)
    for node in graph.node:
        table = _source(node.input[0], nodes) if node.op in _FIND else None
        if table is None or table in changed or table not in handles:
            continue
        content = _content(handles[table], node)
        if content is not None:
            _call_instead(graph, node, *content)
    used = {_source(n.input[0], nodes) for n in graph.node if n.op.startswith("LookupTable")}
    feeds = tuple(f for f in frozen.feeds if f not in handles or f in used)
    return Frozen(graph, feeds, frozen.fetches)


def _source(tensor: str, nodes: Mapping[str, Any]) -> str:
    """Return the tensor that Identities hand on."""
    name = tensor.split(":")[0].lstrip("^")
    while name in nodes and nodes[name].op in _PASSES and nodes[name].input:
        tensor = nodes[name].input[0]
        name = tensor.split(":")[0]
    return tensor if ":" in tensor else f"{tensor}:0"


def _content(handle: Any, node: Any) -> tuple[Any, Any] | None:
    """Return keys and values of a table of numbers; None for text, or when it is too large."""
    import tensorflow as tf

    kinds = [tf.dtypes.as_dtype(node.attr[a].type) for a in ("Tin", "Tout")]
    if tf.string in kinds:
        return None
    keys, values = tf.raw_ops.LookupTableExportV2(
        table_handle=handle, Tkeys=kinds[0], Tvalues=kinds[1]
    )
    fits = 0 < len(keys) <= _MOST_KEYS and values.shape.rank == 1
    return (keys.numpy(), values.numpy()) if fits else None


def _call_instead(graph: Any, node: Any, keys: Any, values: Any) -> None:
    """Turn a look-up node into a call of a function that compares and gathers."""
    import tensorflow as tf

    kinds = keys.dtype, values.dtype
    dense = np.array_equal(np.sort(keys), np.arange(len(keys)))
    ordered = values[np.argsort(keys, kind="stable")]

    def find(x: Any, default: Any) -> Any:
        if dense:
            known = (x >= 0) & (x < len(keys))
            place = tf.clip_by_value(x, 0, len(keys) - 1)
            return tf.where(known, tf.gather(ordered, place), default)
        same = tf.equal(x[..., None], keys)
        place = tf.argmax(tf.cast(same, tf.int32), -1)
        return tf.where(tf.reduce_any(same, -1), tf.gather(values, place), default)

    specs = [tf.TensorSpec(None, kinds[0], "x"), tf.TensorSpec(None, kinds[1], "default")]
    function = tf.function(find, jit_compile=False).get_concrete_function(*specs)
    definition = function.function_def
    graph.library.function.add().CopyFrom(definition)
    sources = list(node.input[1:])
    node.op = "PartitionedCall"
    del node.input[:]
    node.input.extend(sources)
    node.attr.clear()
    types = [tf.dtypes.as_dtype(kind).as_datatype_enum for kind in kinds]
    node.attr["Tin"].list.type.extend(types)
    node.attr["Tout"].list.type.extend(types[1:])
    node.attr["f"].func.name = definition.signature.name
