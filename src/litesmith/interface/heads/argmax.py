"""`argmax`: the index of the largest value along the last axis, int32; the first one of equals.

A softmax in front is left out: it keeps the order, and an integer graph keeps more of it before
the softmax than behind.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.interface.heads.final import final, refuse_others
from litesmith.interface.heads.head import Head, Made, Reading
from litesmith.interface.heads.settle import settled
from litesmith.interface.translation import Batch

_INT32 = 2  # schema: TensorType
_KEEPS_ORDER = ("SOFTMAX", "LOG_SOFTMAX")


def _make(graph: Graph, tensor: Tensor, _: float) -> Made:
    refuse_others(tensor, "argmax", rank=2)
    scores, ops = _scores(graph, tensor)
    signature = None if tensor.shape_signature is None else tensor.shape_signature[:-1]
    name = fresh_name(tensor.name, "argmax")
    index = Tensor(name, tensor.shape[:-1], DType.INT32, shape_signature=signature)
    axis = make_constant(f"{name}/axis", len(tensor.shape) - 1, DType.INT32)
    op = make_op("ARG_MAX", (scores, axis), (index,), output_type=_INT32)
    why = f"argmax over {tensor.shape[-1]} values"
    if scores is not tensor:
        why += ", without the softmax in front"
    return Made((("", index),), (*ops, op), why, Reading(_read, _answer, _seen))


def _scores(graph: Graph, tensor: Tensor) -> tuple[Tensor, tuple[Op, ...]]:
    """Return a tensor with the same order of values, computed with less, and the ops for it."""
    end = final(graph, tensor)
    if end is None or end.activation not in _KEEPS_ORDER or end.row != tensor.shape[-1]:
        return tensor, ()
    source = end.op.inputs[0]
    if source is None or end.op.option("beta", 1.0) <= 0:
        return tensor, ()
    return end.carried(source, "scores")


def _read(spec: TensorSpec) -> tuple[TensorSpec, ...]:
    classes = spec.shape[-1] or 0
    return (replace(spec, shape=spec.shape[:-1], dtype="int32", holds="class", classes=classes),)


def _answer(values: Array) -> list[Array]:
    return [np.argmax(values, axis=-1).astype(np.int32)]


def _seen(answers: Batch, values: Array) -> list[Array]:
    wanted = _answer(values)[0][..., np.newaxis]
    return [settled(answers[0][..., np.newaxis], wanted, values)[..., 0]]


ARGMAX = Head("argmax", "", "index of the largest value", _make)
