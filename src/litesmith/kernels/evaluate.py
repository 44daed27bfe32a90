"""A graph as a differentiable TensorFlow function, op by op, many examples at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import tensorflow as tf

from litesmith.graph import Array, DType, Graph, Op, Tensor
from litesmith.kernels.frozen import frozen
from litesmith.kernels.table import kernel_of
from litesmith.kernels.value import Call, DeclinedError, TfTensor, Value
from litesmith.kernels.variables import stateless


def _keep_constant(tensor: Tensor) -> TfTensor | None:
    return None


def _keep_result(op: Op, tensor: Tensor, value: Value) -> Value:
    return value


def _keep_feed(tensor: Tensor, value: Value) -> Value:
    return value


@dataclass(frozen=True)
class Hooks:
    """What to change on the way.

    Attributes:
        constant: constant of the graph → its value (trainable, quantized …), None for what the
            graph holds.
        result: op, its output and the value computed → the value that goes on (rounded, tapped …).
        feed: tensor and the value fed for it → the value that goes on.
    """

    constant: Callable[[Tensor], TfTensor | None] = _keep_constant
    result: Callable[[Op, Tensor, Value], Value] = _keep_result
    feed: Callable[[Tensor, Value], Value] = _keep_feed


_NO_HOOKS = Hooks()


@tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
def evaluate(
    graph: Graph,
    feeds: Mapping[Tensor, TfTensor],
    hooks: Hooks = _NO_HOOKS,
    wanted: Iterable[Tensor] | None = None,
) -> dict[Tensor, Value]:
    """Return the values of the graph's outputs for a batch of examples.

    Args:
        graph: any graph; its shapes stay as they are, each activation gets one leading axis more.
        feeds: per input of the graph, or inner tensor in its place, the examples, (B, *shape).
        hooks: what to change on the way.
        wanted: tensors of `graph` to return instead of its outputs, inner ones among them; ops
            that none of them needs are not computed.
    """
    state = {t: hooks.feed(t, Value(tf.convert_to_tensor(v), True)) for t, v in feeds.items()}
    found = tuple(graph.outputs if wanted is None else wanted)
    _evaluate(stateless(graph), state, hooks, found)
    return {t: _value(t, state, hooks) for t in found}


def _evaluate(
    graph: Graph, state: dict[Tensor, Value], hooks: Hooks, wanted: Iterable[Tensor]
) -> None:
    """Add the values of all needed tensors to the state."""

    def run(called: Graph, values: tuple[Value, ...]) -> tuple[Value, ...]:
        inner = dict(zip(called.inputs, values, strict=True))
        _evaluate(called, inner, hooks, called.outputs)
        return tuple(_value(t, inner, hooks) for t in called.outputs)

    for op in _needed(graph, wanted, state):
        values = tuple(None if t is None else _value(t, state, hooks) for t in op.inputs)
        results = _computed(Call(op, values, run))
        for tensor, value in zip(op.outputs, results, strict=True):
            state[tensor] = hooks.result(op, tensor, value)


def _needed(graph: Graph, wanted: Iterable[Tensor], known: Collection[Tensor]) -> list[Op]:
    """Return the ops that the wanted tensors depend on, in order; what is known needs none."""
    need = set(wanted)
    kept = []
    for op in reversed(graph.ops):
        if any(t in need and t not in known for t in op.outputs):
            kept.append(op)
            need.update(t for t in op.inputs if t is not None)
    return kept[::-1]


def _computed(call: Call) -> tuple[Value, ...]:
    """Return the results; integers that follow from known ones are known themselves.

    Shapes are computed by chains of ops from what SHAPE says, and kernels need their numbers while
    a function is traced.
    """
    known = _known(call)
    if known is None:
        return _by_kernel(call)
    with tf.init_scope():
        return _by_kernel(replace(call, values=tuple(map(_number, known))))


def _known(call: Call) -> list[Array | None] | None:
    """Return all operands as arrays, None where not all are known or nothing is gained."""
    if tf.executing_eagerly() or call.batched or call.op.subgraphs:
        return None
    if not call.values or any(t.dtype.is_float for t in call.op.outputs):
        return None
    found = [None if v is None else tf.get_static_value(v.tensor) for v in call.values]
    gaps = (a is None and v is not None for a, v in zip(found, call.values, strict=True))
    return None if any(gaps) else found


def _number(array: Array | None) -> Value | None:
    return None if array is None else Value(tf.constant(array), False)


def _by_kernel(call: Call) -> tuple[Value, ...]:
    kernel = kernel_of(call.op.kind)
    if kernel is not None:
        try:
            return kernel(call)
        except DeclinedError:
            pass
    return frozen(call)


def _value(tensor: Tensor, state: dict[Tensor, Value], hooks: Hooks) -> Value:
    """Return a value known so far; constants are made when they are first read."""
    if tensor not in state:
        replaced = _zeros(tensor) if _is_state(tensor) else hooks.constant(tensor)
        state[tensor] = Value(constant(tensor) if replaced is None else replaced, False)
    return state[tensor]


def _is_state(tensor: Tensor) -> bool:
    """True for what an op keeps from one invocation to the next; every example starts at 0."""
    return tensor.is_variable and tensor.data is None


def _zeros(tensor: Tensor) -> TfTensor:
    return tf.zeros(tensor.shape, tf.as_dtype(tensor.dtype.numpy))


def constant(tensor: Tensor) -> TfTensor:
    """Return what a graph's constant holds, as a tf.Tensor of its element type."""
    assert tensor.data is not None, f"'{tensor.name}' has no value yet"
    if tensor.dtype is DType.BFLOAT16:
        return tf.bitcast(tf.constant(tensor.data), tf.bfloat16)
    return tf.constant(tensor.data)
