"""TensorFlow ops without a .tflite kernel, written with ops that have one: same values, same shape.

Used where the converter refuses the graph as it is, and only for the ops that it names: what it
knows how to fuse (an Erf inside a GELU) is better left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from litesmith.sources.graphdef import Frozen, constant
from litesmith.sources.substituted.elementwise import ELEMENTWISE
from litesmith.sources.substituted.structural import STRUCTURAL, CannotSubstituteError

Make = Callable[..., Any]
# Op → function of (its node's attributes, its tensors, …) that computes the same.
_MADE: dict[str, Make] = {**ELEMENTWISE, **STRUCTURAL}
_TINY = -np.finfo(np.float32).tiny


def without_ops(frozen: Frozen, refused: Collection[str]) -> Frozen | None:
    """Return the graph without ops of these kinds, None when nothing can be done about them.

    Args:
        frozen: the graph; ops inside loops and branches are left.
        refused: kinds of op that the converter has no kernel for.
    """
    graph = type(frozen.graph)()
    graph.CopyFrom(frozen.graph)
    changed = "BitwiseAnd" in refused and _plain_argmax(graph)
    kinds = set(refused) & set(_MADE)
    if kinds:
        whole = _Whole(graph)
        for node in [node for node in graph.node if node.op in kinds]:
            changed |= _substitute(graph, node, whole)
    return Frozen(graph, frozen.feeds, frozen.fetches) if changed else None


class _Whole:
    """The graph in TensorFlow, which knows the shapes of tensors, and the values of some."""

    def __init__(self, graph: Any) -> None:
        import tensorflow as tf

        with tf.Graph().as_default() as self._graph:
            tf.import_graph_def(graph, name="")

    def inputs(self, name: str) -> list[Any]:
        """Return the tensors that a node reads."""
        return list(self._graph.get_operation_by_name(name).inputs)

    def value(self, tensor: Any) -> Any:
        """Return the value of a tensor that no input decides, None for others."""
        import tensorflow as tf

        shapes, seen, todo = [], set(), [tensor]
        while todo:
            at = todo.pop()
            if at.name in seen:
                continue
            seen.add(at.name)
            if at.op.type == "Shape" and at.op.inputs[0].shape.rank is not None:
                shapes.append((at, at.op.inputs[0].shape.as_list()))
            elif at.op.type == "Placeholder" or at.op.op_def.is_stateful:
                return _bounded(self, tensor)
            else:
                todo += at.op.inputs
        # An open size decides nothing when the value is the same for two of them.
        found = []
        with tf.compat.v1.Session(graph=self._graph) as session:
            for size in (2, 3):
                fed = {at: [size if s is None else s for s in sizes] for at, sizes in shapes}
                found.append(session.run(tensor, fed))
        return found[0] if np.array_equal(found[0], found[1]) else None


def _bounded(whole: _Whole, tensor: Any) -> Any:
    """Return a for min(a, max(b, …)), b at least a: how TensorFlow says the size of a count."""
    if tensor.op.type != "Minimum":
        return None
    most, rest = tensor.op.inputs
    if rest.op.type != "Maximum":
        return None
    upper, lower = whole.value(most), whole.value(rest.op.inputs[0])
    return upper if upper is not None and lower is not None and lower >= upper else None


def _substitute(graph: Any, node: Any, whole: _Whole) -> bool:
    """Make the node an Identity of what computes the same, added to the graph."""
    import tensorflow as tf

    # A FuncGraph, out of which init_scope leads to where values can be computed.
    with tf.__internal__.FuncGraph("substitute").as_default() as small:
        arguments = []
        for i, tensor in enumerate(whole.inputs(node.name)):
            known = whole.value(tensor)
            if known is not None:
                arguments.append(tf.constant(known))
            else:
                arguments.append(
                    tf.compat.v1.placeholder(tensor.dtype, tensor.shape, f"argument_{i}")
                )
        try:
            result = tf.identity(_MADE[node.op](node.attr, *arguments), "result")
        except CannotSubstituteError:
            return False
    inside = f"{node.name}/substitute"
    sources = dict(enumerate(node.input))
    for made in small.as_graph_def().node:
        if made.op == "Placeholder":
            continue
        new = graph.node.add()
        new.CopyFrom(made)
        new.name = f"{inside}/{made.name}"
        del new.input[:]
        new.input.extend(_renamed(name, inside, sources) for name in made.input)
    _become_identity(node, f"{inside}/result", result.dtype.as_datatype_enum)
    return True


def _renamed(name: str, inside: str, sources: dict[int, str]) -> str:
    base = name.lstrip("^").split(":")[0]
    if base.startswith("argument_") and name[0] != "^":
        return sources[int(base.removeprefix("argument_"))]
    return f"^{inside}/{name[1:]}" if name[0] == "^" else f"{inside}/{name}"


def _become_identity(node: Any, source: str, dtype: int) -> None:
    node.op = "Identity"
    del node.input[:]
    node.input.append(source)
    node.attr.clear()
    node.attr["T"].type = dtype


def _plain_argmax(graph: Any) -> bool:
    """Drop what Keras 3 puts before every argmax: −0.0 becomes −1e-38, so that 0.0 is larger."""
    by_name = {node.name: node for node in graph.node}
    found = False
    for node in graph.node:
        if node.op != "SelectV2":
            continue
        value = by_name.get(node.input[1].split(":")[0])
        if value is None or value.op != "Const" or node.attr["T"].type != 1:  # DT_FLOAT
            continue
        array = constant(value)
        if array.size and bool(np.all(array == _TINY)):
            _become_identity(node, node.input[2], 1)
            found = True
    return found
