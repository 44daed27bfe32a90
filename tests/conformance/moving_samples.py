"""Samples of ops that reduce, resample, move and select values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from litesmith.graph import DType, Tensor
from tests.conformance.sample import Sample, i, s, w, x, y
from tests.support.graphs import RELU, RELU6, SAME, VALID, const


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
    yield s("REDUCE_PROD", "rows", x(1, 4, 5), const([1]), keep_dims=False)
    yield s("REDUCE_PROD", "columns_kept", x(1, 4, 5), const([-1]), keep_dims=True)
    yield s("REDUCE_PROD", "positive", x(1, 3, 5), const([1]), low=0.5, high=2)
    yield s("REDUCE_PROD", "all", x(1, 2, 2), const([0, 1, 2]), low=-2, high=1)
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
    yield s("EMBEDDING_LOOKUP", "rows", i(3), w(5, 4), bound=5, dtype=DType.FLOAT32)
    yield s("EMBEDDING_LOOKUP", "rank3", i(4), w(5, 2, 3), bound=5, dtype=DType.FLOAT32)
    for name, start in {"constant": const([1, 2]), "computed": i(2)}.items():
        yield s("DYNAMIC_UPDATE_SLICE", name, x(4, 5), y(2, 2), start)
    yield s("DYNAMIC_UPDATE_SLICE", "rank4", plain, y(1, 2, 2, 3), const([0, 1, 3, 0]))
    yield s("DYNAMIC_UPDATE_SLICE", "into_constant", w(4, 5), y(2, 2), const([1, 2]))
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
    yield from _filled()
    yield from _slices(plain)
    yield from _joins(plain)
    yield from _paddings(plain)
    yield from _selections(plain)


def _filled() -> Iterator[Sample]:
    """Ops that put values into a new tensor of one value."""
    real = {"dtype": DType.FLOAT32}
    yield s("FILL", "scalar", const([2, 3]), x(), **real, low=1, high=3)
    yield s("FILL", "rank4", const([1, 2, 3, 4]), x(), **real)
    hot = {"bound": 3, "axis": -1, **real}
    depth, on, off = const(np.int32(3)), const(np.float32(1)), const(np.float32(0))
    yield s("ONE_HOT", "numbers", i(4), depth, on, off, **hot)
    yield s("ONE_HOT", "axis0", i(4, 2), depth, const(np.float32(-3)), const(np.float32(0.5)),
            **{**hot, "axis": 0})  # fmt: skip
    yield s("ONE_HOT", "computed", i(4), depth, x(), y(), **hot)
    places = const([1, 3])
    yield s("SPARSE_TO_DENSE", "row", places, const([6]), x(2), y(), **real, low=1, high=3)
    points = const([[0, 1], [2, 2]])
    default = const(np.float32(-0.5))
    yield s("SPARSE_TO_DENSE", "matrix", points, const([3, 4]), x(2), default, **real)
    yield s("MATRIX_SET_DIAG", "square", x(2, 3, 3), y(2, 3), low=1, high=3)
    yield s("MATRIX_SET_DIAG", "wide", x(1, 2, 5), y(1, 2))
    apart = const(np.asarray([2, 3], np.int32))
    yield s("DILATE", "rows", x(2, 3), apart, const(np.float32(-2)), low=1, high=3)
    yield s("DILATE", "computed", x(3, 2), apart, y())


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
    both = {"count": 2, "dtype": (DType.FLOAT32, DType.INT32)}
    yield s("TOPK_V2", "row", x(1, 9), const(np.int32(3)), **both)
    yield s("TOPK_V2", "image", plain, const(np.int32(2)), **both)
    yield s("TOPK_V2", "all", x(1, 4), const(np.int32(4)), **both)
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


MOVING: tuple[Sample, ...] = (*_reductions(), *_moves())
