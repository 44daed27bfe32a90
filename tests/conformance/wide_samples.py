"""More samples: ranks 5 and 6, sizes that take other code paths, ratios that strain multipliers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from litesmith.graph import DType
from tests.conformance.sample import Sample, i, s, w, x, y
from tests.support.graphs import VALID, const

_ONE = {"stride_w": 1, "stride_h": 1}


def _sizes() -> Iterator[Sample]:
    yield s("CONV_2D", "big", x(1, 12, 12, 64), w(64, 3, 3, 64, scale=0.05), w(64), **_ONE)
    yield s("CONV_2D", "big_1x1", x(1, 7, 7, 256), w(128, 1, 1, 256, scale=0.05), w(128), **_ONE)
    yield s("CONV_2D", "stride3", x(1, 16, 16, 3), w(8, 5, 5, 3), w(8), stride_w=3, stride_h=3)
    yield s("CONV_2D", "kernel_larger", x(1, 2, 2, 3), w(8, 5, 5, 3), w(8), **_ONE)
    yield s("DEPTHWISE_CONV_2D", "big", x(1, 14, 14, 64), w(1, 3, 3, 64), w(64), **_ONE)
    yield s("DEPTHWISE_CONV_2D", "row", x(1, 1, 40, 8), w(1, 1, 7, 8), w(8), **_ONE)
    yield s(
        "DEPTHWISE_CONV_2D", "global", x(1, 5, 5, 8), w(1, 5, 5, 8), w(8), **_ONE, padding=VALID
    )
    yield s("FULLY_CONNECTED", "big", x(1, 512), w(300, 512, scale=0.05), w(300))
    yield s("BATCH_MATMUL", "big", x(4, 49, 32), y(4, 32, 49))
    yield s("BATCH_MATMUL", "both_broadcast", x(3, 1, 4, 5), y(1, 2, 5, 3))
    yield s("MEAN", "large", x(1, 56, 56, 16), const([1, 2]), keep_dims=True)
    yield s("MEAN", "larger", x(1, 224, 224, 1), const([1, 2]), keep_dims=True, low=0)
    yield s("MEAN", "far_from_zero", x(1, 56, 56, 4), const([1, 2]), low=100, high=101)
    yield s("MEAN", "no_axes", x(1, 2, 4), const(np.zeros(0, np.int32)), keep_dims=True)
    yield s(
        "AVERAGE_POOL_2D",
        "large",
        x(1, 40, 40, 4),
        **_ONE,
        filter_width=40,
        filter_height=40,
        padding=VALID,
    )
    yield s("SOFTMAX", "1000", x(1, 1000), low=-8, high=8, beta=1.0)
    yield s("LOG_SOFTMAX", "1000", x(1, 1000), low=-8, high=8)
    yield s("L2_NORMALIZATION", "512", x(1, 512), low=-2, high=2)
    big = {"stride_w": 2, "stride_h": 2, "dtype": DType.FLOAT32, "version": 3}
    yield s("TRANSPOSE_CONV", "4x4", const([1, 8, 8, 3]), w(3, 4, 4, 4), x(1, 4, 4, 4), w(3), **big)
    yield s(
        "TRANSPOSE_CONV",
        "valid",
        const([1, 9, 9, 3]),
        w(3, 3, 3, 4),
        x(1, 4, 4, 4),
        w(3),
        **big,
        padding=VALID,
    )
    yield s("RESIZE_BILINEAR", "big", x(1, 16, 16, 4), const([64, 64]), half_pixel_centers=True)


def _ratios() -> Iterator[Sample]:
    for kind in ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE"):
        yield s(kind, "large_ratio", x(1, 64), w(64, scale=1e4))
        yield s(kind, "small_ratio", x(1, 64), w(64, scale=1e-4))
    for alpha in (-0.5, 0.0, 20.0):
        yield s("LEAKY_RELU", f"alpha{alpha}", x(1, 40), alpha=alpha)
    for kind in ("ELU", "GELU", "HARD_SWISH", "TANH", "LOGISTIC"):
        yield s(kind, "wide", x(1, 250), low=-40, high=20)
        yield s(kind, "low", x(1, 250), low=-3, high=-0.1)
    yield s("EXP", "wide", x(1, 200), low=-20, high=5)
    # All that is seen of the result is near 0, while the input's steps are large.
    yield s("HARD_SWISH", "far_below", x(1, 250), low=-3000, high=-1)
    same = x(1, 64)
    yield s("SQUARED_DIFFERENCE", "itself_wide", same, same, low=-50, high=100)
    for kind in ("LOG", "RSQRT", "SQRT"):
        yield s(kind, "large", x(1, 250), low=1, high=1e6)
        yield s(kind, "small", x(1, 250), low=1e-6, high=1e-4)


def _ranks() -> Iterator[Sample]:
    for rank in (5, 6):
        shape = (1, 2, 1, 3, 2, 2)[:rank]
        name, a, zeros, ones = f"rank{rank}", x(*shape), [0] * rank, [1] * rank
        for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
            yield s(kind, name, a, const([rank - 1, 1]), keep_dims=False)
        for kind in ("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"):
            yield s(kind, name, a, **({"beta": 1.0} if kind == "SOFTMAX" else {}))
        yield s("PACK", name, x(*shape[1:]), y(*shape[1:]), axis=2, values_count=2)
        yield s("UNPACK", name, a, count=2, num=2, axis=1)
        yield s("TILE", name, a, const([2] * rank))
        yield s("SLICE", name, a, const(zeros), const(ones))
        yield s("STRIDED_SLICE", name, x(*shape[:5]), *map(const, ([0] * 5, [1] * 5, [1] * 5)))
        yield s("SPLIT", name, const(1), a, count=2, num_splits=2, dtype=DType.FLOAT32)
        yield s("GATHER", name, a, const([1, 0]), axis=1)
        yield s("GATHER_ND", name, a, const([[0, 1]]))
        yield s("REVERSE_V2", name, a, const([1]))
        yield s(
            "SELECT_V2", name, i(*shape[:-1], 1, dtype=DType.BOOL), a, y(2), dtype=DType.FLOAT32
        )
        yield s("PRELU", name, a, w(*shape[1:]))
        yield s("EXPAND_DIMS", name, a, const([2]))
        yield s("ARG_MAX", name, a, const(np.int32(1)), dtype=DType.INT32, output_type=2)


WIDE_SAMPLES: tuple[Sample, ...] = (*_sizes(), *_ratios(), *_ranks())
