"""Google Coral Edge TPU: the documented table of its compiler; nothing here was measured.

The compiler maps one part of the graph: behind the first op that it leaves on the CPU everything
else stays there as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from litesmith.graph import DType, Op
from litesmith.targets import constraints as c
from litesmith.targets.cpu import XNNPACK
from litesmith.targets.rules import Constraint, Row, Source, Table, Types, left_out, table_of

I8, U8 = DType.INT8, DType.UINT8
_TYPES = frozenset({Types(I8), Types(U8)})
_DENSE = frozenset({Types(I8, I8), Types(U8, U8)})
_SOURCES = MappingProxyType(
    {
        "coral": Source(
            "coral.ai/docs/edgetpu/models-intro, table 1 (operations, runtime 14)", "2021-11"
        ),
        "axis": Source(
            "developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops "
            "(the same table)",
            "2026-11-24",
        ),
    }
)


def _rank(op: Op) -> bool:
    return all(max((1, *t.shape[:-3])) == 1 for t in c.values(op) if len(t.shape) > 3)


def _batch_untouched(op: Op) -> bool:
    rank = len(c.real(op).shape)
    return rank < 4 or 0 not in c.axes(op, 1, rank)


def _mean_depth(op: Op) -> bool:
    shape = c.real(op).shape
    return len(shape) - 1 not in c.axes(op, 1, len(shape)) or shape[-1] % 4 == 0


def _pad_batch(op: Op) -> bool:
    pads = c.numbers(op.input(1))
    return len(c.real(op).shape) < 4 or pads[:2] in ([], [0, 0])


def _split_batch(op: Op) -> bool:
    rank = len(c.real(op).shape)
    return rank < 4 or 0 not in c.axes(op, 0, rank)


def _zero_constants(op: Op) -> bool:
    constants = [t for t in op.inputs if t is not None and t.data is not None]
    if not constants:
        return True
    return len(op.inputs) == 2 and all(_is_zero(t.data, t.quant) for t in constants)


def _is_zero(data: object, quant: object) -> bool:
    zero = 0 if quant is None else int(quant.zero_point[0])  # type: ignore[attr-defined]
    return bool((data == zero).all())  # type: ignore[attr-defined]


def _slice_plain(op: Op) -> bool:
    masks = op.option("ellipsis_mask", 0) or op.option("new_axis_mask", 0)
    return not masks and c.constant(op, 3) and all(s == 1 for s in c.numbers(op.input(3)))


def _softmax(op: Op) -> bool:
    shape = c.real(op).shape
    return c.elements(c.real(op)) == (shape[-1] if shape else 1) <= 16000


def _one_row(op: Op) -> bool:
    shape = op.outputs[0].shape
    return c.elements(op.outputs[0]) == (shape[-1] if shape else 1)


def _shared_slopes(op: Op) -> bool:
    slopes = op.input(1)
    return slopes is None or c.elements(slopes) == (slopes.shape[-1] if slopes.shape else 1)


_NO_FUSED = c.fused(0)
_BATCH = Constraint("batch_axis", "axes other than the batch's", _batch_untouched)
_SAME_DILATION = Constraint(
    "same_dilation", "the same dilation in both directions",
    lambda op: len(set(c.dilations(op))) == 1,
)  # fmt: skip
_VOLUME = Constraint(
    "resize_rank", "an image of batch 1", lambda op: max((1, *c.real(op).shape[:-3])) == 1
)


def _rows() -> Iterator[Row]:
    plain = (
        "ADD EXPAND_DIMS L2_NORMALIZATION LOGISTIC MAXIMUM MINIMUM MUL QUANTIZE RELU RELU6 "
        "RELU_N1_TO_1 RESHAPE RSQRT SLICE SPACE_TO_DEPTH SQUARED_DIFFERENCE SQUEEZE SUB TANH "
        "TRANSPOSE"
    )
    yield from (Row(kind, _TYPES, source="coral") for kind in plain.split())
    yield Row("AVERAGE_POOL_2D", _TYPES, None, (_NO_FUSED,), "coral")
    yield Row("MAX_POOL_2D", _TYPES, None, (_NO_FUSED,), "coral")
    zeros = Constraint(
        "zero_constants", "operands that are computed (or two, the constant one of zeros)",
        _zero_constants, "Use PAD.",
    )  # fmt: skip
    yield Row("CONCATENATION", _TYPES, None, (_NO_FUSED, zeros), "coral")
    yield Row("CONV_2D", _DENSE, True, (_SAME_DILATION,), "coral")
    yield Row("DEPTHWISE_CONV_2D", _DENSE, True, (_SAME_DILATION,), "coral")
    yield Row("TRANSPOSE_CONV", _DENSE, True, (), "coral")
    row = Constraint("one_row", "a single row of results", _one_row, "Export with --batch 1.")
    # Weights with a scale per channel are newer than the compiler (16.0, 2021).
    yield Row("FULLY_CONNECTED", _DENSE, False, (row,), "coral")
    depth = Constraint(
        "mean_depth", "a multiple of 4 channels where it averages over them", _mean_depth
    )
    yield Row("MEAN", _TYPES, None, (_BATCH, depth), "coral")
    yield from (Row(k, _TYPES, None, (_BATCH,), "coral") for k in ("REDUCE_MAX", "REDUCE_MIN"))
    yield Row("SUM", _TYPES, None, (_BATCH,), "coral")
    unpacked = Constraint(
        "pack_axis", "an axis other than the batch's", lambda op: op.option("axis", 0) != 0
    )
    yield Row("PACK", _TYPES, None, (unpacked,), "coral")
    pads = Constraint("pad_batch", "paddings outside of the batch", _pad_batch)
    yield Row("PAD", _TYPES, None, (pads,), "coral")
    slopes = Constraint(
        "shared_slopes", "slopes that all places share", _shared_slopes, "Use shared_axes=[1, 2]."
    )
    yield Row("PRELU", _TYPES, None, (slopes,), "coral")
    for kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        yield Row(kind, _TYPES, None, (_VOLUME,), "coral")
    softmax = Constraint(
        "softmax_row", "a single row of at most 16000 values", _softmax,
        "Leave it to the application (--head logits).",
    )  # fmt: skip
    yield Row("SOFTMAX", _TYPES, None, (softmax,), "coral")
    split = Constraint("split_axis", "an axis other than the batch's", _split_batch)
    yield Row("SPLIT", _TYPES, None, (split,), "coral")
    steps = Constraint(
        "plain_slices", "steps of 1, and no new axes or ellipsis", _slice_plain
    )  # fmt: skip
    yield Row("STRIDED_SLICE", _TYPES, None, (steps,), "coral")
    yield Row(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", _TYPES, None, (), "coral", recurrent="fused"
    )  # fmt: skip


EDGETPU = Table(
    name="Edge TPU",
    version="Edge TPU compiler 16.0 / runtime 14, taken 2026-11-24",
    sources=_SOURCES,
    rows=table_of(_rows()),
    generic=(
        c.STATIC,
        Constraint("three_dimensions", "a size of 1 in all but the last three dimensions", _rank,
                   "Export with --batch 1."),
    ),
    never=left_out(
        "DYNAMIC_UPDATE_SLICE EMBEDDING_LOOKUP REDUCE_PROD "
        "DILATE FILL MATRIX_SET_DIAG ONE_HOT SPARSE_TO_DENSE "
        "ABS ARG_MIN BATCH_TO_SPACE_ND BROADCAST_TO CONV_3D CONV_3D_TRANSPOSE "
        "DEPTH_TO_SPACE EQUAL EXP GATHER GATHER_ND GREATER GREATER_EQUAL LESS "
        "LESS_EQUAL LOG LOG_SOFTMAX MIRROR_PAD NOT_EQUAL PADV2 RELU_0_TO_1 REVERSE_V2 "
        "SELECT SELECT_V2 SPACE_TO_BATCH_ND SPLIT_V SQRT TILE UNPACK",
        {
            "LEAKY_RELU": "Use RELU, or PRELU with slopes that all places share.",
            "HARD_SWISH": "Use RELU6.",
            "GELU": "Use RELU6.",
            "ELU": "Use RELU6.",
            "TOPK_V2": "Let the application pick the best.",
            "ARG_MAX": "Let the application take the argmax.",
            "BATCH_MATMUL": "Use FULLY_CONNECTED with constant weights.",
        }
    ),
    fallback=XNNPACK.fallback,
    elsewhere="on the host's CPU (LiteRT), with all that follows",
    prefix=True,
    main_only=True,
)  # fmt: skip
