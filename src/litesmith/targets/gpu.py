"""LiteRT's GPU delegate: the rules of TensorFlow's own offline check; nothing here was measured.

Integer models run in floating point: the delegate dequantizes what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from litesmith.graph import DType, Op
from litesmith.targets import constraints as c
from litesmith.targets.cpu import LITERT
from litesmith.targets.rules import Constraint, Row, Source, Table, Types, left_out, table_of

F16, F32, I8, U8 = DType.FLOAT16, DType.FLOAT32, DType.INT8, DType.UINT8
I32, BOOL = DType.INT32, DType.BOOL
_TYPES = frozenset(map(Types, (F32, F16, I8, U8)))
_FLOATS = frozenset(map(Types, (F32, F16)))
_DENSE = frozenset(
    {Types(a, w) for a in (F32, F16) for w in (F32, F16, I8, U8)} | {Types(I8, I8), Types(U8, U8)}
)
_SOURCES = MappingProxyType(
    {
        "rules": Source(
            "tensorflow/lite/tools/versioning/gpu_compatibility.cc",
            "tensorflow 03a5e4e19a9c8200e13c85f1c637877fdf589be6",
        ),
        "readme": Source(
            "tensorflow/lite/delegates/gpu/README.md",
            "tensorflow 0dad831803262b53f05ba7895efb06022a535c6f",
        ),
    }
)


def _live(op: Op) -> int:
    return sum(t is not None and not t.is_constant for t in op.inputs)


def _constants(op: Op) -> int:
    return sum(t is not None and t.is_constant for t in op.inputs)


def _depthwise(op: Op) -> bool:
    return op.option("depth_multiplier", 1) in (0, 1) or c.real(op).shape[-1] == 1 or _plain(op)


def _plain(op: Op) -> bool:
    return c.real(op).shape[-1] == op.outputs[0].shape[-1]


def _keeps_rank(op: Op) -> bool:
    if not op.option("keep_num_dims", False):
        return True
    return len(c.real(op).shape) == len(op.outputs[0].shape)


def _broadcasts(op: Op) -> bool:
    """One operand must be at least as large as the other along every dimension."""
    a, b = (t.shape if t is not None else () for t in op.inputs[:2])
    if len(a) != len(b):
        return True
    pairs = list(zip(a, b, strict=True))
    return not (any(x < y for x, y in pairs) and any(y < x for x, y in pairs))


def _pads(op: Op) -> bool:
    pads = op.input(1)
    return pads is not None and pads.shape in ((3, 2), (4, 2)) and pads.is_constant


def _selects(op: Op) -> bool:
    whole = op.outputs[0].shape
    return all(t is None or t.shape == whole or c.elements(t) == 1 for t in op.inputs[1:3])


def _casts(op: Op) -> bool:
    pair = (c.real(op).dtype, op.outputs[0].dtype)
    floats = (F16, F32)
    return (
        (pair[0] is BOOL and pair[1] in floats)
        or (pair[0] in floats and pair[1] is BOOL)
        or (set(pair) <= {F32, I32})
    )


def _updates(op: Op) -> bool:
    begins, shape = op.input(2), c.real(op).shape
    plain = begins is not None and len(begins.shape) == 1 and begins.dtype is I32
    return plain and (len(shape) != 4 or shape[0] == 1)


_FUSED = c.fused(0, 1, 2, 3, 4)
_ONE = Constraint("one_live", "one computed operand", lambda op: _live(op) == 1)
_UNARY = Constraint(
    "unary", "a computed operand", lambda op: _live(op) == 1 and _constants(op) == 0
)
_BINARY = Constraint(
    "binary",
    "a computed operand and one more",
    lambda op: (_live(op), _constants(op)) in ((2, 0), (1, 1)),
)
_AXES = Constraint(
    "axes",
    "constant int32 axes",
    lambda op: (t := op.input(1)) is not None and t.is_constant and t.dtype is I32,
)
_SMALL_BROADCAST = Constraint(
    "broadcast", "one operand at least as large as the other along every dimension", _broadcasts,
    "Write it as a convolution or BATCH_MATMUL.",
)  # fmt: skip
_RANK_3_4 = Constraint(
    "rank_3_4", "an operand of 3 or 4 dimensions", lambda op: len(c.real(op).shape) in (3, 4),
    "Reshape in front of it.",
)  # fmt: skip
_BLOCK = Constraint(
    "block", "a block size above 1", lambda op: op.option("block_size", 0) > 1, "Remove it."
)


def _rows() -> Iterator[Row]:
    two = Constraint("two_live", "at most two computed operands", lambda op: _live(op) <= 2)
    yield Row("CONV_2D", _DENSE, True, (two, _FUSED), "rules")
    depth = Constraint(
        "depth_multiplier", "a depth multiplier of 1 where there is more than one channel",
        _depthwise, "Use CONV_2D.",
    )  # fmt: skip
    yield Row("DEPTHWISE_CONV_2D", _DENSE, True, (two, _FUSED, depth), "rules")
    yield Row("TRANSPOSE_CONV", _DENSE, True, (two,), "rules")
    plain = Constraint(
        "plain_weights", "weights in the default layout",
        lambda op: op.option("weights_format", 0) == 0,
    )  # fmt: skip
    rank = Constraint("keep_rank", "results of the operand's rank", _keeps_rank)
    yield Row("FULLY_CONNECTED", _DENSE, True, (two, plain, rank), "rules")
    yield Row("BATCH_MATMUL", _TYPES, None, (), "rules")
    yield Row("ADD", _TYPES, None, (), "rules")
    yield Row("MUL", _TYPES, None, (_SMALL_BROADCAST, _FUSED), "rules")
    for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        yield Row(kind, _TYPES, None, (_ONE, _FUSED), "rules")
    for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"):
        yield Row(kind, _TYPES, None, (_ONE, _AXES), "rules")
    unary = "ABS CEIL COS ELU EXP FLOOR GELU LOG LOGISTIC NEG RSQRT SIGN SIN SQRT SQUARE TANH"
    yield from (Row(kind, _TYPES, None, (_UNARY,), "rules") for kind in unary.split())
    binary = (
        "ATAN2 DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL MAXIMUM MINIMUM "
        "NOT_EQUAL POW SQUARED_DIFFERENCE SUB"
    )
    yield from (Row(kind, _TYPES, None, (_BINARY, _FUSED), "rules") for kind in binary.split())
    yield Row("LOGICAL_AND", frozenset({Types(BOOL)}), None, (_BINARY,), "rules")
    pair = Constraint("two_operands", "two operands", lambda op: len(op.inputs) == 2)
    yield Row("ADD_N", _TYPES, None, (pair,), "rules")
    yield from (
        Row(kind, _TYPES, source="rules")
        for kind in [
            "RELU",
            "RELU6",
            "RELU_N1_TO_1",
            "LEAKY_RELU",
            "PRELU",
            "CONCATENATION",
            "PACK",
            "SPLIT",
            "SPLIT_V",
        ]
    )
    yield from _moving_rows()


def _moving_rows() -> Iterator[Row]:
    for kind in ("HARD_SWISH", "RESHAPE", "TILE", "TRANSPOSE", "QUANTIZE"):
        yield Row(kind, _TYPES, None, (_ONE,), "rules")
    for kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        centers = Constraint(
            "resize_centers", "aligned corners or half-pixel centers, not both",
            lambda op: not (op.option("align_corners", False)
                            and op.option("half_pixel_centers", False)),
        )  # fmt: skip
        yield Row(kind, _TYPES, None, (_ONE, centers), "rules")
    beta = Constraint("beta", "beta = 1", lambda op: op.option("beta", 0.0) == 1.0)
    yield Row("SOFTMAX", _TYPES, None, (beta,), "rules")
    pads = Constraint("paddings", "constant paddings of 3 or 4 dimensions", _pads)
    for kind in ("PAD", "PADV2"):
        yield Row(kind, _TYPES, None, (_ONE, pads), "rules")
    reflect = Constraint("reflect", "REFLECT padding", lambda op: op.option("mode", 0) == 0)
    yield Row("MIRROR_PAD", _TYPES, None, (_ONE, pads, reflect), "rules")
    yield Row("SLICE", _TYPES, None, (_RANK_3_4,), "rules")
    masks = Constraint(
        "plain_slices", "slices that neither add nor drop axes",
        lambda op: not any(op.option(m, 0) for m in
                           ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")),
        "Reshape behind it.",
    )  # fmt: skip
    yield Row("STRIDED_SLICE", _TYPES, None, (masks, _RANK_3_4), "rules")
    indices = Constraint(
        "indices", "int32 indices of one dimension",
        lambda op: (t := op.input(1)) is not None and len(t.shape) == 1 and t.dtype is I32,
    )  # fmt: skip
    yield Row("GATHER", _TYPES, None, (indices,), "rules")
    yield from (Row(k, _TYPES, None, (_ONE, _BLOCK), "rules")
                for k in ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"))  # fmt: skip
    selects = Constraint("selects", "branches of the result's shape, or scalars", _selects)
    yield from (Row(k, _FLOATS, None, (selects,), "rules") for k in ("SELECT", "SELECT_V2"))
    casts = Constraint("cast_to", "float32 to int32 or back, or truth values and floats", _casts)
    yield Row("CAST", frozenset(map(Types, (F32, F16, I32, BOOL))), None, (casts,), "rules")
    ids = Constraint(
        "ids", "ids of one dimension",
        lambda op: (t := op.input(0)) is not None and len(t.shape) == 1,
    )  # fmt: skip
    tables = frozenset(map(Types, (F32, I8, DType.INT4)))
    yield Row("EMBEDDING_LOOKUP", tables, None, (ids,), "rules")
    begins = Constraint("begins", "int32 begins of one dimension, and batch 1", _updates)
    yield Row("DYNAMIC_UPDATE_SLICE", _FLOATS, None, (begins,), "rules")
    yield Row("CUMSUM", _FLOATS, None, (_AXES,), "rules")
    yield Row("ONE_HOT", _FLOATS, None, (c.constants("on and off values", 2, 3),), "rules")
    yield Row("DEQUANTIZE", frozenset(map(Types, (I8, U8, F16))), None, (), "rules")


GPU = Table(
    name="GPU delegate",
    version="tensorflow 03a5e4e19a9c, taken 2026-11-24",
    sources=_SOURCES,
    rows=table_of(_rows()),
    generic=(c.STATIC, c.rank_at_most(4)),
    never=left_out(
        "ARG_MIN BATCH_TO_SPACE_ND BROADCAST_TO CONV_3D CONV_3D_TRANSPOSE GATHER_ND "
        "L2_NORMALIZATION LOG_SOFTMAX RELU_0_TO_1 REVERSE_V2 SPACE_TO_BATCH_ND "
        "DILATE FILL MATRIX_SET_DIAG SPARSE_TO_DENSE "
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        {
            "TOPK_V2": "Let the application pick the best.",
            "SQUEEZE": "Use RESHAPE.",
            "EXPAND_DIMS": "Use RESHAPE.",
            "UNPACK": "Use SPLIT and RESHAPE.",
            "ARG_MAX": "Let the application take the argmax.",
        },
    ),
    fallback=LITERT,
    folds=True,
    elsewhere="on the CPU, with a copy of its operands each way",
    main_only=True,
)
