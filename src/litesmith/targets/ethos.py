"""Arm Ethos-U: what the Vela compiler places on the NPU; the rest runs on the Cortex-M beside it.

Rows and limits are those of `vela --supported-ops-report`; tests/targets/measured/ holds what the
compiler did with real files, and the rows must agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from litesmith.graph import DType
from litesmith.targets import constraints as c
from litesmith.targets import ethos_breaks as b
from litesmith.targets import ethos_constraints as e
from litesmith.targets import ethos_windows as w
from litesmith.targets.micro import MICRO
from litesmith.targets.rules import Row, Source, Table, Types, left_out, table_of

I8, I16, I32, I64 = DType.INT8, DType.INT16, DType.INT32, DType.INT64
U8, BOOL = DType.UINT8, DType.BOOL

_VERSION = "ethos-u-vela 5.2.0, 2026-11-24"
_SOURCES = MappingProxyType(
    {
        "report": Source("SUPPORTED_OPS.md (vela --supported-ops-report)", "ethos-u-vela 5.2.0"),
        "measured": Source("vela, one file per op and type", "ethos-u-vela 5.2.0"),
    }
)
_CPU = "on the Cortex-M beside the NPU (TensorFlow Lite Micro), which is far slower"

_SMALL = frozenset(map(Types, (I8, U8, I16)))
_WIDE = _SMALL | {Types(I32)}
_ANY = _WIDE | {Types(I64)}
_DENSE = frozenset({Types(I8, I8), Types(U8, U8), Types(U8, I8), Types(I16, I8)})
_CONV = (w.BIAS, w.WEIGHT_SUM, w.KERNEL_STATIC)


def _shared_rows(u85: bool) -> Iterator[Row]:
    """Yield what both generations say, apart from the width of integers that the U85 adds."""
    arithmetic = _WIDE
    moving = _ANY if u85 else _SMALL
    compared = _WIDE if u85 else _SMALL
    yield Row("ADD", arithmetic, source="report")
    yield Row("SUB", arithmetic, source="report")
    yield Row("MUL", arithmetic, source="report")
    yield Row("NEG", arithmetic, source="report")
    yield Row("ABS", compared, source="report")
    yield Row("SQUARED_DIFFERENCE", compared, source="report")
    yield Row("MAXIMUM", compared, None, (e.SAME_SCALES,), "report")
    yield Row("MINIMUM", compared, None, (e.SAME_SCALES,), "report")
    for kind in ("PRELU", "LEAKY_RELU", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1"):
        yield Row(kind, _SMALL, source="report")
    for kind in ("LOGISTIC", "TANH", "EXP"):
        yield Row(kind, _SMALL, source="report")
    yield Row("ELU", frozenset({Types(I8)}), source="report")
    yield Row("GELU", frozenset({Types(I8), Types(U8)}), source="report")
    yield Row("HARD_SWISH", frozenset({Types(I8), Types(U8)}), source="measured")
    yield Row("LOG", frozenset({Types(I8), Types(I16)}), source="report")
    yield Row("RSQRT", frozenset({Types(I8), Types(I16)}), source="report")
    yield Row("SOFTMAX", _SMALL, None, (e.SOFTMAX_AREA,), "report")
    yield Row("MEAN", _SMALL, None, (e.REDUCED_AXES, e.MEAN_BATCH, *e.MEAN_LIMITS), "report")
    reduced = (e.RESULT_DIMENSIONS,)
    yield Row("SUM", _WIDE, None, reduced, "report")
    yield Row("REDUCE_MAX", compared, None, reduced, "report")
    yield Row("REDUCE_MIN", compared, None, reduced, "report")
    yield from (Row(k, moving, source="report") for k in ("CONCATENATION", "PACK", "UNPACK"))
    yield from (Row(k, moving, source="report") for k in ("SPLIT", "SPLIT_V", "TILE"))
    carried = _ANY if u85 else _WIDE
    yield from (Row(k, carried, source="report") for k in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"))
    yield Row("SLICE", moving, None, (c.constants("begins and sizes", 1, 2),), "report")
    yield Row("STRIDED_SLICE", moving, None, (e.VOLUME,), "report")
    yield Row("PAD", moving, None, (e.PADDINGS,), "report")
    yield Row("PADV2", moving, None, (e.PADDINGS,), "report")
    yield Row("MIRROR_PAD", _ANY if u85 else _WIDE, None, (e.PADDINGS,), "report")
    converted = c.results(*((I8, U8, I16, I32) if u85 else (I8, U8, I16)))
    yield Row("QUANTIZE", _SMALL, None, (converted,), "report")
    lstm = (e.LSTM_PLAIN,)
    yield Row(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", _SMALL, None, lstm, "report", recurrent="fused"
    )  # fmt: skip
    yield Row(
        "FULLY_CONNECTED",
        _DENSE,
        True,
        (w.BIAS, w.WEIGHT_SUM, *(() if u85 else (w.DYNAMIC_INT8,))),
        "report",
    )


def _u55_rows() -> Iterator[Row]:
    yield from _shared_rows(u85=False)
    yield Row("CONV_2D", _DENSE, True, (*_CONV, w.WIDE_STRIDE), "report")
    yield Row("DEPTHWISE_CONV_2D", _DENSE, True, (*_CONV, w.STRIDE_3), "report")
    yield Row("TRANSPOSE_CONV", _DENSE, True, (*_CONV, w.TRANSPOSE_STRIDE, w.TRANSPOSE_SHAPE),
              "report")  # fmt: skip
    yield Row("BATCH_MATMUL", frozenset({Types(I8)}), None, (e.MATMUL_DEPTH,), "report")
    yield Row("AVERAGE_POOL_2D", _SMALL, None, (w.AVERAGE_WINDOW, w.WIDE_STRIDE), "report")
    yield Row("MAX_POOL_2D", _SMALL, None, (w.WINDOW, w.WIDE_STRIDE), "report")
    yield Row("RESIZE_BILINEAR", _SMALL, None, (w.SCALE_248, w.HALF_TWICE), "report")
    yield Row("RESIZE_NEAREST_NEIGHBOR", _SMALL, None, (w.SCALE_248,), "report")
    yield Row("ARG_MAX", frozenset({Types(I8), Types(U8)}), None, (e.DEPTH_AXIS, e.DEPTH_127),
              "report")  # fmt: skip
    yield Row("TRANSPOSE", _WIDE, None, (e.PERMUTATION, e.TRANSPOSE_32), "report")


def _u85_rows() -> Iterator[Row]:
    yield from _shared_rows(u85=True)
    yield Row("CONV_2D", _DENSE, True, _CONV, "report")
    yield Row("DEPTHWISE_CONV_2D", _DENSE, True, _CONV, "report")
    yield Row("TRANSPOSE_CONV", _DENSE, True, (*_CONV, w.TRANSPOSE_SHAPE), "report")
    yield Row("BATCH_MATMUL", _SMALL, None, (), "report")
    yield Row("AVERAGE_POOL_2D", _SMALL, None, (w.AVERAGE_WINDOW,), "report")
    yield Row("MAX_POOL_2D", _SMALL, None, (w.WINDOW,), "report")
    yield Row("RESIZE_BILINEAR", _SMALL, None, (w.POWER_OF_TWO, w.SCALE_LIMIT), "report")
    yield Row("RESIZE_NEAREST_NEIGHBOR", _SMALL, None, (w.SCALE_LIMIT,), "report")
    yield Row("ARG_MAX", frozenset({Types(I8), Types(U8)}), source="report")
    yield Row("TRANSPOSE", _ANY, None, (e.PERMUTATION,), "report")
    yield Row("DIV", _WIDE, source="report")
    yield Row("REVERSE_V2", _ANY, source="report")
    yield Row("GATHER", _SMALL | {Types(I32)}, None, (e.GATHER_AXIS,), "report")
    conditions = (e.CONDITION,)
    for kind in ("SELECT", "SELECT_V2"):
        yield Row(kind, frozenset(map(Types, (I8, I16, I32))), None, conditions, "report")
    for kind in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"):
        yield Row(kind, _WIDE | {Types(BOOL)}, source="report")
    logic = frozenset({Types(BOOL)})
    for kind in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT", "REDUCE_ALL", "REDUCE_ANY"):
        yield Row(kind, logic, source="report")
    yield Row("CAST", frozenset(map(Types, (I32, BOOL))), None, (e.CAST_TO,), "measured")


_NEVER = left_out(
    "BATCH_TO_SPACE_ND CONV_3D CONV_3D_TRANSPOSE DYNAMIC_UPDATE_SLICE EMBEDDING_LOOKUP "
    "REDUCE_PROD SPACE_TO_BATCH_ND DILATE FILL MATRIX_SET_DIAG ONE_HOT SPARSE_TO_DENSE",
    {
        "TOPK_V2": "Let the application pick the best.",
        "SQRT": "Vela knows RSQRT: write x·RSQRT(x).",
        "LOG_SOFTMAX": "Use SOFTMAX and let the application take the logarithm.",
        "L2_NORMALIZATION": "Let the application normalize, or write it as MUL, SUM and RSQRT.",
        "DEPTH_TO_SPACE": "Use RESHAPE and TRANSPOSE.",
        "SPACE_TO_DEPTH": "Use RESHAPE and TRANSPOSE.",
        "ARG_MIN": "Negate and use ARG_MAX.",
        "BROADCAST_TO": "Use TILE, or let an arithmetic op broadcast.",
        "GATHER_ND": "Use slices where the indices are constants.",
    },
)
_COMPARED = "Replace comparisons by MAXIMUM, MINIMUM or a product, or cut the graph before them."
_U55_NEVER = left_out(
    "GATHER REVERSE_V2",
    {
        **_NEVER,
        **dict.fromkeys(
            c.kinds("EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL SELECT SELECT_V2"),
            _COMPARED,
        ),
    },
)
U55 = Table(
    name="Ethos-U55/U65",
    version=_VERSION,
    sources=_SOURCES,
    rows=table_of(_u55_rows()),
    generic=(e.FIRST_DYNAMIC, e.SHAPED, e.QUANTIZED),
    breaks=(b.WEIGHTS_8_BIT, b.EIGHT_BIT_ONLY, b.SHAPED_CONSTANTS),
    no_ends=frozenset({BOOL}),
    never=_U55_NEVER,
    fallback=MICRO,
    elsewhere=_CPU,
    main_only=True,
)
U85 = Table(
    name="Ethos-U85",
    version=_VERSION,
    sources=_SOURCES,
    rows=table_of(_u85_rows()),
    generic=(e.FIRST_DYNAMIC, e.SHAPED, e.QUANTIZED),
    breaks=(b.WEIGHTS_8_BIT, b.EIGHT_BIT_ONLY, b.SHAPED_CONSTANTS, b.NARROW),
    never=_NEVER,
    fallback=MICRO,
    elsewhere=_CPU,
    main_only=True,
)
