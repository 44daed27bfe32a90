"""What an integer graph should compute: the same in float, on the values its integers mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.graph import DType, Graph, Op, QuantParams, Tensor
from tests.support.graphs import execute

Array = npt.NDArray[Any]
_CONVERT = ("QUANTIZE", "DEQUANTIZE")


def real(values: Array, quant: QuantParams) -> Array:
    """Return the real values of integers, float32."""
    shape = [1] * values.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    zero, scale = quant.zero_point.reshape(shape), quant.scale.astype(np.float64).reshape(shape)
    if quant.scale.size == 1:
        zero, scale = zero.reshape(()), scale.reshape(())
    return np.asarray((values.astype(np.int64) - zero) * scale, np.float32)


def integers(values: Array, quant: QuantParams, dtype: DType) -> Array:
    """Return the nearest integers of real values, int64, clipped to the type."""
    info = np.iinfo(dtype.numpy)
    steps = np.rint(values.astype(np.float64) / np.float64(quant.scale[0])) + quant.zero_point[0]
    return np.clip(np.nan_to_num(steps, posinf=1e9, neginf=-1e9), info.min, info.max).astype(
        np.int64
    )


def float_form(graph: Graph) -> Graph:
    """Return the float graph of an integer one: the same constants, no rounding in between."""
    swap: dict[Tensor, Tensor] = {}

    def new(t: Tensor) -> Tensor:
        if t not in swap:
            swap[t] = t
            if t.quant is not None and t.quant.scale.size and not t.dtype.is_float:
                data = None if t.data is None else real(t.data, t.quant)
                swap[t] = t.with_(dtype=DType.FLOAT32, data=data, quant=None)
        return swap[t]

    ops: list[Op] = []
    for op in graph.ops:
        inputs = tuple(None if t is None else new(t) for t in op.inputs)
        if op.kind in _CONVERT and inputs[0] is not None:
            swap[op.outputs[0]] = inputs[0]
        else:
            ops.append(op.with_(inputs=inputs, outputs=tuple(map(new, op.outputs))))
    outputs = tuple(map(new, graph.outputs))
    return Graph(tuple(map(new, graph.inputs)), outputs, tuple(ops))


def expected(graph: Graph, fed: Sequence[Array]) -> list[Array]:
    """Return what the integer graph's outputs should be, int64 for quantized ones.

    Args:
        graph: integer graph.
        fed: per input raw values (count, *shape).
    """
    values = [
        real(a, t.quant) if t.quant is not None and t.dtype is not DType.FLOAT32 else a
        for t, a in zip(graph.inputs, fed, strict=True)
    ]
    return [
        integers(value, t.quant, t.dtype) if t.quant is not None and t.quant.scale.size else value
        for t, value in zip(graph.outputs, execute(float_form(graph), values), strict=True)
    ]
