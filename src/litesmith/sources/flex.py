"""Files with select-TF ("Flex") ops, run without the Flex delegate, which no package here carries.

A stretch of builtin ops runs on LiteRT, each Flex op on TensorFlow's own kernel, which is what the
delegate would call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.errors import ConversionError, InputError, LitesmithError, LoadError
from litesmith.graph import DType, Graph, Op, Tensor, read, write
from litesmith.graph.flex import PREFIX, flex_node, flex_ops, is_flex
from litesmith.runtime import Port, Session
from litesmith.sources.hostile import refuse_hostile
from litesmith.sources.reasons import reason

Array = npt.NDArray[Any]
_OPAQUE = frozenset({DType.STRING, DType.RESOURCE, DType.VARIANT})


class FlexSession:
    """What `Session` is for other files; needs TensorFlow.

    Args:
        model: the file.

    Raises:
        ConversionError: it cannot be run this way: text, resources, ops inside of a loop, or state.
    """

    def __init__(self, model: bytes) -> None:
        graph = read(model)
        _refuse(graph)
        self._graph = graph
        self.inputs = tuple(map(_port, graph.inputs))
        self.outputs = tuple(map(_port, graph.outputs))
        self._parts = [_Part(graph, ops) for ops in _stretches(graph)]

    def run(self, batch: Sequence[Array], size: int | None = None) -> list[Array]:
        """Run each example of a batch in turn; arguments and result as `Session.run`."""
        for x, port in zip(batch, self.inputs, strict=True):
            if math.prod(np.shape(x)[1:]) != math.prod(port.shape):
                raise InputError(
                    f"The input '{port.name}' takes {port.shape}, whole: a file with select-TF ops "
                    "is not fed single examples of a larger batch."
                )
        rows: list[list[Array]] = [[] for _ in self.outputs]
        for i in range(len(batch[0])):
            example = [x[i] for x in batch]
            for kept, value, port in zip(rows, self._run(example), self.outputs, strict=True):
                kept.append(value[0] if port.shape[:1] == (1,) else value)
        return [np.stack(kept) for kept in rows]

    def _run(self, example: Sequence[Array]) -> list[Array]:
        values: dict[Tensor, Array] = {
            tensor: np.asarray(x, port.dtype).reshape(port.shape)
            for tensor, x, port in zip(self._graph.inputs, example, self.inputs, strict=True)
        }
        for part in self._parts:
            values.update(part.run(values))
        return [_value(tensor, values) for tensor in self._graph.outputs]


class _Part:
    """Ops that run together: one select-TF op, or builtin ones up to the next."""

    def __init__(self, graph: Graph, ops: tuple[Op, ...]) -> None:
        made = {tensor for op in ops for tensor in op.outputs}
        read_ = [t for op in ops for t in op.inputs if t is not None]
        inside = set(ops)
        later = {t for op in graph.ops if op not in inside for t in op.inputs if t is not None}
        later.update(graph.outputs)
        single = ops[0] if is_flex(ops[0]) else None
        outside = dict.fromkeys(t for t in read_ if t not in made and not t.is_constant)
        self._inputs = tuple(read_) if single else tuple(outside)
        self._outputs = single.outputs if single else tuple(t for t in made if t in later)
        self._call: Callable[[Sequence[Array]], Sequence[Any]] = (
            _tensorflow(single) if single else _litert(ops, self._inputs, self._outputs)
        )

    def run(self, values: dict[Tensor, Array]) -> dict[Tensor, Array]:
        """Return the values of the outputs."""
        answers = self._call([_value(tensor, values) for tensor in self._inputs])
        return dict(zip(self._outputs, map(np.asarray, answers), strict=True))


def _stretches(graph: Graph) -> list[tuple[Op, ...]]:
    found: list[tuple[Op, ...]] = []
    builtin: list[Op] = []
    for op in graph.ops:
        if is_flex(op):
            found += [tuple(builtin)] if builtin else []
            found.append((op,))
            builtin = []
        else:
            builtin.append(op)
    return [*found, tuple(builtin)] if builtin else found


def _litert(
    ops: tuple[Op, ...], inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
) -> Callable[[Sequence[Array]], Sequence[Any]]:
    session = Session(write(Graph(inputs, outputs, ops)))

    def call(arrays: Sequence[Array]) -> Sequence[Any]:
        session.reset()
        session.feed(arrays)
        session.invoke()
        return session.fetch()

    return call


def _tensorflow(op: Op) -> Callable[[Sequence[Array]], Sequence[Any]]:
    """Return a select-TF op as TensorFlow's own kernel; its NodeDef is in the custom options."""
    kind = op.kind.removeprefix(PREFIX)
    try:
        function = _function(op)
    except LitesmithError:
        raise
    except Exception as error:  # the adapter of what a damaged node makes TensorFlow raise
        raise LoadError(f"The .tflite's op {kind} is damaged: {reason(error)}.") from error

    def call(arrays: Sequence[Array]) -> Sequence[Any]:
        try:
            return [y.numpy() for y in function(arrays)]
        except Exception as error:  # the adapter of TensorFlow's kernels
            raise InputError(f"{kind} cannot compute with its inputs: {reason(error)}.") from error

    return call


def _function(op: Op) -> Callable[[Sequence[Array]], Sequence[Any]]:
    import tensorflow as tf

    from litesmith.sources.graphdef import Frozen, as_function

    node = tf.compat.v1.NodeDef.FromString(flex_node(op))
    refuse_hostile([node], "The .tflite")
    graph = tf.compat.v1.GraphDef()
    feeds = [f"in_{i}" for i in range(len(op.inputs))]
    for feed, tensor in zip(feeds, op.inputs, strict=True):
        assert tensor is not None
        placeholder = graph.node.add(name=feed, op="Placeholder")
        placeholder.attr["dtype"].type = tf.as_dtype(tensor.dtype.numpy).as_datatype_enum
        placeholder.attr["shape"].shape.unknown_rank = True
    del node.input[:]
    node.input.extend(feeds)
    node.name = "op"
    graph.node.add().CopyFrom(node)
    fetches = tuple(f"op:{i}" for i in range(len(op.outputs)))
    function = as_function(Frozen(graph, tuple(f"{feed}:0" for feed in feeds), fetches))
    return lambda arrays: function(*map(tf.constant, arrays))


def _value(tensor: Tensor, values: dict[Tensor, Array]) -> Array:
    return tensor.data if tensor.data is not None else values[tensor]


def _refuse(graph: Graph) -> None:
    listed = ", ".join(flex_ops(graph))
    opaque = any(
        t is not None and t.dtype in _OPAQUE for op in graph.ops for t in (*op.inputs, *op.outputs)
    )
    nested = any(is_flex(o) for p in list(graph.graphs())[1:] for o in p.ops)
    state = any(t.is_variable for t in graph.tensors())
    why = (
        "they work on text or resources" if opaque
        else "they are inside of a loop or branch" if nested
        else "they keep state" if state
        else ""
    )  # fmt: skip
    if why:
        raise ConversionError(
            f"The file would need TensorFlow's own kernels ({listed}), and no runtime here can "
            f"prove it: {why}.",
            "Cut them off with --input LAYER, or convert without litesmith.",
        )


def _port(tensor: Tensor) -> Port:
    return Port(tensor.name, tensor.shape, np.dtype(tensor.dtype.numpy).name, None, None)


def session_of(model: bytes) -> Session | FlexSession:
    """Return what runs a file: LiteRT, with TensorFlow's help for select-TF ops.

    Raises:
        LoadError: LiteRT refuses it. ConversionError: its select-TF ops cannot be run.
    """
    try:
        return Session(model)
    except LoadError:
        if not flex_ops(read(model)):
            raise
        return FlexSession(model)
