"""What a TensorFlow Lite Micro program has to know: ops to register, memory to set aside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.targets import find_target, verdict

# Words of op names that MicroMutableOpResolver spells in its own way
# (tensorflow/lite/micro/micro_mutable_op_resolver.h).
_WORDS: Mapping[str, str] = {"2D": "2D", "MATMUL": "MatMul", "CUMSUM": "CumSum", "LSTM": "LSTM"}
_METHODS: Mapping[str, str] = {
    "PADV2": "AddPadV2",
    "CUSTOM:TFLite_Detection_PostProcess": "AddDetectionPostprocess",
}
_ALIGNMENT = 16
# Per op and per tensor: node, registration and tensor structures, with op data (scales of
# channels and the like apart). Generous: the interpreter says what it used.
_BYTES_PER_OP, _BYTES_PER_TENSOR, _BYTES_PER_CHANNEL = 256, 64, 8
_FIXED_BYTES = 2048
_RESERVE = 1.25


def refuse(graph: Graph) -> None:
    """Refuse a file that TensorFlow Lite Micro would not run.

    Raises:
        ConversionError: an op or an end is beyond it.
    """
    if any(t.is_dynamic for t in graph.inputs):
        raise ConversionError(
            "TensorFlow Lite Micro runs fixed sizes only, and this file leaves some open.",
            "Export with --batch 1 and --input-shape.",
        )
    for refusal in verdict(graph, find_target("micro")):
        raise ConversionError(
            f"TensorFlow Lite Micro does not run this file's {refusal.op.kind}: {refusal.reason}",
            refusal.way,
        )


def methods(graph: Graph) -> tuple[str, ...]:
    """Return the resolver's methods for the ops of a file, those of called graphs included."""
    kinds = dict.fromkeys(op.kind for part in graph.graphs() for op in part.ops)
    return tuple(sorted(_METHODS.get(kind) or _method(kind) for kind in kinds))


def arena_bytes(graph: Graph) -> int:
    """Return an upper estimate of the memory that the interpreter needs besides the file.

    The most that is alive at once, structures per op and tensor, the kernels' working space, and a
    quarter on top; rounded up to whole KiB.
    """
    parts = list(graph.graphs())
    alive = sum(_most_alive(part) for part in parts)
    ops = [op for part in parts for op in part.ops]
    structures = _BYTES_PER_OP * len(ops) + sum(map(_channels, ops)) * _BYTES_PER_CHANNEL
    structures += _BYTES_PER_TENSOR * sum(len(part.tensors()) for part in parts)
    scratch = max(map(_scratch, ops), default=0)
    total = (alive + structures + scratch + _FIXED_BYTES) * _RESERVE
    return -(-int(total) // 1024) * 1024


def _method(kind: str) -> str:
    return "Add" + "".join(_WORDS.get(word) or word.capitalize() for word in kind.split("_"))


def _most_alive(graph: Graph) -> int:
    """Return the bytes of the values alive at once, at the worst moment."""
    end = len(graph.ops)
    last = {id(t): i for i, op in enumerate(graph.ops) for t in op.inputs if t is not None}
    last |= {id(t): end for t in graph.outputs}
    born = {id(t): 0 for t in graph.inputs}
    born |= {id(t): i for i, op in enumerate(graph.ops) for t in op.outputs}
    sizes = {id(t): _bytes(t) for t in graph.tensors() if not t.is_constant}
    moments = np.zeros(end + 1, np.int64)
    for key, size in sizes.items():
        start = born.get(key, 0)
        moments[start : max(last.get(key, start), start) + 1] += size
    return int(moments.max())


def _bytes(tensor: Tensor) -> int:
    size = int(np.prod(tensor.shape, dtype=np.int64)) * max(tensor.dtype.bits, 8) // 8
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _channels(op: Op) -> int:
    found = [t.quant.scale.size for t in op.inputs if t is not None and t.quant is not None]
    return max(found, default=0)


def _scratch(op: Op) -> int:
    """Return the working space of a kernel.

    An accumulator per result, int4 weights unpacked, and what CMSIS-NN's convolutions lay out: two
    columns of 16 bit integers (arm_convolve_s8_get_buffer_size).
    """
    weights = op.input(1)
    if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D") and weights is not None:
        column = int(np.prod(weights.shape[1:], dtype=np.int64))
        return 4 * column + (_bytes(weights) if weights.dtype is DType.INT4 else 0)
    unpacked = _bytes(weights) if weights is not None and weights.dtype is DType.INT4 else 0
    wide = op.kind in ("TRANSPOSE_CONV", "SVDF", "MEAN", "SUM", "BATCH_MATMUL")
    return unpacked + (4 * sum(map(_bytes, op.outputs)) if wide else 0)
