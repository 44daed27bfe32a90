"""Builtin ops without a row that claims an integer kernel, each with the reason.

Together with `facts.FACTS` this names every op of the schema. What LiteRT refuses was asked of
LiteRT 2.3 with int8 tensors on its three kernel sets (tests/conformance/test_float_only.py asks
again, so that a kernel which a newer LiteRT has is not missed).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NO_KERNEL = "LiteRT has no integer kernel for it"
REWRITTEN = f"{NO_KERNEL}, and this form could not be written as ops that have one"
_RAW = "its integer kernel computes with the integers themselves, whatever their scale"
_RECURRENT = "recurrent ops keep float arithmetic; their weights are stored as int8"
_CODES = "it handles indices, truth values or text, which have no scale"
# What becomes of loops and branches is the business of quantize/loops.py.
_FUNCTIONS = "it calls other graphs"
_STATE = "it handles state, which keeps its type"
_CONVERTS = "it converts between types"
_ZEROS = "its integer kernel fills with the integer 0, which means another value"

_REASONS: Mapping[str, tuple[str, ...]] = {
    NO_KERNEL: (
        "ATAN2", "BUCKETIZE", "CEIL", "COMPLEX_ABS", "CONV_3D", "CONV_3D_TRANSPOSE", "COS",
        "CUMSUM", "FLOOR", "IMAG", "L2_POOL_2D", "LOCAL_RESPONSE_NORMALIZATION", "MULTINOMIAL",
        "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "RANDOM_STANDARD_NORMAL",
        "RANDOM_UNIFORM", "REAL", "REVERSE_SEQUENCE", "RFFT2D", "ROUND", "SEGMENT_SUM", "SIGN",
        "SIN", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN", "UNSORTED_SEGMENT_PROD",
        "UNSORTED_SEGMENT_SUM", "ZEROS_LIKE",
    ),
    REWRITTEN: ("ADD_N", "POW", "SQUARE"),
    "its integer kernel aborts where a divisor is rounded to 0": ("DIV",),
    _RAW: (
        "CAST", "FLOOR_DIV", "FLOOR_MOD", "REDUCE_WINDOW", "STABLEHLO_ADD", "STABLEHLO_AND",
        "STABLEHLO_GATHER", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM", "STABLEHLO_MULTIPLY",
        "STABLEHLO_PAD", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SCATTER", "STABLEHLO_SHIFT_LEFT",
        "WHERE",
    ),
    "its integer kernel takes -128 to itself and needs another zero point": ("NEG",),
    _ZEROS: ("MATRIX_DIAG", "SCATTER_ND"),
    "values that int8 cannot tell apart would be counted as one": ("UNIQUE",),
    "it imitates quantization in float arithmetic": ("FAKE_QUANT",),
    _RECURRENT: (
        "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN", "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
    ),
    _CODES: (
        "BITCAST", "BITWISE_XOR", "BROADCAST_ARGS", "HASHTABLE", "HASHTABLE_FIND",
        "HASHTABLE_IMPORT", "HASHTABLE_LOOKUP", "HASHTABLE_SIZE", "LOGICAL_AND", "LOGICAL_NOT",
        "LOGICAL_OR", "LSH_PROJECTION", "RANGE", "RANK", "REDUCE_ALL", "REDUCE_ANY",
        "RIGHT_SHIFT", "SHAPE", "SKIP_GRAM", "STABLEHLO_RNG_BIT_GENERATOR",
    ),
    _FUNCTIONS: ("CALL_ONCE", "IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE", "WHILE"),
    _STATE: ("ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE"),
    _CONVERTS: ("DENSIFY", "DEQUANTIZE", "QUANTIZE"),
    "litesmith knows no integer form of it": ("CUSTOM", "EMBEDDING_LOOKUP_SPARSE"),
    "LiteRT has no kernel for it": (
        "CALL", "CONCAT_EMBEDDINGS", "DELEGATE", "STABLEHLO_ABS", "STABLEHLO_BROADCAST_IN_DIM",
        "STABLEHLO_CBRT", "STABLEHLO_CLAMP", "STABLEHLO_COMPARE", "STABLEHLO_CONCATENATE",
        "STABLEHLO_CONVERT", "STABLEHLO_CONVOLUTION", "STABLEHLO_COSINE", "STABLEHLO_CUSTOM_CALL",
        "STABLEHLO_DIVIDE", "STABLEHLO_DOT_GENERAL", "STABLEHLO_DYNAMIC_SLICE",
        "STABLEHLO_DYNAMIC_UPDATE_SLICE", "STABLEHLO_EXPONENTIAL", "STABLEHLO_FLOOR",
        "STABLEHLO_IOTA", "STABLEHLO_LOG", "STABLEHLO_LOGISTIC", "STABLEHLO_NEGATE",
        "STABLEHLO_OR", "STABLEHLO_POWER", "STABLEHLO_REDUCE", "STABLEHLO_REMAINDER",
        "STABLEHLO_RESHAPE", "STABLEHLO_RSQRT", "STABLEHLO_SELECT", "STABLEHLO_SLICE",
        "STABLEHLO_SORT", "STABLEHLO_SUBTRACT", "STABLEHLO_TANH", "STABLEHLO_TRANSPOSE",
        "STABLEHLO_WHILE",
    ),
}  # fmt: skip

FLOAT_ONLY: Mapping[str, str] = MappingProxyType(
    {kind: reason for reason, kinds in _REASONS.items() for kind in kinds}
)
