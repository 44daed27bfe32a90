"""Samples of ops that compute: with weights, of two values, of one value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from litesmith.graph import DType
from tests.conformance.sample import Sample, s, w, x, y
from tests.support.graphs import RELU, RELU6, RELU_N1_TO_1, SAME, VALID, const


def _linear() -> Iterator[Sample]:
    one = {"stride_w": 1, "stride_h": 1}
    for name, more in {
        "same": one | {"padding": SAME},
        "valid": one | {"padding": VALID},
        "stride2": {"stride_w": 2, "stride_h": 2, "padding": SAME},
        "stride21": {"stride_w": 2, "stride_h": 1, "padding": VALID},
        "relu": one | {"fused_activation_function": RELU},
        "relu6": one | {"fused_activation_function": RELU6},
        "relu_n1": one | {"fused_activation_function": RELU_N1_TO_1},
        "dilated": one | {"dilation_w_factor": 2, "dilation_h_factor": 2},
    }.items():
        yield s("CONV_2D", name, x(1, 9, 7, 3), w(5, 3, 3, 3), w(5), **more)
        yield s(
            "DEPTHWISE_CONV_2D",
            name,
            x(1, 9, 7, 3),
            w(1, 3, 3, 3),
            w(3),
            **more,
            depth_multiplier=1,
        )
    yield s("CONV_2D", "1x1", x(1, 4, 5, 8), w(6, 1, 1, 8), w(6), **one)
    yield s("CONV_2D", "one_channel", x(1, 8, 8, 1), w(1, 3, 3, 1), w(1), **one)
    yield s("CONV_2D", "grouped", x(1, 6, 6, 4), w(6, 3, 3, 2), w(6), **one)
    yield s("CONV_2D", "grouped_one", x(1, 6, 6, 4), w(4, 3, 3, 1), w(4), **one)
    yield s("CONV_2D", "batch3", x(3, 5, 5, 2), w(4, 3, 3, 2), w(4), **one)
    yield s("CONV_2D", "1x9", x(1, 1, 20, 4), w(4, 1, 9, 4), w(4), **one)
    yield s("CONV_2D", "wide", x(1, 4, 4, 3), w(4, 3, 3, 3), w(4), low=0, high=255, **one)
    yield s(
        "CONV_2D",
        "dilated_stride",
        x(1, 9, 9, 3),
        w(4, 3, 3, 3),
        w(4),
        stride_w=2,
        stride_h=2,
        dilation_w_factor=2,
        dilation_h_factor=2,
    )
    yield s(
        "DEPTHWISE_CONV_2D",
        "multiplier2",
        x(1, 6, 6, 3),
        w(1, 3, 3, 6),
        w(6),
        **one,
        depth_multiplier=2,
    )
    yield s(
        "DEPTHWISE_CONV_2D",
        "from_one",
        x(1, 6, 6, 1),
        w(1, 3, 3, 4),
        w(4),
        **one,
        depth_multiplier=4,
    )
    yield s(
        "DEPTHWISE_CONV_2D",
        "5x5",
        x(1, 9, 9, 8),
        w(1, 5, 5, 8),
        w(8),
        stride_w=2,
        stride_h=2,
        depth_multiplier=1,
    )
    yield s("FULLY_CONNECTED", "plain", x(1, 7), w(4, 7), w(4))
    yield s("FULLY_CONNECTED", "no_bias", x(1, 7), w(4, 7), None)
    yield s("FULLY_CONNECTED", "two_inputs", x(1, 7), w(4, 7))
    yield s("FULLY_CONNECTED", "one_unit", x(1, 7), w(1, 7), w(1))
    yield s("FULLY_CONNECTED", "relu", x(1, 7), w(4, 7), w(4), fused_activation_function=RELU)
    yield s("FULLY_CONNECTED", "relu6", x(1, 7), w(4, 7), w(4), fused_activation_function=RELU6)
    yield s("FULLY_CONNECTED", "keep_dims", x(1, 3, 7), w(4, 7), w(4), keep_num_dims=True)
    yield s("FULLY_CONNECTED", "flattens", x(1, 3, 7), w(4, 21), w(4))
    yield s("FULLY_CONNECTED", "rows", x(5, 7), w(4, 7), w(4))
    yield s("FULLY_CONNECTED", "rank3_rows", x(2, 3, 7), w(4, 7), w(4))
    shape = const([1, 8, 8, 3])
    two = {"stride_w": 2, "stride_h": 2, "dtype": DType.FLOAT32}
    yield s("TRANSPOSE_CONV", "same", shape, w(3, 3, 3, 4), x(1, 4, 4, 4), **two, padding=SAME)
    yield s("TRANSPOSE_CONV", "bias", shape, w(3, 3, 3, 4), x(1, 4, 4, 4), w(3), **two, version=3)
    yield s(
        "TRANSPOSE_CONV",
        "2x2",
        shape,
        w(3, 2, 2, 4),
        x(1, 4, 4, 4),
        w(3),
        **two,
        padding=VALID,
        version=3,
    )
    yield s(
        "TRANSPOSE_CONV",
        "relu",
        shape,
        w(3, 3, 3, 4),
        x(1, 4, 4, 4),
        w(3),
        **two,
        fused_activation_function=RELU,
        version=4,
    )
    yield s(
        "TRANSPOSE_CONV",
        "stride1",
        const([1, 4, 4, 3]),
        w(3, 3, 3, 4),
        x(1, 4, 4, 4),
        **one,
        dtype=DType.FLOAT32,
    )
    yield s("BATCH_MATMUL", "plain", x(2, 3, 4), y(2, 4, 5))
    yield s("BATCH_MATMUL", "rank2", x(3, 4), y(4, 5))
    yield s("BATCH_MATMUL", "rank4", x(1, 2, 3, 4), y(1, 2, 4, 5))
    yield s("BATCH_MATMUL", "broadcast", x(1, 2, 3, 4), y(4, 5))
    yield s("BATCH_MATMUL", "adj_x", x(2, 4, 3), y(2, 4, 5), adj_x=True)
    yield s("BATCH_MATMUL", "adj_y", x(2, 3, 4), y(2, 5, 4), adj_y=True)
    yield s("BATCH_MATMUL", "adj_both", x(2, 4, 3), y(2, 5, 4), adj_x=True, adj_y=True)
    yield s("BATCH_MATMUL", "constant_y", x(1, 3, 4), w(4, 5))
    yield s("BATCH_MATMUL", "constant_y_adj", x(1, 3, 4), w(5, 4), adj_y=True)
    yield s("BATCH_MATMUL", "constant_x", w(3, 4), x(1, 4, 5))
    yield s("BATCH_MATMUL", "rank5", x(1, 1, 2, 3, 4), y(1, 1, 2, 4, 5))


_BROADCASTS = {
    "same": ((1, 4, 5, 3), (1, 4, 5, 3)),
    "row": ((1, 4, 5, 3), (3,)),
    "scalar": ((1, 4, 5, 3), ()),
    "channel": ((1, 4, 5, 3), (1, 1, 1, 3)),
    "both": ((1, 4, 1, 3), (1, 1, 5, 3)),
    "left": ((1, 1, 1, 3), (1, 4, 5, 3)),
    "rank1": ((6,), (6,)),
    "rank2": ((1, 6), (1, 6)),
    "rank5": ((1, 2, 3, 4, 2), (1, 2, 3, 4, 2)),
    "rank5_row": ((1, 2, 3, 4, 2), (2,)),
    "rank6_both": ((1, 2, 1, 2, 2, 2), (1, 1, 3, 2, 1, 2)),
}


def _binary() -> Iterator[Sample]:
    fused = {"relu": RELU, "relu6": RELU6, "relu_n1": RELU_N1_TO_1}
    kinds = ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM")
    compare = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    for kind in (*kinds, *compare):
        more: dict[str, Any] = {"dtype": DType.BOOL} if kind in compare else {}
        for name, (a, b) in _BROADCASTS.items():
            yield s(kind, name, x(*a), y(*b), **more)
        yield s(kind, "constant", x(1, 4, 4, 3), w(3), **more)
        yield s(kind, "constant_scalar", x(1, 4, 4, 3), const(np.float32(0.3)), **more)
        yield s(kind, "constant_first", w(1, 1, 1, 3), x(1, 4, 4, 3), **more)
        yield s(kind, "wide", x(1, 4, 4, 3), w(3, scale=9), low=-50, high=150, **more)
        yield s(kind, "tiny_constant", x(1, 4, 4, 3), w(3, scale=1e-3), **more)
    for kind in ("ADD", "SUB", "MUL"):
        for name, value in fused.items():
            yield s(
                kind,
                name,
                x(1, 4, 4, 3),
                y(1, 4, 4, 3),
                low=-5,
                high=5,
                fused_activation_function=value,
            )
    for kind in ("ADD", "MUL", "SQUARED_DIFFERENCE"):
        same = x(1, 4, 4, 3)
        yield s(kind, "itself", same, same)
    yield s("PRELU", "shared", x(1, 4, 4, 3), w(1, 1, 3))
    yield s("PRELU", "elementwise", x(1, 4, 4, 3), w(4, 4, 3))
    yield s("PRELU", "scalar", x(1, 4, 4, 3), w(1, 1, 1))
    yield s("PRELU", "rank2", x(1, 6), w(6))
    yield s("PRELU", "rank3", x(1, 5, 6), w(1, 6))
    yield s("PRELU", "computed", x(1, 4, 4, 3), y(1, 1, 3))
    yield s("PRELU", "large", x(1, 4, 4, 3), w(1, 1, 3, scale=3.0))


def _unary() -> Iterator[Sample]:
    ranges = {
        "ABS": (-3, 2),
        "ELU": (-5, 3),
        "EXP": (-4, 2),
        "GELU": (-4, 4),
        "HARD_SWISH": (-6, 6),
        "LEAKY_RELU": (-4, 4),
        "RELU": (-2, 3),
        "RELU6": (-4, 9),
        "RELU_0_TO_1": (-1, 2),
        "RELU_N1_TO_1": (-2, 2),
        "LOGISTIC": (-9, 9),
        "TANH": (-4, 4),
    }
    for kind, (low, high) in ranges.items():
        for name, shape in {
            "rank1": (6,),
            "rank2": (1, 7),
            "rank4": (1, 3, 4, 3),
            "rank5": (1, 2, 3, 2, 2),
        }.items():
            yield s(kind, name, x(*shape), low=low, high=high)
        yield s(kind, "narrow", x(1, 20), low=-0.1, high=0.2)
    for kind in ("LOG", "RSQRT", "SQRT"):
        for name, shape in {"rank2": (1, 30), "rank4": (1, 3, 4, 3)}.items():
            yield s(kind, name, x(*shape), low=0.25, high=4)
        yield s(kind, "near_zero", x(1, 300), low=0.001, high=4)
    yield s("SQRT", "from_zero", x(1, 30), low=0, high=4)
    yield s("GELU", "approximate", x(1, 30), low=-4, high=4, approximate=True)
    yield s("LEAKY_RELU", "alpha", x(1, 30), low=-4, high=4, alpha=0.3)
    yield s("LEAKY_RELU", "steep", x(1, 30), low=-4, high=4, alpha=2.0)
    yield s("HARD_SWISH", "positive", x(1, 30), low=0, high=9)
    for name, shape in {
        "rank1": (8,),
        "rank2": (1, 8),
        "rank3": (2, 3, 8),
        "rank4": (1, 2, 2, 5),
    }.items():
        yield s("SOFTMAX", name, x(*shape), low=-4, high=4, beta=1.0)
        yield s("LOG_SOFTMAX", name, x(*shape), low=-4, high=4)
        yield s("L2_NORMALIZATION", name, x(*shape), low=-4, high=4)
    yield s("SOFTMAX", "beta", x(1, 8), low=-4, high=4, beta=0.5)
    yield s("SOFTMAX", "peaked", x(1, 8), low=-60, high=60, beta=1.0)
    yield s("SOFTMAX", "flat", x(1, 8), low=-1e-3, high=1e-3, beta=1.0)
    yield s("SOFTMAX", "rank5", x(1, 2, 2, 2, 5), low=-4, high=4, beta=1.0)


COMPUTING: tuple[Sample, ...] = (*_linear(), *_binary(), *_unary())
