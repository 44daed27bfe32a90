"""TensorFlow Lite for Microcontrollers: the kernels of its op resolver, on its reference kernels.

tests/targets/measured/ holds what the interpreter itself accepted; the rows must agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from litesmith.graph import DType, Op
from litesmith.targets import constraints as c
from litesmith.targets.rules import Constraint, Row, Source, Table, Types, left_out, table_of

F32, I4, I8, I16 = DType.FLOAT32, DType.INT4, DType.INT8, DType.INT16
I32, I64, U8, BOOL = DType.INT32, DType.INT64, DType.UINT8, DType.BOOL

_SOURCES = MappingProxyType(
    {
        "measured": Source(
            "tflite_micro interpreter, one file per op and type, one invocation each",
            "0.dev20261023182759",
        ),
        "resolver": Source(
            "tensorflow/lite/micro/micro_mutable_op_resolver.h and kernels/",
            "tflite-micro 933f830139560b2f9a47b5418439350c728a796f",
        ),
    }
)

# Kinds that need nothing beyond their types; types in the order of the interpreter's messages.
_PLAIN: tuple[tuple[str, tuple[DType, ...]], ...] = (
    ("ADD SUB", (F32, I8, I16, I32)),
    ("MUL SQUARED_DIFFERENCE", (F32, I8, I16, I32)),
    ("MAXIMUM MINIMUM", (F32, I8, I16, I32, I64)),
    ("DIV", (F32, I8, I32)),
    ("ADD_N CUMSUM", (F32, I8)),
    ("BATCH_MATMUL", (F32, I8, I16)),
    ("EQUAL NOT_EQUAL", (F32, I8, I32, I64, BOOL)),
    ("GREATER", (F32, I8, I16, I32, I64)),
    ("GREATER_EQUAL LESS LESS_EQUAL", (F32, I8, I32, I64)),
    ("LOGICAL_AND LOGICAL_OR LOGICAL_NOT REDUCE_ALL", (BOOL,)),
    ("ABS RSQRT", (F32, I8, I16)),
    ("LEAKY_RELU RELU RELU6 LOGISTIC TANH SOFTMAX", (F32, I8, I16)),
    ("ELU HARD_SWISH L2_NORMALIZATION LOG_SOFTMAX PRELU", (F32, I8)),
    ("CEIL COS EXP FLOOR FLOOR_DIV FLOOR_MOD LOG NEG ROUND SIN SQRT SQUARE", (F32,)),
    ("MEAN SUM AVERAGE_POOL_2D MAX_POOL_2D", (F32, I8, I16)),
    ("REDUCE_MAX REDUCE_MIN", (F32, I8)),
    ("RESIZE_BILINEAR", (F32, I8)),
    ("RESIZE_NEAREST_NEIGHBOR", (F32, I8, I16)),
    ("BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND DEPTH_TO_SPACE SPACE_TO_DEPTH", (F32, I8)),
    ("RESHAPE SQUEEZE REVERSE_V2 BROADCAST_TO", (F32, I8, I16, I32, I64, U8)),
    ("CONCATENATION PACK", (F32, I8, I16, I32, I64)),
    ("UNPACK SPLIT SPLIT_V", (F32, I8, I16, I32)),
    ("EXPAND_DIMS SELECT_V2", (F32, I8, I16)),
    ("GATHER GATHER_ND MIRROR_PAD ARG_MAX ARG_MIN", (F32, I8)),
    ("SLICE STRIDED_SLICE PAD PADV2", (F32, I8, I16, I32)),
    ("TRANSPOSE", (F32, I8, I16)),
    ("SHAPE", (F32, I8, I16, I32, I64)),
    ("ZEROS_LIKE", (F32, I8, I32, I64)),
    ("FILL", (F32, I8, I32)),
    ("EMBEDDING_LOOKUP", (F32, I8)),
    ("DEQUANTIZE", (I8, I16, U8)),
    ("SVDF", (F32, I8)),
    ("L2_POOL_2D", (F32,)),
    ("DYNAMIC_UPDATE_SLICE", (F32, I8, I16)),
)


def _cast(op: Op) -> bool:
    return op.outputs[0].dtype in (F32, I8, I16, I32, BOOL)


def _quantizes_to(op: Op) -> bool:
    allowed = {
        F32: (I8, I16),
        I8: (I8, I16, I32, U8),
        I16: (I8, I16, I32),
        U8: (I8,),
        I32: (I8, I16),
    }
    return op.outputs[0].dtype in allowed.get(c.real(op).dtype, ())


def _no_new_axes(op: Op) -> bool:
    return not (op.option("new_axis_mask", 0) or op.option("ellipsis_mask", 0))


def _unit_scale(op: Op) -> bool:
    result = op.outputs[0]
    if result.dtype is not I16 or c.real(op).dtype is not I16 or result.quant is None:
        return True
    return bool(abs(result.quant.scale[0] * 2**15 - 1) < 1e-3)


def _bare_int32(op: Op) -> bool:
    return c.real(op).dtype is not I32 or all(t.quant is None for t in c.tensors(op))


_FIXED = Constraint("int16_scale", "results of scale 1/32768 where they are int16", _unit_scale)
_BARE = Constraint("bare_int32", "no scales where the values are int32", _bare_int32)
_INT32_INDEX = c.of_type("indices", I32, 1)
_SHRINK = Constraint("plain_slices", "slices without new axes or an ellipsis", _no_new_axes)
_EXTRA: dict[str, tuple[Constraint, ...]] = {
    "ADD": (_BARE,),
    "SUB": (_BARE,),
    "LOGISTIC": (_FIXED,),
    "TANH": (_FIXED,),
    "SOFTMAX": (_FIXED,),
    "STRIDED_SLICE": (c.rank_at_most(4), _SHRINK, c.constants("bounds and steps", 1, 2, 3)),
    "TRANSPOSE": (c.rank_at_most(5), c.constants("permutations", 1)),
    "BROADCAST_TO": (c.rank_at_most(5), c.constants("shapes", 1)),
    "GATHER": (_INT32_INDEX,),
    "GATHER_ND": (_INT32_INDEX,),
    "PAD": (c.constants("paddings", 1), c.of_type("paddings", I32, 1)),
    "PADV2": (c.constants("paddings", 1), c.of_type("paddings", I32, 1)),
    "ARG_MAX": (c.results(I32),),
    "ARG_MIN": (c.results(I32),),
    "EXPAND_DIMS": (c.constants("axes", 1),),
    "RESIZE_BILINEAR": (c.constants("sizes", 1),),
    "RESIZE_NEAREST_NEIGHBOR": (c.constants("sizes", 1),),
    "SPLIT": (c.constants("axes", 0),),
    "SPLIT_V": (c.constants("axes", 2),),
    "FILL": (c.constants("sizes", 0),),
}


def _rows() -> Iterator[Row]:
    for kinds, dtypes in _PLAIN:
        for kind in kinds.split():
            types = frozenset(map(Types, dtypes))
            yield Row(kind, types, None, _EXTRA.get(kind, ()), "measured")
    dense = frozenset({Types(F32, F32), Types(I8, I8), Types(I8, I4), Types(I16, I8)})
    yield Row("CONV_2D", dense, True, (), "measured")
    yield Row("DEPTHWISE_CONV_2D", dense, True, (), "measured")
    per_tensor = Constraint(
        "int4_per_tensor", "one scale for all weights where they are int4", _one_int4_scale,
        "Quantize its weights per tensor, or to int8.",
    )  # fmt: skip
    yield Row("FULLY_CONNECTED", dense, True, (per_tensor,), "measured")
    yield Row("TRANSPOSE_CONV", dense - {Types(I8, I4)}, True, (), "measured")
    signed = frozenset(map(Types, (F32, I8, I16, I32, BOOL)))
    cast = Constraint("cast_to", "results of float32, int8, int16, int32 or bool", _cast)
    yield Row("CAST", signed, None, (cast,), "measured")
    quantizes = Constraint("quantize_to", "a pair of types that it converts", _quantizes_to)
    integers = frozenset(map(Types, (F32, I8, I16, U8, I32)))
    yield Row("QUANTIZE", integers, None, (quantizes,), "measured")
    # It has loops, but copies all that a loop carries in and out of both graphs at every step.
    lstm = frozenset(map(Types, (F32, I8, I16)))
    yield Row("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm, None, (), "resolver", recurrent="fused")
    anything = frozenset(map(Types, DType))
    control = ("WHILE", "IF", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
    yield from (Row(kind, anything, None, (), "measured") for kind in control)
    yield Row("CUSTOM:TFLite_Detection_PostProcess", frozenset(map(Types, (F32, I8, U8))), None,
              (), "resolver")  # fmt: skip


def _one_int4_scale(op: Op) -> bool:
    weights = op.input(1)
    if weights is None or weights.dtype is not I4 or weights.quant is None:
        return True
    return weights.quant.axis is None


MICRO = Table(
    name="TensorFlow Lite Micro",
    version="tflite-micro 0.dev20261023182759, 2026-11-24",
    sources=_SOURCES,
    rows=table_of(_rows()),
    never=left_out(
        "REDUCE_PROD DILATE MATRIX_SET_DIAG ONE_HOT SPARSE_TO_DENSE",
        {
            "GELU": "Use another activation.",
            "RELU_0_TO_1": "Use RELU6 with scaled weights, or MINIMUM and MAXIMUM.",
            "RELU_N1_TO_1": "Use MINIMUM and MAXIMUM.",
            "TOPK_V2": "Let the application pick the best.",
            "TILE": "Use BROADCAST_TO or CONCATENATION.",
            "SELECT": "Use SELECT_V2.",
            "CONV_3D": "Rebuild with 2-D convolutions.",
            "CONV_3D_TRANSPOSE": "Rebuild with 2-D convolutions.",
        },
    ),
)
