"""LiteRT on a CPU: what its XNNPACK delegate takes; everything else runs on LiteRT's own kernels.

tests/targets/test_cpu.py holds every row against the delegate of the installed LiteRT.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from litesmith.graph import DType, Op
from litesmith.graph.enums import Activation
from litesmith.targets import constraints as c
from litesmith.targets.rules import Constraint, Row, Source, Table, Types, left_out, table_of

F32, F16, I2, I4 = DType.FLOAT32, DType.FLOAT16, DType.INT2, DType.INT4
I8, U8 = DType.INT8, DType.UINT8
_CLAMPED = c.fused(
    Activation.NONE, Activation.RELU, Activation.RELU_N1_TO_1, Activation.RELU6
)  # fmt: skip

LITERT = Table(
    name="LiteRT",
    version="LiteRT 2.3.0, 2026-11-24",
    sources=MappingProxyType({"": Source("ai_edge_litert, builtin op resolver", "2.3.0")}),
    rows=table_of([Row("CUSTOM:TFLite_Detection_PostProcess", frozenset({Types(F32), Types(U8)}))]),
    open=True,
)

_SOURCES = MappingProxyType(
    {
        "measured": Source("ai_edge_litert, XNNPACK delegate on x86-64, op by op", "2.3.0"),
        "readme": Source(
            "tensorflow/lite/delegates/xnnpack/README.md",
            "tensorflow 00200763692355169ab2f50fcfa3834bd739aacf",
        ),
    }
)

_FLOAT = frozenset({Types(F32)})
_BOTH = frozenset({Types(F32), Types(I8), Types(U8)})
_DENSE = frozenset({Types(F32, F32), Types(I8, I8), Types(U8, U8)})
_HYBRID = frozenset({Types(F32, I8)})


def _weights_constant(op: Op) -> bool:
    return c.constant(op, 1, 3 if op.kind == "TRANSPOSE_CONV" else 2)


_STATIC = Constraint(
    "static_weights", "weights and bias that are constants", _weights_constant,
    "Fold what computes the weights.",
)  # fmt: skip


def _like_scales(op: Op) -> bool:
    found = [c.ratio(t, op.outputs[0]) for t in op.inputs]
    return all(r is None or 2.0**-10 <= r < 2.0**8 for r in found)


_RATIO = Constraint(
    "scale_ratio", "operand scales within 2^-10 to 2^8 of the result's", _like_scales,
    "One operand is far smaller than the other; check that it matters.",
)  # fmt: skip


def _product_ratio(op: Op) -> bool:
    a, b = (op.input(i) for i in (0, 1))
    first = c.ratio(a, op.outputs[0])
    if first is None or b is None or b.quant is None or not b.quant.scale.size:
        return True
    return 2.0**-16 <= first * float(b.quant.scale.flat[0]) < 2.0**8


_PRODUCT = Constraint(
    "product_ratio", "a product of scales within 2^-16 to 2^8 of the result's", _product_ratio
)
_NO_POINT_STRIDE = Constraint(
    "point_stride",
    "a window larger than 1x1 where it has a stride",
    lambda op: c.kernel(op) != (1, 1) or c.strides(op) == (1, 1),
    "Use a strided slice.",
)


def _unit_slices(op: Op) -> bool:
    masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    plain = not any(op.option(mask, 0) for mask in masks)
    return plain and c.constant(op, 1, 2, 3) and all(s == 1 for s in c.numbers(op.input(3)))


_WHOLE_BYTES = {I4: 2, I2: 4}  # weights in a byte


def _whole_bytes(op: Op) -> bool:
    weights = op.input(1)
    return weights is None or weights.shape[-1] % _WHOLE_BYTES.get(weights.dtype, 1) == 0


def _rows() -> Iterator[Row]:
    linear = (_STATIC, _CLAMPED)
    yield Row("CONV_2D", _DENSE | _HYBRID, True, linear, "measured")
    yield Row("DEPTHWISE_CONV_2D", _DENSE, True, linear, "measured")
    covers = Constraint(
        "window_covers_stride", "a window at least as large as its stride",
        lambda op: all(k >= s for k, s in zip(c.kernel(op), c.strides(op), strict=True)),
        "Pad the weights with zeros.",
    )  # fmt: skip
    yield Row("TRANSPOSE_CONV", _DENSE | _HYBRID, True, (*linear, covers), "measured")
    even = Constraint(
        "whole_bytes",
        "a multiple of 2 input channels where weights are int4, of 4 where they are int2",
        _whole_bytes,
    )
    yield Row(
        "FULLY_CONNECTED", _DENSE | _HYBRID | {Types(F32, I4), Types(I8, I4), Types(I8, I2)}, True,
        (*linear, even), "measured",
    )  # fmt: skip
    computed = Constraint(
        "computed_operand",
        "a second operand that is computed, where both are integers",
        lambda op: c.real(op).dtype is F32 or not c.constant(op, 1),
        "Write it as FULLY_CONNECTED.",
    )
    yield Row("BATCH_MATMUL", frozenset({Types(F32), Types(I8)}), None, (computed,), "measured")
    for kind in ("ADD", "SUB"):
        yield Row(kind, _BOTH, None, (_CLAMPED, _RATIO), "measured")
    yield Row("MUL", _BOTH, None, (_CLAMPED, _PRODUCT), "measured")
    yield from _float_rows()
    yield Row("ELU", frozenset({Types(F32), Types(I8)}), source="measured")
    slope = Constraint(
        "alpha", "a slope other than 0", lambda op: op.option("alpha", 0.0) != 0, "Use RELU."
    )
    yield Row("LEAKY_RELU", frozenset({Types(F32), Types(I8)}), None, (slope,), "measured")
    yield from (Row(kind, _BOTH, source="measured") for kind in ("LOGISTIC", "TANH"))
    axes = c.constants("axes", 1)
    for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        yield Row(kind, _BOTH, None, (axes,), "measured")
    yield Row("MAX_POOL_2D", _BOTH, None, (_CLAMPED, _NO_POINT_STRIDE), "measured")
    yield Row("RESIZE_BILINEAR", _BOTH, None, (c.constants("sizes", 1),), "measured")
    yield from _moving_rows()
    to_int8 = Constraint(
        "quantize_to",
        "results of int8 or uint8, of its own type where it is an integer already",
        lambda op: op.outputs[0].dtype in ((I8, U8) if c.real(op).dtype is F32
                                           else (c.real(op).dtype,)),
    )  # fmt: skip
    yield Row("QUANTIZE", _BOTH, None, (to_int8,), "measured")
    yield Row("DEQUANTIZE", frozenset(map(Types, (I8, U8, F16))), None, (), "measured")


def _float_rows() -> Iterator[Row]:
    plain = (
        "ABS CEIL COS EXP FLOOR GELU HARD_SWISH LOG MAXIMUM MINIMUM NEG RELU RELU6 RELU_N1_TO_1 "
        "ROUND RSQRT SIN SQRT SQUARE SQUARED_DIFFERENCE"
    )
    yield from (Row(kind, _FLOAT, source="measured") for kind in plain.split())
    yield Row("DIV", _FLOAT, None, (_CLAMPED,), "measured")
    yield Row("PRELU", _FLOAT, None, (c.constants("slopes", 1),), "measured")
    beta = Constraint("beta", "beta = 1", lambda op: op.option("beta", 0.0) == 1.0)
    yield Row("SOFTMAX", _FLOAT, None, (beta,), "measured")
    yield Row("AVERAGE_POOL_2D", _FLOAT, None, (_CLAMPED, _NO_POINT_STRIDE), "measured")


def _moving_rows() -> Iterator[Row]:
    dims = Constraint(
        "reshape_rank", "a result of one dimension or more", lambda op: bool(op.outputs[0].shape)
    )
    yield Row("RESHAPE", _BOTH, None, (dims,), "measured")
    yield Row("TRANSPOSE", _BOTH, None, (c.constants("permutations", 1),), "measured")
    sizes = Constraint(
        "slice_sizes",
        "constant begins and sizes, none of them -1",
        lambda op: c.constant(op, 1, 2) and all(n >= 0 for n in c.numbers(op.input(2))),
    )
    yield Row("SLICE", _BOTH, None, (sizes,), "measured")
    unit = Constraint(
        "unit_slices", "constant bounds, steps of 1 and no dropped or new axes", _unit_slices
    )
    yield Row("STRIDED_SLICE", _BOTH, None, (unit,), "measured")
    yield Row("SPLIT", _BOTH, None, (c.constants("axes", 0),), "measured")
    joined = Constraint("joined", "two to five operands", lambda op: 2 <= len(op.inputs) <= 5)
    yield Row("CONCATENATION", _BOTH, None, (_CLAMPED, joined), "measured")
    yield from (Row(k, _BOTH, source="measured") for k in ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"))
    paddings = (c.constants("paddings", 1), c.of_type("paddings", DType.INT32, 1))
    yield Row("PAD", _BOTH, None, paddings, "measured")


XNNPACK = Table(
    name="XNNPACK",
    version="LiteRT 2.3.0, 2026-11-24",
    sources=_SOURCES,
    rows=table_of(_rows()),
    generic=(c.rank_at_most(6),),
    never=left_out(
        "ARG_MAX ARG_MIN BATCH_TO_SPACE_ND BROADCAST_TO CONV_3D CONV_3D_TRANSPOSE "
        "DYNAMIC_UPDATE_SLICE EMBEDDING_LOOKUP EQUAL GATHER REDUCE_PROD "
        "GATHER_ND GREATER GREATER_EQUAL L2_NORMALIZATION LESS LESS_EQUAL LOG_SOFTMAX MIRROR_PAD "
        "NOT_EQUAL PACK PADV2 RELU_0_TO_1 RESIZE_NEAREST_NEIGHBOR REVERSE_V2 SELECT SELECT_V2 "
        "SPACE_TO_BATCH_ND TILE UNPACK DILATE FILL MATRIX_SET_DIAG ONE_HOT SPARSE_TO_DENSE "
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        {
            "TOPK_V2": "Let the application pick the best.",
            "EXPAND_DIMS": "Use RESHAPE.",
            "SQUEEZE": "Use RESHAPE.",
            "SPLIT_V": "Use SPLIT where the parts are equal.",
        },
    ),
    fallback=LITERT,
    folds=True,
    elsewhere="on LiteRT's own kernels, which are slower",
)
