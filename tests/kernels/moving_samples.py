"""Samples of ops that move values, and of forms that the integer samples do not have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from litesmith.graph import DType
from tests.conformance.sample import Sample, i, s, w, x, y
from tests.support.graphs import const, tensor

INT, LONG, FLOAT = DType.INT32, DType.INT64, DType.FLOAT32


def _facts() -> Iterator[Sample]:
    yield s("SHAPE", "plain", x(2, 3, 1), dtype=INT, out_type=2)
    yield s("SHAPE", "long", x(2, 3), dtype=LONG, out_type=4)
    yield s("RANK", "plain", x(2, 3, 1), dtype=INT)
    yield s("ZEROS_LIKE", "plain", x(2, 3))
    yield s("RANGE", "integers", *(const(np.int32(v)) for v in (1, 9, 3)))
    yield s("RANGE", "down", *(const(np.int32(v)) for v in (5, 0, -2)))
    yield s("RANGE", "real", *(const(np.float32(v)) for v in (0, 2, 0.5)))
    yield s("BROADCAST_ARGS", "plain", const([2, 1, 3]), const([4, 1]))
    yield s("FILL", "constant", const([2, 3]), const(np.float32(1.5)), dtype=FLOAT)
    yield s("FILL", "computed", const([2, 3]), x(), dtype=FLOAT)


def _places() -> Iterator[Sample]:
    side = {"on": const(np.float32(2)), "off": const(np.float32(-1))}
    for name, axis in {"last": -1, "first": 0, "inner": 1}.items():
        yield s(
            "ONE_HOT",
            name,
            i(2, 3),
            const(np.int32(4)),
            *side.values(),
            axis=axis,
            bound=5,
            dtype=FLOAT,
        )
    yield s("ONE_HOT", "computed", i(3), const(np.int32(4)), x(), y(), dtype=FLOAT, axis=-1)
    rows, points = const([[3], [0], [3]]), const([[0, 1], [2, 2]])
    yield s("SCATTER_ND", "rows", rows, x(3, 2), const([5, 2]), dtype=FLOAT)
    yield s("SCATTER_ND", "points", points, x(2), const([3, 3]), dtype=FLOAT)
    yield s("SCATTER_ND", "computed", i(3, 1), x(3, 2), const([5, 2]), bound=5, dtype=FLOAT)
    yield s("SCATTER_ND", "constant", i(3, 1), w(3, 2), const([5, 2]), bound=5, dtype=FLOAT)
    zero = const(np.float32(0.5))
    yield s("SPARSE_TO_DENSE", "points", points, const([3, 3]), x(2), zero, dtype=FLOAT)
    yield s("SPARSE_TO_DENSE", "row", const([1, 3]), const([5]), x(2), zero, dtype=FLOAT)
    yield s("SPARSE_TO_DENSE", "one", const(np.int32(2)), const([5]), x(), zero, dtype=FLOAT)
    yield s("SPARSE_TO_DENSE", "shared", const([1, 3]), const([5]), x(), zero, dtype=FLOAT)
    places = const([[1], [4]])
    yield s("SPARSE_TO_DENSE", "column", places, const([5]), x(2), zero, dtype=FLOAT)
    table = x(4, 5, 3)
    yield s("GATHER", "computed", table, i(2, dtype=INT), axis=1, bound=5)
    yield s("GATHER", "computed_last", table, i(2, 2), axis=-1, bound=3)
    yield s("GATHER", "computed_of_constant", w(2, 5), i(3), axis=1, bound=5)
    yield s("GATHER", "computed_scalar", table, i(), axis=0, bound=4)
    yield s("GATHER", "both_batch", x(2, 5, 3), i(2, 4), axis=1, batch_dims=1, bound=5)
    yield s("GATHER", "constant_batch", w(2, 5, 3), i(2, 4), axis=1, batch_dims=1, bound=5)
    yield s("GATHER", "batch_last", x(2, 5, 3), i(2, 4), axis=2, batch_dims=1, bound=3)
    yield s("GATHER_ND", "computed", x(4, 5, 3), i(2, 2), bound=4)
    yield s("GATHER_ND", "computed_of_constant", w(4, 5), i(3, 2), bound=4)
    yield s("GATHER_ND", "one", x(4, 5), i(1), bound=4)
    yield s("EMBEDDING_LOOKUP", "computed", const([1, 0]), x(3, 4), dtype=FLOAT)
    yield s("TOPK_V2", "rank1", x(9), const(np.int32(3)), count=2, dtype=(FLOAT, INT))
    yield s("DYNAMIC_UPDATE_SLICE", "beyond", x(4, 5), y(2, 2), const([3, -1]))
    yield s("DYNAMIC_UPDATE_SLICE", "constant_update", x(4, 5), w(2, 5), i(2), bound=3)
    for name, dims in {"rows": (1, 0), "columns": (0, 1), "deep": (2, 1)}.items():
        of = {"seq_dim": dims[0], "batch_dim": dims[1]}
        sizes = (3, 4, 5)
        lengths = const([1 + k % sizes[dims[0]] for k in range(sizes[dims[1]])])
        yield s("REVERSE_SEQUENCE", name, x(*sizes), lengths, **of)
    lengths = tensor("lengths", (3,), INT)
    yield s("REVERSE_SEQUENCE", "computed", x(3, 4), lengths, seq_dim=1, batch_dim=0, bound=5)
    yield s("MATRIX_DIAG", "plain", x(2, 3))
    yield s("MATRIX_SET_DIAG", "plain", x(2, 3, 4), y(2, 3))
    yield s("MATRIX_SET_DIAG", "constant", w(3, 3), y(3))
    numbers = const([0, 0, 1, 2])
    yield s("SEGMENT_SUM", "rows", x(4, 3), numbers)
    for what in ("SUM", "PROD", "MAX", "MIN"):
        kind, count = f"UNSORTED_SEGMENT_{what}", const(np.int32(3))
        yield s(kind, "rows", x(4, 3), const([2, 0, 2, 1]), count)
        yield s(kind, "computed", x(4, 3), i(4), const(np.int32(2)))


def _cuts() -> Iterator[Sample]:
    yield s("SLICE", "computed", x(4, 5), i(2), const([2, 3]))
    yield s("SLICE", "long", x(4, 5), *(const(np.asarray(v, np.int64)) for v in ([1, 2], [2, -1])))
    one = const([1])
    yield s("STRIDED_SLICE", "computed", x(4, 5), i(1), const([3]), one, shrink_axis_mask=1)
    yield s("STRIDED_SLICE", "from_end", x(4, 5), const([-2, -4]), const([4, -1]), const([1, 1]))
    yield s("STRIDED_SLICE", "beyond", x(4, 5), const([-9, 1]), const([9, 99]), const([1, 2]))
    yield s(
        "STRIDED_SLICE",
        "masks",
        x(2, 3, 4, 5),
        const([0, 9, 0, 1]),
        const([0, 9, 0, 2]),
        const([1, 1, 1, 1]),
        ellipsis_mask=1,
        new_axis_mask=4,
        shrink_axis_mask=8,
    )
    yield s(
        "STRIDED_SLICE", "offset", x(4, 5), const([1, 1]), const([2, 3]), const([1, 1]), offset=True
    )
    yield s("RESHAPE", "guess", x(2, 3, 4), const([4, -1]))
    yield s("RESHAPE", "to_higher", x(6), const([1, 2, 1, 3]))
    yield s("EXPAND_DIMS", "before_last", x(2, 5), const([-2]))
    yield s("SQUEEZE", "from_end", x(1, 3, 1), squeeze_dims=[-1])
    yield s("PADV2", "computed", x(2, 3), const([[1, 0], [0, 2]]), y())
    yield s("PAD", "computed", x(2, 3), tensor("around", (2, 2), INT), bound=1)
    yield s("PACK", "scalars", x(), y(), values_count=2, axis=0)
    yield s("TILE", "rank1", x(3), const([2]))
    yield s("BROADCAST_TO", "scalar", x(), const([2, 3]), version=2)
    yield s("REVERSE_V2", "minus1", x(2, 3), const([-1]))
    yield s("MIRROR_PAD", "rank3", x(3, 4, 2), const([[1, 2], [0, 3], [1, 0]]), mode=0)
    yield s("MIRROR_PAD", "rank2_whole", x(3, 4), const([[3, 3], [0, 4]]), mode=1)
    yield s("SPLIT_V", "from_end", x(2, 5), const([2, -1]), const(-1), count=2, num_splits=2)
    yield s("UNPACK", "scalars", x(3), count=3, num=3, axis=0)
    big = {"align_corners": False, "half_pixel_centers": True}
    for kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        yield s(kind, "odd", x(2, 5, 7, 2), const([13, 3]), **big)
        yield s(kind, "one", x(1, 5, 7, 2), const([1, 1]), align_corners=True)


MOVING: tuple[Sample, ...] = (*_facts(), *_places(), *_cuts())
