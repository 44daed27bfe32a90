"""`topk=K`: the K largest values along the last axis and their indices, int32.

In descending order; of equal values the one with the lower index comes first. The indices are an
output of their own, NAME_indices, behind the values.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.interface.heads.final import refuse_others
from litesmith.interface.heads.head import Head, Made, Reading
from litesmith.interface.heads.settle import settled
from litesmith.interface.translation import Batch

_SUFFIX = "_indices"


def _make(graph: Graph, tensor: Tensor, argument: float) -> Made:
    refuse_others(tensor, f"topk={argument:g}", rank=2)
    count, among = int(argument), tensor.shape[-1]
    if count != argument or not 1 <= count <= among:
        raise ConversionError(
            f"--head topk={argument:g}: '{tensor.name}' has {among} values to choose from.",
            f"K is a whole number from 1 to {among}.",
        )
    values, indices = (
        Tensor(
            fresh_name(tensor.name, what),
            (*tensor.shape[:-1], count),
            dtype,
            shape_signature=_sized(tensor.shape_signature, count),
        )
        for what, dtype in (("top", DType.FLOAT32), ("top_indices", DType.INT32))
    )
    k = make_constant(f"{values.name}/k", count, DType.INT32)
    op = make_op("TOPK_V2", (tensor, k), (values, indices))
    reading = Reading(
        lambda spec: _read(spec, count),
        lambda batch: _answer(batch, count),
        lambda answers, batch: _seen(answers, batch, count),
    )
    why = f"the {count} largest of {among} values, and their indices"
    return Made((("", values), (_SUFFIX, indices)), (op,), why, reading)


def _sized(signature: tuple[int, ...] | None, count: int) -> tuple[int, ...] | None:
    return None if signature is None else (*signature[:-1], count)


def _read(spec: TensorSpec, count: int) -> tuple[TensorSpec, ...]:
    shape = (*spec.shape[:-1], count)
    classes = spec.shape[-1] or 0
    return (
        replace(spec, shape=shape, holds="ranked"),
        replace(
            spec,
            name=spec.name + _SUFFIX,
            shape=shape,
            dtype="int32",
            holds="ranking",
            classes=classes,
        ),
    )


def _answer(values: Array, count: int) -> list[Array]:
    order = np.argsort(-values, axis=-1, kind="stable")[..., :count]
    return [np.take_along_axis(values, order, -1), order.astype(np.int32)]


def _seen(answers: Batch, values: Array, count: int) -> list[Array]:
    return [answers[0], settled(answers[1], _answer(values, count)[1], values)]


TOPK = Head("topk", "K", "the K largest values and their indices", _make)
