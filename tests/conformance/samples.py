"""One-op float graphs for every row of the fact table that claims an int8 kernel.

Add a row here with every row in `graph/facts.py`; the shapes, options and broadcasts are those that
kernels are known to treat differently (ranks, paddings, strides, depth 1, odd sizes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.graph import DType, Graph, Tensor
from tests.support.graphs import RELU, RELU6, RELU_N1_TO_1, SAME, VALID, const, one_op, tensor

_random = np.random.default_rng(7)


@dataclass(frozen=True, eq=False)
class Sample:
    """A one-op graph and what to feed it.

    Attributes:
        kind, name: the test's id.
        inputs: operands; those without data are the graph's inputs.
        low, high: range of the float inputs in calibration.
        bound: integer inputs are drawn from [0, bound).
        observed: feed only values inside the observed range (functions undefined outside of it).
        tolerance: LSBs that both kernels may differ from the ideal.
        options: passed to the op (count, dtype and option fields).
    """

    kind: str
    name: str
    inputs: tuple[Tensor | None, ...]
    low: float = -1.0
    high: float = 1.0
    bound: int = 2
    observed: bool = False
    tolerance: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        return one_op(self.kind, *self.inputs, **self.options)

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


def x(*shape: int, name: str = "x") -> Tensor:
    """A float input."""
    return tensor(name, shape)


def y(*shape: int) -> Tensor:
    """A second float input."""
    return tensor("y", shape)


def i(*shape: int, dtype: DType = DType.INT32) -> Tensor:
    """An integer or truth input."""
    return tensor("i", shape, dtype)


def w(*shape: int, scale: float = 0.5) -> Tensor:
    """Random constant."""
    return const(_random.normal(0, scale, shape).astype(np.float32), "w")


def s(kind: str, name: str, *inputs: Tensor | None, **more: Any) -> Sample:
    """Split sample attributes from op options."""
    own = {k: more.pop(k) for k in ("low", "high", "bound", "observed", "tolerance") if k in more}
    return Sample(kind, name, inputs, options=more, **own)


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


def _reductions() -> Iterator[Sample]:
    for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        for name, axes in {
            "spatial": [1, 2],
            "channel": [3],
            "minus1": [-1],
            "height": [1],
            "width": [2],
            "height_channel": [1, 3],
            "all": [0, 1, 2, 3],
            "spatial_reversed": [2, 1],
            "batch": [0],
            "all_but_batch": [1, 2, 3],
        }.items():
            yield s(kind, name, x(1, 5, 7, 3), const(axes), keep_dims=False)
            yield s(kind, name + "_kept", x(1, 5, 7, 3), const(axes), keep_dims=True)
        yield s(kind, "rank2", x(1, 9), const([1]), keep_dims=True)
        yield s(kind, "rank3", x(1, 4, 9), const([1]), keep_dims=False)
        yield s(kind, "scalar_axis", x(1, 4, 9), const(np.int32(2)), keep_dims=False)
        yield s(kind, "rank5", x(1, 2, 3, 4, 5), const([1, 2, 3]), keep_dims=False)
        yield s(kind, "positive", x(1, 5, 7, 3), const([1, 2]), low=2, high=6)
    for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        square = {"filter_width": 2, "filter_height": 2}
        two, one = {"stride_w": 2, "stride_h": 2}, {"stride_w": 1, "stride_h": 1}
        yield s(kind, "valid", x(1, 7, 6, 3), **square, **two, padding=VALID)
        yield s(kind, "same", x(1, 7, 6, 3), **square, **two, padding=SAME)
        yield s(kind, "3x3", x(1, 7, 7, 3), **one, filter_width=3, filter_height=3, padding=SAME)
        yield s(kind, "relu", x(1, 7, 6, 3), **square, **two, fused_activation_function=RELU)
        yield s(
            kind,
            "relu6",
            x(1, 7, 6, 3),
            **square,
            **two,
            fused_activation_function=RELU6,
            low=-9,
            high=9,
        )
        yield s(
            kind, "global", x(1, 5, 5, 3), **one, filter_width=5, filter_height=5, padding=VALID
        )
        yield s(kind, "1x1_stride", x(1, 6, 6, 3), **two, filter_width=1, filter_height=1)
        yield s(
            kind,
            "row",
            x(1, 1, 9, 3),
            stride_w=2,
            stride_h=1,
            filter_width=3,
            filter_height=1,
            padding=VALID,
        )
    for kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        for name, more in {
            "plain": {},
            "corners": {"align_corners": True},
            "half": {"half_pixel_centers": True},
        }.items():
            yield s(kind, name + "_up", x(1, 4, 5, 3), const([8, 10]), **more)
            yield s(kind, name + "_down", x(1, 8, 8, 3), const([3, 5]), **more)


def _moves() -> Iterator[Sample]:
    plain = x(1, 4, 6, 3)
    yield s("RESHAPE", "flat", plain, const([1, 72]), new_shape=[1, 72])
    yield s("RESHAPE", "scalar", x(1, 1), const(np.zeros(0, np.int32)))
    yield s("SQUEEZE", "axes", x(1, 1, 1, 5), squeeze_dims=[1, 2])
    yield s("SQUEEZE", "all", x(1, 1, 1, 5), squeeze_dims=[])
    yield s("EXPAND_DIMS", "first", x(1, 5), const([1]))
    yield s("EXPAND_DIMS", "last", x(1, 5), const(np.int32(-1)))
    for name, order in {"swap": [0, 2, 1, 3], "nchw": [0, 3, 1, 2], "all": [3, 2, 1, 0]}.items():
        yield s("TRANSPOSE", name, plain, const(order))
    yield s("TRANSPOSE", "rank2", x(3, 5), const([1, 0]))
    yield s("TRANSPOSE", "rank5", x(1, 2, 3, 2, 2), const([0, 2, 1, 4, 3]))
    yield s("TRANSPOSE", "rank6", x(1, 2, 3, 2, 2, 2), const([0, 2, 1, 4, 3, 5]))
    yield from _slices(plain)
    yield from _joins(plain)
    yield from _paddings(plain)
    yield from _selections(plain)


def _slices(plain: Tensor) -> Iterator[Sample]:
    begin, end, step = const([0, 1, 0, 0]), const([1, 3, 6, 2]), const([1, 1, 2, 1])
    yield s("STRIDED_SLICE", "plain", plain, begin, end, step)
    yield s("STRIDED_SLICE", "begin_mask", plain, begin, end, step, begin_mask=15)
    yield s("STRIDED_SLICE", "end_mask", plain, begin, end, step, end_mask=15)
    yield s("STRIDED_SLICE", "shrink", plain, begin, end, step, shrink_axis_mask=2)
    yield s(
        "STRIDED_SLICE",
        "backwards",
        plain,
        const([0, 3, 0, 0]),
        const([1, 0, 6, 3]),
        const([1, -1, 1, 1]),
    )
    yield s(
        "STRIDED_SLICE",
        "new_axis",
        x(4, 6),
        const([0, 0, 0]),
        const([0, 4, 6]),
        const([1, 1, 1]),
        new_axis_mask=1,
    )
    yield s(
        "STRIDED_SLICE",
        "ellipsis",
        plain,
        const([0, 0]),
        const([0, 2]),
        const([1, 1]),
        ellipsis_mask=1,
    )
    yield s(
        "STRIDED_SLICE",
        "rank5",
        x(1, 2, 3, 4, 2),
        const([0, 0, 1, 0, 0]),
        const([1, 2, 3, 4, 2]),
        const([1, 1, 1, 2, 1]),
    )
    yield s("SLICE", "plain", plain, const([0, 1, 2, 0]), const([1, 2, 3, 3]))
    yield s("SLICE", "rest", plain, const([0, 1, 2, 0]), const([-1, -1, -1, 2]))
    yield s("SLICE", "rank5", x(1, 2, 3, 4, 2), const([0, 0, 1, 0, 0]), const([1, 2, 2, 4, 2]))
    yield s("SLICE", "rank2", x(1, 9), const([0, 2]), const([1, 4]))
    yield s(
        "SPLIT", "channels", const(3), x(1, 4, 4, 6), count=3, num_splits=3, dtype=DType.FLOAT32
    )
    yield s("SPLIT", "minus1", const(-1), x(1, 4, 4, 6), count=2, num_splits=2, dtype=DType.FLOAT32)
    yield s("SPLIT_V", "channels", x(1, 4, 4, 6), const([1, 2, 3]), const(3), count=3, num_splits=3)
    yield s("SPLIT_V", "rest", x(1, 4, 4, 6), const([1, -1]), const(3), count=2, num_splits=2)
    yield s("UNPACK", "axis1", x(1, 3, 5), count=3, num=3, axis=1)
    yield s("UNPACK", "minus1", x(1, 4, 2), count=2, num=2, axis=-1)
    yield s("GATHER", "indices", x(5, 4), const([3, 0, 3]), axis=0)
    yield s("GATHER", "axis1", x(1, 5, 4), const([3, 0]), axis=1)
    yield s("GATHER", "minus1", x(1, 5, 4), const([3, 0]), axis=-1)
    yield s("GATHER", "scalar_index", x(1, 5, 4), const(2), axis=1)
    yield s("GATHER", "table", w(9, 4), i(1, 3), axis=0, bound=9)
    yield s("GATHER", "table_int64", w(9, 4), i(1, 3, dtype=DType.INT64), axis=0, bound=9)
    yield s("GATHER", "batch_dims", x(2, 5, 4), const([[3, 0], [1, 2]]), axis=1, batch_dims=1)
    yield s("GATHER_ND", "points", x(4, 5, 3), const([[0, 1], [3, 4]]))
    yield s("GATHER_ND", "elements", x(4, 5), const([[0, 1], [3, 4], [2, 2]]))
    yield s("REVERSE_V2", "axis1", x(1, 5, 4), const([1]))
    yield s("REVERSE_V2", "channels", x(1, 4, 4, 3), const([3]))


def _joins(plain: Tensor) -> Iterator[Sample]:
    yield s("CONCATENATION", "channels", plain, y(1, 4, 6, 2), axis=3)
    yield s("CONCATENATION", "minus1", plain, y(1, 4, 6, 2), axis=-1)
    yield s("CONCATENATION", "height", plain, y(1, 2, 6, 3), axis=1)
    yield s("CONCATENATION", "constant", x(1, 2, 4), w(1, 1, 4), axis=1)
    yield s("CONCATENATION", "three", x(1, 3), y(1, 2), w(1, 2), axis=1)
    yield s("CONCATENATION", "one", x(1, 3), axis=1)
    yield s("CONCATENATION", "rank5", x(1, 2, 3, 2, 2), y(1, 2, 3, 2, 1), axis=4)
    same = x(1, 3)
    yield s("CONCATENATION", "itself", same, same, axis=1)
    yield s("CONCATENATION", "five", same, y(1, 2), w(1, 2), w(1, 3), same, axis=1)
    yield s("PACK", "axis0", x(1, 3), y(1, 3), values_count=2, axis=0)
    yield s("PACK", "axis1", x(1, 3), y(1, 3), values_count=2, axis=1)
    yield s("PACK", "last", x(1, 3), y(1, 3), values_count=2, axis=-1)
    yield s("PACK", "constant", x(1, 3), w(1, 3), values_count=2, axis=1)
    yield s("TILE", "width", plain, const([1, 1, 2, 1]))
    yield s("TILE", "all", x(1, 3), const([2, 3]))
    yield s("BROADCAST_TO", "rank4", x(1, 1, 1, 3), const([1, 4, 5, 3]), version=2)
    yield s("BROADCAST_TO", "more_ranks", x(3), const([2, 4, 3]), version=2)
    yield s("BROADCAST_TO", "rank6", x(1, 1, 1, 1, 2, 3), const([1, 2, 1, 3, 2, 3]), version=2)
    yield s("DEPTH_TO_SPACE", "2", x(1, 3, 3, 8), block_size=2)
    yield s("SPACE_TO_DEPTH", "2", x(1, 4, 6, 2), block_size=2)
    zero = const([[0, 0], [0, 0]])
    yield s("SPACE_TO_BATCH_ND", "plain", x(1, 4, 4, 3), const([2, 2]), zero)
    yield s(
        "SPACE_TO_BATCH_ND",
        "padded",
        x(1, 3, 5, 3),
        const([2, 2]),
        const([[0, 1], [1, 0]]),
        low=1,
        high=3,
    )
    yield s("SPACE_TO_BATCH_ND", "rank3", x(1, 5, 3), const([2]), const([[0, 1]]))
    yield s("BATCH_TO_SPACE_ND", "plain", x(4, 2, 2, 3), const([2, 2]), zero)
    yield s("BATCH_TO_SPACE_ND", "cropped", x(4, 2, 2, 3), const([2, 2]), const([[0, 1], [1, 0]]))
    yield s("BATCH_TO_SPACE_ND", "rank3", x(2, 3, 3), const([2]), const([[0, 1]]))


def _paddings(plain: Tensor) -> Iterator[Sample]:
    around = const([[0, 0], [1, 2], [0, 1], [0, 0]])
    yield s("PAD", "spatial", plain, around)
    yield s("PAD", "positive_values", plain, around, low=2, high=5)
    yield s("PAD", "channels", plain, const([[0, 0], [0, 0], [0, 0], [1, 2]]))
    yield s("PAD", "rank2", x(1, 5), const([[0, 0], [1, 2]]))
    yield s("PAD", "rank5", x(1, 2, 3, 2, 2), const([[0, 0], [1, 0], [0, 1], [0, 0], [0, 0]]))
    yield s("PAD", "int64", plain, const(around.data.astype(np.int64)))  # type: ignore[union-attr]
    yield s("PADV2", "value", plain, around, const(np.float32(-3.5)))
    yield s("PADV2", "vector_value", plain, around, const(np.asarray([0.5], np.float32)))
    yield s("PADV2", "lowest", plain, around, const(np.float32(np.finfo(np.float32).min)))
    yield s("MIRROR_PAD", "reflect", plain, const([[0, 0], [1, 2], [2, 1], [0, 0]]), mode=0)
    yield s("MIRROR_PAD", "symmetric", plain, const([[0, 0], [1, 2], [2, 1], [0, 0]]), mode=1)


def _selections(plain: Tensor) -> Iterator[Sample]:
    def condition(*shape: int) -> Tensor:
        return i(*shape, dtype=DType.BOOL)

    more = {"dtype": DType.FLOAT32}
    yield s("SELECT", "same", condition(1, 4, 6, 3), plain, y(1, 4, 6, 3), **more)
    yield s("SELECT", "rank1_condition", condition(2), x(2, 6), y(2, 6), **more)
    yield s("SELECT", "scalar_condition", condition(), x(2, 6), y(2, 6), **more)
    yield s("SELECT", "constant", condition(1, 6), x(1, 6), w(1, 6), **more)
    yield s("SELECT_V2", "same", condition(1, 4, 6, 3), plain, y(1, 4, 6, 3), **more)
    yield s("SELECT_V2", "broadcast", condition(1, 4, 6, 1), plain, y(3), **more)
    yield s("SELECT_V2", "scalar", condition(1, 4, 6, 3), plain, const(np.float32(-7)), **more)
    yield s("SELECT_V2", "rank5", condition(1, 1, 2, 1, 2), x(1, 2, 2, 3, 2), y(2), **more)
    yield s("SELECT_V2", "scalar_condition", condition(), plain, y(1, 4, 6, 3), **more)
    yield s(
        "SELECT_V2",
        "int_condition_constant",
        const(np.asarray([True, False, True])),
        plain,
        y(1, 4, 6, 3),
        **more,
    )
    for kind in ("ARG_MAX", "ARG_MIN"):
        for name, axis in {"last": -1, "axis1": 1, "axis0": 0}.items():
            yield s(kind, name, x(1, 4, 6), const(np.int32(axis)), dtype=DType.INT32, output_type=2)
        yield s(kind, "int64", x(1, 9), const(np.int32(1)), dtype=DType.INT64, output_type=4)
        yield s(kind, "axis_vector", x(1, 9), const([1]), dtype=DType.INT32, output_type=2)
        yield s(kind, "rank4", x(1, 3, 3, 5), const(np.int32(3)), dtype=DType.INT32, output_type=2)


SAMPLES: tuple[Sample, ...] = (*_linear(), *_binary(), *_unary(), *_reductions(), *_moves())
