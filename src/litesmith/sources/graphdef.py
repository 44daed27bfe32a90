"""Concrete functions as GraphDefs, variables frozen, and what is repaired in that form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Op → which input is the shape of a list's elements.
_ELEMENT_SHAPE = {"TensorListReserve": 0, "TensorListFromTensor": 1, "TensorListStack": 1}


@dataclass(frozen=True)
class Frozen:
    """A graph without variables.

    Attributes:
        graph: `tf.compat.v1.GraphDef`.
        feeds, fetches: tensor names of the inputs and outputs, in declared order.
    """

    graph: Any
    feeds: tuple[str, ...]
    fetches: tuple[str, ...]


def freeze(function: Any) -> Frozen:
    """Return a concrete function with variables and tables as constants and its calls inlined.

    Tables of text cannot be constants: their handles stay among the feeds, behind the inputs.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    from litesmith.sources.tables import table_handles, with_constant_tables

    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    graph = Frozen(
        frozen.graph.as_graph_def(),
        tuple(tensor.name for tensor in frozen.inputs),
        tuple(tensor.name for tensor in frozen.outputs),
    )
    return with_constant_tables(graph, table_handles(function))


def as_function(frozen: Frozen) -> Any:
    """Return the concrete function of a frozen graph."""
    import tensorflow as tf

    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(frozen.graph, name=""), [])
    tensor = wrapped.graph.get_tensor_by_name
    return wrapped.prune(
        [tensor(name) for name in frozen.feeds], [tensor(name) for name in frozen.fetches]
    )


def with_static_lists(frozen: Frozen) -> Frozen:
    """Return the graph with a batch of 1 written into its tensor lists.

    A recurrent layer out of a SavedModel was traced for any batch; the -1 in its lists' element
    shapes stays although the inputs are static now, and the converter needs all sizes.
    """
    import numpy as np
    import tensorflow as tf

    graph = type(frozen.graph)()
    graph.CopyFrom(frozen.graph)
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        if node.op not in _ELEMENT_SHAPE:
            continue
        constant = nodes.get(node.input[_ELEMENT_SHAPE[node.op]])
        if constant is None or constant.op != "Const":
            continue
        shape = tf.make_ndarray(constant.attr["value"].tensor)
        if shape.ndim and (shape < 0).any():
            known = np.where(shape < 0, 1, shape).astype(shape.dtype)
            constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(known))
    return Frozen(graph, frozen.feeds, frozen.fetches)


def constant(node: Any) -> Any:
    """Return the value of a `Const` node as an array."""
    import tensorflow as tf

    return tf.make_ndarray(node.attr["value"].tensor)


def in_order(nodes: Iterable[Any]) -> Iterator[Any]:
    """Yield nodes after everything that they read or wait for."""
    by_name = {node.name: node for node in nodes}
    done: set[str] = set()
    for start in by_name.values():
        path = [(start, _before(start, by_name))] if start.name not in done else []
        done.add(start.name)
        while path:
            _, rest = path[-1]
            following = next((n for n in rest if n.name not in done), None)
            if following is None:
                yield path.pop()[0]
            else:
                done.add(following.name)
                path.append((following, _before(following, by_name)))


def _before(node: Any, by_name: Mapping[str, Any]) -> Iterator[Any]:
    names = (name.lstrip("^").split(":")[0] for name in node.input)
    return (by_name[name] for name in names if name in by_name)


def branches(function: Any) -> bool:
    """Return True when a function chooses between branches by a value."""
    definition = function.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    kinds = {node.op for node in nodes}
    return not kinds.isdisjoint({"If", "StatelessIf", "Case", "StatelessCase", "Switch"})


def assigned_variables(function: Any) -> list[str]:
    """Return the ops by which a function changes variables while it runs."""
    definition = function.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return [n.name for n in nodes if n.op.startswith("Assign") and n.op.endswith("VariableOp")]
