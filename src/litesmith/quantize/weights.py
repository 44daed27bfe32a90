"""Schemes that leave activations float: float16, int8 and int4 weights.

How an op stores a constant is a `Stored`; `_stored` picks it from the bits that were asked for and
from what LiteRT's kernels do fast: integers that the op reads itself (hybrid kernels quantize their
input on the fly), or integers behind a DEQUANTIZE, for which arithmetic stays float.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from litesmith.graph import Array, Blockwise, DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.build import make_op
from litesmith.graph.edit import fresh_name, map_graphs, substitute
from litesmith.graph.facts import FACTS
from litesmith.graph.integers import integer_dtype, to_integers
from litesmith.quantize.params import best_clip, weight_params

# What a DEQUANTIZE op and its tensor cost in a file; smaller constants are left alone.
_OVERHEAD_BYTES = 256
_HALF = 16  # bits of float16
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

# LiteRT's block-wise kernel takes blocks of 32 (or multiples) and answers 0 for fewer results
# than four, whatever it was asked.
_BLOCK = 32
_BLOCKWISE_ROWS = 4


@dataclass(frozen=True)
class Stored:
    """How one constant is stored for one use of it.

    Attributes:
        bits: 16 (float16), 8 or 4.
        axis: output-channel axis, the one that scales run along.
        hybrid: the op reads the integers itself; else they are expanded by a DEQUANTIZE.
        block: elements of the last axis that share a scale, 0 for one scale per channel.
    """

    bits: int
    axis: int = 0
    hybrid: bool = False
    block: int = 0


def store(
    graph: Graph, bits_of: Callable[[Op], int], hybrid: bool
) -> tuple[Graph, Mapping[int, int]]:
    """Return the graph with constants stored in fewer bits, and bits → how many were.

    Ops with a hybrid kernel that is faster than float read the integers and quantize their input
    on the fly; the others (depthwise: 5 times slower hybrid than float) get a DEQUANTIZE that the
    runtime folds away when it loads the file (not from int4: see `kernel_table`).

    Args:
        graph: float graph, or an integer one with float ops left in it; weights that are annotated
            (`annotated_weights`) keep their scales.
        bits_of: op → 32 (as it is), 16 (float16), 8 or 4.
        hybrid: allow kernels that quantize their input.
    """
    counts: Counter[int] = Counter()

    def change(part: Graph) -> Graph:
        done: dict[tuple[Tensor, Stored], Tensor] = {}
        ops: list[Op] = []
        for op in part.ops:
            inputs = list(op.inputs)
            for position, tensor in enumerate(op.inputs):
                if tensor is None or not tensor.is_constant or tensor.dtype is not DType.FLOAT32:
                    continue
                form = _stored(op, position, tensor, bits_of(op), hybrid)
                if form is None:
                    inputs[position] = tensor if tensor.quant is None else tensor.with_(quant=None)
                    continue
                if tensor.quant is not None:  # it was trained for one scale per channel
                    form = replace(form, block=0)
                if (tensor, form) not in done:
                    done[tensor, form], expand = _replaced(tensor, form)
                    counts[form.bits] += 1
                    ops += [expand] if expand is not None else []
                inputs[position] = done[tensor, form]
            ops.append(_hybrid_options(op.with_(inputs=tuple(inputs))))
        return part.with_(ops=tuple(ops))

    return map_graphs(graph, change), counts


def annotated_weights(graph: Graph, bits_of: Callable[[Op], int], hybrid: bool) -> Graph:
    """Return the float graph whose weights say what `store` will make of them, to train them.

    Blocks are left out: one scale per channel is what training learns. The graph itself comes back
    when it has no such weights.
    """

    def change(part: Graph) -> Graph:
        swap: dict[Tensor, Tensor] = {}
        for op in part.ops:
            for position, tensor in enumerate(op.inputs):
                if tensor is None or not tensor.is_constant or tensor.dtype is not DType.FLOAT32:
                    continue
                form = _stored(op, position, tensor, bits_of(op), hybrid)
                if form is not None and form.bits < _HALF and tensor.data is not None:
                    quant = weight_params(tensor.data, form.axis, bits=form.bits)
                    swap.setdefault(tensor, tensor.with_(quant=quant))
        return substitute(part, swap) if swap else part

    return map_graphs(graph, change)


def dynamic(graph: Graph) -> tuple[Graph, int]:
    """Return the graph with int8 per-channel weights of its float ops, and how many."""
    changed, counts = store(graph, lambda _: 8, hybrid=True)
    return changed, sum(counts.values())


def _stored(op: Op, position: int, tensor: Tensor, bits: int, hybrid: bool) -> Stored | None:
    """Return the fastest form with these bits that is no loss, None for "as it is"."""
    data = tensor.data
    if data is None or tensor.raw or bits > _HALF:
        return None
    if bits == _HALF:
        return Stored(bits) if _fits_half(data) else None
    if op.kind == "UNIDIRECTIONAL_SEQUENCE_LSTM" and position in _LSTM_MATRICES:
        form = Stored(8, 0, hybrid=False)
        return form if _saves(tensor, form) else None
    row = FACTS.get(op.kind)
    if row is None or row.weights is None or position != row.weights.index:
        return None
    fast = hybrid and row.hybrid and _runs_hybrid(op, tensor)
    form = Stored(8, row.weights.axis, fast)
    if bits < 8 and op.kind in FOUR_BIT:
        form = _four_bit(op, tensor, row.weights.axis, hybrid)
    return form if _saves(tensor, form) else None


# Ops with weights worth a nibble and kernels that read them: depthwise ones have few weights and a
# kernel six times slower than that of int8, transposed convolutions have none.
FOUR_BIT = frozenset({"CONV_2D", "FULLY_CONNECTED"})


def _four_bit(op: Op, weights: Tensor, axis: int, hybrid: bool) -> Stored:
    # Behind a DEQUANTIZE int4 keeps the op off XNNPACK, which is slower than any hybrid kernel.
    reads = hybrid and not _grouped(op, weights)
    if op.kind != "FULLY_CONNECTED" or not reads:
        return Stored(4, axis, reads)
    rows, columns = weights.shape
    if columns % _BLOCK == 0 and rows >= _BLOCKWISE_ROWS:
        return Stored(4, axis, reads, _BLOCK)
    return Stored(4, axis, reads)


def _saves(tensor: Tensor, form: Stored) -> bool:
    """True when the file gets smaller."""
    assert tensor.data is not None
    scales = 2 * tensor.data.size // form.block if form.block else 0
    scales = scales or _PER_CHANNEL_BYTES * tensor.shape[form.axis]
    saved = tensor.data.size * (4 - form.bits / 8) - scales
    return saved > (0 if form.hybrid else _OVERHEAD_BYTES)


def _fits_half(data: Array) -> bool:
    if data.size * 2 < _OVERHEAD_BYTES:
        return False
    peak = float(np.abs(data).max())
    # Values that float16 cannot hold with its full precision stay what they are.
    return np.isfinite(peak) and peak <= _HALF_MAX and not 0 < peak < 16 * _HALF_MIN_NORMAL


def _replaced(tensor: Tensor, form: Stored) -> tuple[Tensor, Op | None]:
    """Return what the op reads in place of a constant, and the op that expands it, if any."""
    assert tensor.data is not None
    if form.bits == _HALF:
        name = fresh_name(tensor.name, "float16")
        half = Tensor(name, tensor.shape, DType.FLOAT16, tensor.data.astype(np.float16))
        return _behind_dequantize(half, tensor)
    if form.block:
        return _in_blocks(tensor, form), None
    quant = tensor.quant or weight_params(tensor.data, form.axis, bits=form.bits)
    low = tensor.with_(
        dtype=integer_dtype(quant), data=to_integers(tensor.data, quant), quant=quant
    )
    return (low, None) if form.hybrid else _behind_dequantize(low, tensor)


def _in_blocks(tensor: Tensor, form: Stored) -> Tensor:
    """Return int4 weights with a float16 scale per block of the last axis."""
    assert tensor.data is not None
    blocks = tensor.data.reshape(-1, form.block)
    top = 2 ** (form.bits - 1) - 1
    peak = np.abs(blocks).max(1) * best_clip(blocks, 0, top)
    # A scale that float16 rounds to 0 would lose the block: its smallest normal one serves.
    scale = np.maximum(peak / top, _HALF_MIN_NORMAL).astype(np.float16)
    data = np.clip(np.rint(blocks / scale[:, None].astype(np.float64)), -top, top).astype(np.int8)
    shape = (tensor.shape[0], tensor.shape[1] // form.block)
    name = fresh_name(tensor.name, "scales")
    scales = Tensor(name, shape, DType.FLOAT16, scale.reshape(shape))
    empty = np.zeros(0, np.float32), np.zeros(0, np.int64)
    quant = QuantParams(*empty, 0, form.bits, blockwise=Blockwise(scales, None, form.block))
    return tensor.with_(dtype=DType.INT4, data=data.reshape(tensor.shape), quant=quant)


def _grouped(op: Op, weights: Tensor) -> bool:
    """True for grouped convolutions, which have no hybrid kernel."""
    data = op.inputs[0]
    return data is None or (op.kind == "CONV_2D" and data.shape[-1] != weights.shape[-1])


def _runs_hybrid(op: Op, weights: Tensor) -> bool:
    """True where quantizing the input on the fly costs less than int8 weights win."""
    data = op.inputs[0]
    if data is None or _grouped(op, weights):
        return False
    channels = weights.shape[-1]
    pixel_macs = weights.data.size if weights.data is not None else 0
    if op.kind == "CONV_2D" and weights.shape[1:3] != (1, 1):
        return pixel_macs >= _WINDOW_MACS
    rows = math.prod(data.shape) // max(channels, 1)
    return pixel_macs >= (_ROW_MACS + _CHANNEL_MACS * channels if rows > 1 else _SINGLE_ROW_MACS)


def _behind_dequantize(low: Tensor, high: Tensor) -> tuple[Tensor, Op | None]:
    wide = high.with_(data=None, quant=None)
    version = {DType.FLOAT16: 3, DType.INT4: 6}.get(low.dtype, 5)
    return wide, make_op("DEQUANTIZE", (low,), (wide,), version)


def _hybrid_options(op: Op) -> Op:
    """Set what the hybrid kernels want; XNNPACK takes FULLY_CONNECTED only with this flag."""
    row = FACTS.get(op.kind)
    if row is None or row.weights is None or not row.hybrid or op.options is None:
        return op
    data, weights = op.input(row.activations[0]), op.input(row.weights.index)
    if data is None or weights is None:
        return op
    if data.dtype is not DType.FLOAT32 or weights.dtype not in (DType.INT8, DType.INT4):
        return op
    if "asymmetric_quantize_inputs" in op.options.fields:
        op = op.with_(options=op.options.with_(asymmetric_quantize_inputs=True))
    blockwise = weights.quant is not None and weights.quant.blockwise is not None
    version = _BLOCKWISE_VERSION if blockwise else _HYBRID_VERSION[op.kind, weights.dtype]
    return op.with_(version=max(op.version, version))


_HYBRID_VERSION = {
    ("CONV_2D", DType.INT8): 5,
    ("CONV_2D", DType.INT4): 7,
    ("FULLY_CONNECTED", DType.INT8): 9,
    ("FULLY_CONNECTED", DType.INT4): 10,
}
_BLOCKWISE_VERSION = 13
