"""Ops without a kernel: LiteRT runs them, one example after the other, without a gradient.

What such an op reads is not trained through it; the rest of the graph is. Its constants are those
of the graph, whatever the evaluation's hooks make of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from types import MappingProxyType

import tensorflow as tf

from litesmith.errors import ConversionError
from litesmith.graph import Array, Graph, Op, Tensor, write
from litesmith.kernels.table import kernel_of
from litesmith.kernels.value import Call, Value, batched, example_count
from litesmith.kernels.variables import stateless
from litesmith.runtime import Session

# Kinds that have no kernel, and why. A kind in neither table is one that nobody has looked at.
FROZEN: Mapping[str, str] = MappingProxyType(
    {
        "BITCAST": "bits have no gradient",
        "BUCKETIZE": "numbers of intervals have no gradient",
        "DENSIFY": "sparse weights are not trained",
        "EMBEDDING_LOOKUP_SPARSE": "no converter writes it any more",
        "HASHTABLE": "tables of words stay outside of the graph",
        "HASHTABLE_FIND": "tables of words stay outside of the graph",
        "HASHTABLE_IMPORT": "tables of words stay outside of the graph",
        "HASHTABLE_SIZE": "tables of words stay outside of the graph",
        "MULTINOMIAL": "random choices have no gradient",
        "NON_MAX_SUPPRESSION_V4": "which boxes stay has no gradient",
        "NON_MAX_SUPPRESSION_V5": "which boxes stay has no gradient",
        "RANDOM_STANDARD_NORMAL": "random numbers have no gradient",
        "RANDOM_UNIFORM": "random numbers have no gradient",
        "UNIQUE": "how many values there are depends on the example",
        "WHERE": "how many places there are depends on the example",
    }
)
# What one op hands to another outside of any tensor; one op alone means nothing.
_RESOURCES = ("HASHTABLE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
# How large their results are differs between examples: there is no tensor that holds many of them.
_RAGGED = frozenset({"UNIQUE", "WHERE"})


def frozen_ops(graph: Graph) -> tuple[Op, ...]:
    """Return the ops of a graph, called graphs included, that have no kernel."""
    ops = (op for called in stateless(graph).graphs() for op in called.ops)
    return tuple(op for op in ops if kernel_of(op.kind) is None)


def frozen(call: Call) -> tuple[Value, ...]:
    """Return what LiteRT computes.

    Raises:
        ConversionError: the op shares state with others outside of any tensor, or how large its
            results are depends on the example.
    """
    op = call.op
    if op.kind.startswith(_RESOURCES):
        raise ConversionError(
            f"{op.kind} keeps values outside of the graph, so the graph cannot be evaluated.",
            "Convert the model again from its source: state becomes inputs and outputs.",
        )
    if op.kind in _RAGGED and call.batched:
        raise ConversionError(
            f"How many values {op.kind} yields depends on the example, so many examples cannot be"
            " evaluated at once.",
            "Cut the model before it (`--cut`), or leave out what needs its graph evaluated.",
        )
    fed = tuple(dict.fromkeys(t for t in op.inputs if t is not None and _is_fed(t)))
    by_tensor = {t: v for t, v in zip(op.inputs, call.values, strict=True) if v is not None}
    values = [by_tensor[t] for t in fed]
    many = any(v.batched for v in values)
    count = example_count(call) if many else 1
    tensors = [batched(v, count) for v in values]
    types = [tf.as_dtype(t.dtype.numpy) for t in op.outputs]
    found = tf.numpy_function(lambda *arrays: _run(op, fed, arrays), tensors, types)
    found = found if isinstance(found, list) else [found]  # eagerly, one result comes unwrapped
    return tuple(_shaped(made, t, many) for made, t in zip(found, op.outputs, strict=True))


def _is_fed(tensor: Tensor) -> bool:
    """False for what the file holds, and for state, which LiteRT keeps and forgets."""
    return not tensor.is_constant and not tensor.is_variable


def _shaped(made: tf.Tensor, tensor: Tensor, many: bool) -> Value:
    open_or = tensor.shape_signature or tensor.shape
    made = tf.stop_gradient(
        tf.ensure_shape(made, (None, *(None if d == -1 else d for d in open_or)))
    )
    return Value(made if many else made[0], many)


_LOCK = Lock()


def _run(op: Op, fed: tuple[Tensor, ...], arrays: tuple[Array, ...]) -> list[Array]:
    """Return per result the examples, (B, *shape); TensorFlow may call from several threads."""
    with _LOCK:
        return _session(op, fed).raw(arrays)


@lru_cache(maxsize=64)
def _session(op: Op, fed: tuple[Tensor, ...]) -> Session:
    return Session(write(Graph(fed, op.outputs, (op,))))
