"""Schemes that leave activations float: float16 weights, and int8 weights (dynamic range)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from litesmith.graph import DType, Graph, Op, Options, Tensor
from litesmith.graph.edit import fresh_name, map_graphs
from litesmith.graph.facts import FACTS
from litesmith.quantize.params import to_integers, weight_params

# What a DEQUANTIZE op and its tensor cost in a file; smaller constants are left alone.
_OVERHEAD_BYTES = 256
_PER_CHANNEL_BYTES = 12  # float32 scale and int64 zero point
# float16 keeps 11 significant bits only between these magnitudes.
_HALF_MAX = 65504.0
_HALF_MIN_NORMAL = 2.0**-14

# Where the hybrid kernel overtakes the float one, in multiply-accumulates per output pixel (LiteRT
# 2.3 with XNNPACK, x86-64 with AVX-512, one thread; benchmarks/hybrid_kernels.py measures it). Rows
# of a matrix product (1x1 convolutions, FULLY_CONNECTED) are quantized one by one, some 28 ns each
# and 0.2 ns per element, while a multiply-accumulate gets about 12 ps cheaper.
_ROW_MACS = 2300
_CHANNEL_MACS = 18
_SINGLE_ROW_MACS = 4096
# Larger windows quantize the whole input once.
_WINDOW_MACS = 300

# Operands of UNIDIRECTIONAL_SEQUENCE_LSTM: four matrices for x, four for h. Its hybrid kernel wants
# one scale per matrix.
_LSTM_MATRICES = range(1, 9)

# How a constant is stored for one use of it, None for "as it is"; uses of one kind share a copy.
Use = Callable[[Op, int, Tensor], "tuple[int, bool] | None"]
Replacement = Callable[[Tensor, "tuple[int, bool]"], "tuple[Tensor, Op | None]"]


def float16(graph: Graph) -> tuple[Graph, int]:
    """Return the graph with float32 constants stored as float16 behind DEQUANTIZE, and how many.

    The runtime expands them once when it loads the file, so speed is that of float32.
    """
    return _with_constants(graph, _half_use, _half)


def dynamic(graph: Graph) -> tuple[Graph, int]:
    """Return the graph with int8 per-channel weights, and how many.

    Ops with a hybrid kernel that is faster than float read the integers and quantize their input
    on the fly; the others (depthwise: 5 times slower hybrid than float) get a DEQUANTIZE that the
    runtime folds away when it loads the file.
    """
    return _with_constants(graph, _int8_use, _int8)


def _half_use(op: Op, position: int, tensor: Tensor) -> tuple[int, bool] | None:
    data = tensor.data
    if data is None or tensor.dtype is not DType.FLOAT32 or data.size * 2 < _OVERHEAD_BYTES:
        return None
    peak = float(np.abs(data).max())
    # Values that float16 cannot hold with its full precision stay what they are.
    if not np.isfinite(peak) or peak > _HALF_MAX or 0 < peak < 16 * _HALF_MIN_NORMAL:
        return None
    return 0, False


def _half(tensor: Tensor, use: tuple[int, bool]) -> tuple[Tensor, Op | None]:
    assert tensor.data is not None
    data = tensor.data.astype(np.float16)
    name = fresh_name(tensor.name, "float16")
    return _behind_dequantize(Tensor(name, tensor.shape, DType.FLOAT16, data), tensor)


def _int8_use(op: Op, position: int, tensor: Tensor) -> tuple[int, bool] | None:
    """Return (output-channel axis, whether the op reads the integers itself)."""
    if tensor.data is None or tensor.raw:
        return None
    if op.kind == "UNIDIRECTIONAL_SEQUENCE_LSTM" and position in _LSTM_MATRICES:
        saved = 3 * tensor.data.size - _PER_CHANNEL_BYTES * tensor.shape[0]
        return (0, False) if saved > _OVERHEAD_BYTES else None
    row = FACTS.get(op.kind)
    if row is None or row.weights is None or position != row.weights.index:
        return None
    axis = row.weights.axis
    saved = 3 * tensor.data.size - _PER_CHANNEL_BYTES * tensor.shape[axis]
    hybrid = row.hybrid and _runs_hybrid(op, tensor)
    return None if saved <= (0 if hybrid else _OVERHEAD_BYTES) else (axis, hybrid)


def _int8(tensor: Tensor, use: tuple[int, bool]) -> tuple[Tensor, Op | None]:
    assert tensor.data is not None
    axis, hybrid = use
    quant = weight_params(tensor.data, axis)
    low = tensor.with_(dtype=DType.INT8, data=to_integers(tensor.data, quant), quant=quant)
    return (low, None) if hybrid else _behind_dequantize(low, tensor)


def _runs_hybrid(op: Op, weights: Tensor) -> bool:
    """True where quantizing the input on the fly costs less than int8 weights win."""
    data = op.inputs[0]
    if data is None or (op.kind == "CONV_2D" and data.shape[-1] != weights.shape[-1]):
        return False  # grouped convolutions have no hybrid kernel
    channels = weights.shape[-1]
    pixel_macs = weights.data.size if weights.data is not None else 0
    if op.kind == "CONV_2D" and weights.shape[1:3] != (1, 1):
        return pixel_macs >= _WINDOW_MACS
    rows = math.prod(data.shape) // max(channels, 1)
    return pixel_macs >= (_ROW_MACS + _CHANNEL_MACS * channels if rows > 1 else _SINGLE_ROW_MACS)


def _behind_dequantize(low: Tensor, high: Tensor) -> tuple[Tensor, Op | None]:
    wide = high.with_(data=None, quant=None)
    options = Options("DequantizeOptions", MappingProxyType({}))
    version = 3 if low.dtype is DType.FLOAT16 else 5
    return wide, Op("DEQUANTIZE", (low,), (wide,), options, version=version)


def _with_constants(graph: Graph, use_of: Use, replace: Replacement) -> tuple[Graph, int]:
    """Replace float constants of all ops; uses of the same kind share one replacement."""
    total = 0

    def change(part: Graph) -> Graph:
        nonlocal total
        done: dict[tuple[Tensor, tuple[int, bool]], Tensor] = {}
        ops: list[Op] = []
        for op in part.ops:
            inputs = list(op.inputs)
            for position, tensor in enumerate(op.inputs):
                if tensor is None or not tensor.is_constant or tensor.dtype is not DType.FLOAT32:
                    continue
                use = use_of(op, position, tensor)
                if use is None:
                    continue
                if (tensor, use) not in done:
                    done[tensor, use], expand = replace(tensor, use)
                    total += 1
                    ops += [expand] if expand is not None else []
                inputs[position] = done[tensor, use]
            ops.append(_hybrid_options(op.with_(inputs=tuple(inputs))))
        return part.with_(ops=tuple(ops))

    return map_graphs(graph, change), total


def _hybrid_options(op: Op) -> Op:
    """Set what the hybrid kernels want; XNNPACK takes FULLY_CONNECTED only with this flag."""
    row = FACTS.get(op.kind)
    if row is None or row.weights is None or not row.hybrid or op.options is None:
        return op
    data, weights = op.input(row.activations[0]), op.input(row.weights.index)
    if data is None or weights is None:
        return op
    if (data.dtype, weights.dtype) != (DType.FLOAT32, DType.INT8):
        return op
    if "asymmetric_quantize_inputs" in op.options.fields:
        op = op.with_(options=op.options.with_(asymmetric_quantize_inputs=True))
    return op.with_(version=max(op.version, _HYBRID_VERSION.get(op.kind, 1)))


_HYBRID_VERSION = {"CONV_2D": 5, "FULLY_CONNECTED": 9}
