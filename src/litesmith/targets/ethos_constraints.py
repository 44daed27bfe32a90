"""Demands of Ethos-U rows on reductions, shapes, parameters and scales (Vela 5.2.0)."""

from __future__ import annotations

import math

from litesmith.graph import DType, Op
from litesmith.targets import constraints as c
from litesmith.targets.rules import Constraint

_MAX_SIDE = 2**16

_UNQUANTIZED = c.kinds(
    "ARG_MAX EXPAND_DIMS MIRROR_PAD PAD PADV2 QUANTIZE TRANSPOSE CAST GATHER SELECT SELECT_V2 "
    "EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR LOGICAL_NOT "
    "REDUCE_ALL REDUCE_ANY"
)


def _nhwc(op: Op) -> tuple[int, int, int, int]:
    shape = (1, 1, 1, 1, *c.real(op).shape)[-4:]
    return shape[0], shape[1], shape[2], shape[3]


def _reduced(op: Op) -> set[int]:
    """Return the reduced axes counted in NHWC."""
    rank = len(c.real(op).shape)
    return {a + 4 - rank for a in c.axes(op, 1, rank)}


def _mean_batch(op: Op) -> bool:
    shape = c.real(op).shape
    return len(shape) < 4 or math.prod(shape[:-3]) == 1


def _mean_depth(op: Op) -> bool:
    return 3 not in _reduced(op) or 1 in _nhwc(op)[1:]


def _mean_elements(op: Op) -> bool:
    limits = {DType.INT8: 2**24, DType.UINT8: 2**23, DType.INT16: 2**16}
    count = math.prod(_nhwc(op)[a] for a in _reduced(op) if a >= 0)
    return count <= limits.get(c.real(op).dtype, 0)


def _mean_axis(op: Op) -> bool:
    return all(_nhwc(op)[a] <= 4096 for a in _reduced(op) if a >= 0)


def _volume(op: Op) -> bool:
    return c.constant(op, 1, 2, 3) and all(s > 0 for s in c.numbers(op.input(3)))


def _paddings(op: Op) -> bool:
    found = op.input(1)
    return found is None or (found.is_constant and found.dtype in (DType.INT32, DType.INT64))


def _softmax_area(op: Op) -> bool:
    height, width = c.spatial(c.real(op))
    return height * width <= 2**16


def _depth_axis(op: Op) -> bool:
    rank = len(c.real(op).shape)
    return c.axes(op, 1, rank) == {rank - 1}


def _permutation(op: Op) -> bool:
    return c.constant(op, 1) and len(c.real(op).shape) <= 8


def _transpose_32(op: Op) -> bool:
    order = tuple(c.numbers(op.input(1)))
    if c.real(op).dtype is not DType.INT32:
        return True
    padded = tuple(range(4 - len(order))) + tuple(a + 4 - len(order) for a in order)
    batch, height, width, depth = _nhwc(op)
    if padded == (0, 1, 2, 3):
        return depth <= _MAX_SIDE
    if padded == (0, 2, 1, 3):
        return batch == 1 and max(height, width) <= _MAX_SIDE and depth <= 2**14
    return padded == (0, 1, 3, 2) and max(batch * height, width, depth) <= _MAX_SIDE


def _lstm_plain(op: Op) -> bool:
    # Inputs 1 and 5: implicit gate; 9-11: peepholes; 16-17: projection; 20-23: normalization.
    given = [op.input(i) is not None for i in range(24)]
    return given[1] and given[5] and not any(given[9:12] + given[16:18] + given[20:24])


def _quantized(op: Op) -> bool:
    if op.kind in _UNQUANTIZED:
        return True
    found = [t.quant for t in (c.real(op), *op.outputs) if t.dtype.bits <= 16]
    return all(q is not None and bool((q.scale > 0).all()) for q in found)


def _shaped(op: Op) -> bool:
    return all(t.shape for t in c.values(op))


MATMUL_DEPTH = Constraint(
    "matmul_depth",
    "at most 65536 columns, and as many products per element",
    lambda op: (
        op.outputs[0].shape[-1] <= _MAX_SIDE
        and c.real(op).shape[-2 if op.option("adj_x", False) else -1] <= _MAX_SIDE
    ),
)

DEPTH_AXIS = Constraint(
    "depth_axis", "the last axis", _depth_axis, "Transpose in front of it."
)  # fmt: skip

DEPTH_127 = Constraint(
    "depth_127", "at most 127 values to choose from", lambda op: c.real(op).shape[-1] <= 127,
    "Let the application take the argmax.",
)  # fmt: skip

MEAN_BATCH = Constraint("mean_batch", "batch 1", _mean_batch, "Export with --batch 1.")

REDUCED_AXES = c.constants("axes", 1)

MEAN_LIMITS = (
    Constraint(
        "mean_depth",
        "height, width or depth of 1 where it averages over depth",
        _mean_depth,
        "Average over height and width first.",
    ),
    Constraint("mean_axis", "averaged axes of at most 4096", _mean_axis, "Average in two steps."),
    Constraint(
        "mean_elements",
        "at most 2^24 averaged elements (uint8: 2^23, int16: 2^16)",
        _mean_elements,
        "Average in two steps.",
    ),
)

RESULT_DIMENSIONS = Constraint(
    "result_dimensions", "a result of one dimension or more", lambda op: bool(op.outputs[0].shape),
    "Keep the dimensions.",
)  # fmt: skip

VOLUME = Constraint(
    "volume", "constant bounds and steps, none of them backwards", _volume, "Use REVERSE_V2."
)

PADDINGS = Constraint("paddings", "constant paddings of int32 or int64", _paddings)

SOFTMAX_AREA = Constraint("softmax_area", "at most 65536 rows", _softmax_area, "Split the tensor.")

SAME_SCALES = Constraint(
    "same_scales",
    "operands and result of one scale",
    lambda op: c.same_scales(*op.inputs, *op.outputs),
)

PERMUTATION = Constraint(
    "permutation", "a constant permutation of at most 8 dimensions", _permutation
)

TRANSPOSE_32 = Constraint(
    "transpose_32", "a swap of two neighboring axes where the values are int32", _transpose_32
)

LSTM_PLAIN = Constraint(
    "lstm_plain", "an LSTM without peepholes, projection, normalization or coupled gates",
    _lstm_plain,
)  # fmt: skip

GATHER_AXIS = Constraint(
    "gather_axis",
    "an axis equal to the number of batch dimensions",
    lambda op: op.option("axis", 0) % max(len(c.real(op).shape), 1) == op.option("batch_dims", 0),
    "Transpose in front of it.",
)

CONDITION = Constraint(
    "condition", "a condition of one dimension or more", lambda op: bool(c.tensors(op)[0].shape)
)

CAST_TO = Constraint(
    "cast_to",
    "int32 to int64 or bool, or bool to int32 or int64",
    lambda op: (
        (op.inputs[0].dtype if op.inputs[0] else None, op.outputs[0].dtype)
        in {
            (DType.INT32, DType.INT64),
            (DType.INT32, DType.BOOL),
            (DType.BOOL, DType.INT32),
            (DType.BOOL, DType.INT64),
        }
    ),
)

FIRST_DYNAMIC = Constraint(
    "first_dynamic",
    "shapes that are known when the file is made (the batch excepted)",
    lambda op: all(-1 not in (t.shape_signature or ())[1:] for t in c.tensors(op)),
    "Export with a fixed --input-shape.",
)

SHAPED = Constraint(
    "shaped", "operands and results of one dimension or more", _shaped, "Reshape to [1]."
)

QUANTIZED = Constraint("quantized", "operands and results with a scale", _quantized)
