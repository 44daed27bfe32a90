"""`argmax`: the index of the largest value along the last axis, int32; the first one of equals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.interface.heads.head import Head, Made

_INT32 = 2  # schema: TensorType


def _make(graph: Graph, tensor: Tensor, _: float) -> Made:
    if len(tensor.shape) < 2 or tensor.dtype is not DType.FLOAT32:
        raise ConversionError(
            f"--head argmax needs an output of several values, and '{tensor.name}' is "
            f"{tensor.dtype.value}{list(tensor.shape)}.",
            "Name the outputs it is meant for: --head NAME:argmax.",
        )
    signature = None if tensor.shape_signature is None else tensor.shape_signature[:-1]
    name = fresh_name(tensor.name, "argmax")
    index = Tensor(name, tensor.shape[:-1], DType.INT32, shape_signature=signature)
    axis = make_constant(f"{name}/axis", len(tensor.shape) - 1, DType.INT32)
    op = make_op("ARG_MAX", (tensor, axis), (index,), output_type=_INT32)
    return Made((("", index),), (op,), f"argmax over {tensor.shape[-1]} values")


def _read(spec: TensorSpec, _: float) -> tuple[TensorSpec, ...]:
    return (replace(spec, shape=spec.shape[:-1], dtype="int32"),)


def _answer(values: Array, _: float) -> list[Array]:
    return [np.argmax(values, axis=-1).astype(np.int32)]


ARGMAX = Head("argmax", "", "index of the largest value", _make, _read, _answer)
