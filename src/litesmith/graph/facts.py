"""The one table of op facts. A row says what every technique needs to know about an op kind.

Checked against LiteRT's own kernels by tests/conformance/test_op_facts.py: a row that claims an
integer kernel is run on each of LiteRT's kernel sets, and must stay within 1 LSB.

To add an op: add one row, and a sample in tests/conformance. A kind without a row, or with
`int8=None`, stays float and is named; `float_only.py` has the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from litesmith.graph.dtypes import DType
from litesmith.graph.model import Op, Tensor


@dataclass(frozen=True)
class Weights:
    """Where an op keeps its weights.

    Attributes:
        index: input position of the weights.
        axis: output-channel axis, the one that per-channel scales run along.
        bias: input position of the bias (its integer scale is input scale · weight scale).
    """

    index: int
    axis: int
    bias: int


@dataclass(frozen=True)
class OpFacts:
    """What is true of one op kind, whatever the model.

    Attributes:
        kind: builtin operator name.
        activations: input positions that hold real values (weights and bias excluded); negative
            means "this position and all behind it".
        weights: where weights live, None for ops without.
        int8: operator version of the int8 kernel, None when LiteRT has none.
        tied: the kernel demands one scale for all `activations` and outputs.
        fixed_output: (scale, zero point) that the int8 kernel demands of its output.
        hybrid: runs float activations with int8 weights at least as fast as float weights.
        real_output: False when outputs are indices or truth values, which are never quantized.
        lookup: the int8 kernel is a table of 256 results, so any pair of scales will do.
        scales: operand scales (times the option `beta`, if there is one) that the int8 kernel
            gets right: scales[0] <= scale < scales[1].
        int16: operator version of the kernel with int16 activations (symmetric, weights int8,
            bias int64), None when LiteRT has none.
        fixed_int16: like `fixed_output`, for that kernel.
        cell: it keeps a state and has several weights; `quantize/cells.py` has its rules.
    """

    kind: str
    activations: tuple[int, ...] = (0,)
    weights: Weights | None = None
    int8: int | None = None
    tied: bool = False
    fixed_output: tuple[float, int] | None = None
    hybrid: bool = False
    real_output: bool = True
    lookup: bool = False
    scales: tuple[float, float] | None = None
    int16: int | None = None
    fixed_int16: tuple[float, int] | None = None
    cell: bool = False


def _moves(kind: str, int8: int, *activations: int) -> OpFacts:
    """An op that only moves or selects values: what goes in comes out, so the scale stays."""
    return OpFacts(kind, activations or (0,), int8=int8, tied=True)


def _compares(kind: str) -> OpFacts:
    """An op that yields truth values.

    The kernel compares round(2^8 · scale · q): below a scale of 2^-8 neighboring integers become
    equal, and from 1 on its fixed-point multiplier overflows.
    """
    return OpFacts(kind, (0, 1), int8=2, tied=False, real_output=False, scales=(2.0**-8, 1.0))


# The kernels turn 2^26 · scale · beta into a multiplier above one; less aborts the whole process.
_SOFTMAX_SCALES = (2.0**-25, float("inf"))

_ROWS: tuple[OpFacts, ...] = (
    # Linear ops with weights.
    OpFacts("CONV_2D", weights=Weights(1, 0, 2), int8=3, hybrid=True),
    OpFacts("DEPTHWISE_CONV_2D", weights=Weights(1, 3, 2), int8=3),
    OpFacts("FULLY_CONNECTED", weights=Weights(1, 0, 2), int8=4, hybrid=True),
    OpFacts("TRANSPOSE_CONV", (2,), weights=Weights(1, 0, 3), int8=3),
    OpFacts("CONV_3D", weights=Weights(1, 4, 2)),
    OpFacts("CONV_3D_TRANSPOSE", (2,), weights=Weights(1, 3, 3)),
    OpFacts("BATCH_MATMUL", (0, 1), int8=2),
    OpFacts("UNIDIRECTIONAL_SEQUENCE_LSTM", int8=1, cell=True),
    # Arithmetic of two values.
    OpFacts("ADD", (0, 1), int8=2),
    OpFacts("SUB", (0, 1), int8=2),
    OpFacts("MUL", (0, 1), int8=2),
    OpFacts("SQUARED_DIFFERENCE", (0, 1), int8=2),
    OpFacts("PRELU", (0, 1), int8=1),
    OpFacts("MAXIMUM", (0, 1), int8=2, tied=True),
    OpFacts("MINIMUM", (0, 1), int8=2, tied=True),
    # Functions of one value; most int8 kernels are a 256-entry table.
    OpFacts("ABS", int8=2),
    OpFacts("ELU", int8=1, lookup=True),
    OpFacts("EXP", int8=2, lookup=True),
    OpFacts("GELU", int8=2, lookup=True),
    OpFacts("HARD_SWISH", int8=1),
    OpFacts("LEAKY_RELU", int8=2),
    OpFacts("LOG", int8=2, lookup=True),
    OpFacts("RELU", int8=2),
    OpFacts("RELU6", int8=2),
    OpFacts("RELU_0_TO_1", int8=1),
    OpFacts("RELU_N1_TO_1", int8=1),
    OpFacts("RSQRT", int8=2, lookup=True),
    OpFacts("SQRT", int8=2, lookup=True),
    OpFacts("LOGISTIC", int8=2, fixed_output=(1 / 256, -128)),
    OpFacts("TANH", int8=2, fixed_output=(1 / 128, 0)),
    OpFacts("SOFTMAX", int8=2, fixed_output=(1 / 256, -128), scales=_SOFTMAX_SCALES),
    OpFacts("LOG_SOFTMAX", int8=2, fixed_output=(16 / 256, 127), scales=_SOFTMAX_SCALES),
    # In float, norms below 1e-6 count as 1e-6; the integer kernel knows no such floor.
    OpFacts("L2_NORMALIZATION", int8=2, fixed_output=(1 / 128, 0), scales=(1e-6, float("inf"))),
    # Reductions and pooling.
    OpFacts("MEAN", int8=2),
    OpFacts("SUM", int8=2),
    OpFacts("REDUCE_PROD", int8=2),
    OpFacts("REDUCE_MAX", int8=2, tied=True),
    OpFacts("REDUCE_MIN", int8=2, tied=True),
    OpFacts("AVERAGE_POOL_2D", int8=2, tied=True),
    OpFacts("MAX_POOL_2D", int8=2, tied=True),
    # Resampling.
    OpFacts("RESIZE_BILINEAR", int8=2, tied=True),
    OpFacts("RESIZE_NEAREST_NEIGHBOR", int8=2, tied=True),
    # Moving values about.
    _moves("BATCH_TO_SPACE_ND", 2),
    _moves("BROADCAST_TO", 2),
    _moves("CONCATENATION", 2, -1),
    _moves("DEPTH_TO_SPACE", 1),
    _moves("DILATE", 1, 0, 2),
    _moves("DYNAMIC_UPDATE_SLICE", 1, 0, 1),
    _moves("EMBEDDING_LOOKUP", 1, 1),
    _moves("EXPAND_DIMS", 1),
    _moves("FILL", 3, 1),
    _moves("GATHER", 2),
    _moves("GATHER_ND", 2),
    _moves("MATRIX_SET_DIAG", 1, 0, 1),
    _moves("MIRROR_PAD", 2),
    _moves("ONE_HOT", 1, 2, 3),
    _moves("PACK", 2, -1),
    _moves("PAD", 2),
    _moves("PADV2", 2, 0, 2),
    _moves("RESHAPE", 1),
    _moves("REVERSE_V2", 1),
    _moves("SELECT", 2, 1, 2),
    _moves("SELECT_V2", 1, 1, 2),
    _moves("SLICE", 2),
    _moves("SPACE_TO_BATCH_ND", 2),
    _moves("SPACE_TO_DEPTH", 2),
    _moves("SPARSE_TO_DENSE", 3, 2, 3),
    _moves("SPLIT", 2, 1),
    _moves("SPLIT_V", 2),
    _moves("SQUEEZE", 1),
    _moves("STRIDED_SLICE", 2),
    _moves("TILE", 2),
    _moves("TOPK_V2", 2),
    _moves("TRANSPOSE", 2),
    _moves("UNPACK", 2),
    # Real values in, indices or truth values out.
    OpFacts("ARG_MAX", int8=2, real_output=False),
    OpFacts("ARG_MIN", int8=2, real_output=False),
    *(
        _compares(kind)
        for kind in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    ),
)

# Versions of the kernels with int16 activations. Left out although LiteRT has one: LOG (wrong
# everywhere), PRELU (wrong for all but small slopes), SQRT and RSQRT (refuse negative integers,
# which a symmetric range has), comparisons (scales below 2^-8 make neighbors equal). EXP, GELU,
# SOFTMAX, TANH and RESIZE_BILINEAR interpolate: tests/conformance/test_int16.py says how well.
_INT16: dict[str, int] = {
    "ABS": 3, "ADD": 3, "AVERAGE_POOL_2D": 3, "BATCH_MATMUL": 3, "BATCH_TO_SPACE_ND": 4,
    "BROADCAST_TO": 3, "CONCATENATION": 3, "CONV_2D": 4, "DEPTHWISE_CONV_2D": 5, "DILATE": 1,
    "DYNAMIC_UPDATE_SLICE": 4, "EMBEDDING_LOOKUP": 1, "EXP": 2, "EXPAND_DIMS": 1, "FILL": 3,
    "FULLY_CONNECTED": 7, "GATHER": 4, "GATHER_ND": 3, "GELU": 2, "LEAKY_RELU": 2, "LOGISTIC": 3,
    "MATRIX_SET_DIAG": 1, "MAXIMUM": 4, "MAX_POOL_2D": 3, "MEAN": 3, "MINIMUM": 4, "MIRROR_PAD": 3,
    "MUL": 4, "PACK": 3, "PAD": 3, "PADV2": 3, "REDUCE_MAX": 3, "REDUCE_MIN": 3,
    "REDUCE_PROD": 2, "RELU": 3, "RELU6": 3, "RESHAPE": 1, "RESIZE_BILINEAR": 4,
    "RESIZE_NEAREST_NEIGHBOR": 4, "REVERSE_V2": 3, "SELECT": 2, "SELECT_V2": 1, "SLICE": 4,
    "SOFTMAX": 3, "SPACE_TO_BATCH_ND": 4, "SPLIT": 4, "SPLIT_V": 2, "SQUEEZE": 1,
    "STRIDED_SLICE": 2, "SUB": 5, "SUM": 2, "TANH": 3, "TILE": 2, "TOPK_V2": 3, "TRANSPOSE": 5,
    "TRANSPOSE_CONV": 3, "UNPACK": 4,
}  # fmt: skip
_FIXED_INT16: dict[str, tuple[float, int]] = dict.fromkeys(
    ("LOGISTIC", "SOFTMAX", "TANH"), (1 / 32768, 0)
)

FACTS: dict[str, OpFacts] = {
    row.kind: replace(row, int16=_INT16.get(row.kind), fixed_int16=_FIXED_INT16.get(row.kind))
    for row in _ROWS
}


def facts(op: Op) -> OpFacts | None:
    """Return the op's row, None for a kind that the table does not know."""
    return FACTS.get(op.kind)


def activation_positions(op: Op, row: OpFacts) -> tuple[int, ...]:
    """Return the positions of the op's real-valued operands, constants among them included."""
    if row.activations[0] < 0:
        return tuple(range(len(op.inputs)))
    return tuple(p for p in row.activations if op.input(p) is not None)


def tied(op: Op) -> tuple[Tensor, ...]:
    """Return what must share one scale by demand of the op's kernel: operands, then results."""
    row = facts(op)
    if row is None or not row.tied:
        return ()
    operands = (op.inputs[p] for p in activation_positions(op, row))
    return tuple(t for t in (*operands, *op.outputs) if t is not None)


def activations(op: Op, row: OpFacts) -> tuple[Tensor, ...]:
    """Return the op's float operands at its activation positions."""
    found = (op.inputs[p] for p in activation_positions(op, row))
    return tuple(t for t in found if t is not None and t.dtype is DType.FLOAT32)
