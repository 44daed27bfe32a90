"""Reductions against LiteRT: any axes, kept or not; positions, norms, running sums; gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType
from tests.kernels.against import agrees, slopes
from tests.support.graphs import Builder, const, draw, one_op, tensor

KINDS = ("MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(KINDS), st.booleans())
def test_any_axes(data: st.DataObject, kind: str, keep: bool) -> None:
    rank = data.draw(st.integers(1, 4))
    shape = [data.draw(st.integers(1, 4)) for _ in range(rank)]
    axes = data.draw(st.lists(st.integers(-rank, rank - 1), min_size=1, max_size=rank))
    b = Builder()
    agrees(b.graph(b.op(kind, b.input(shape), const(axes), keep_dims=keep)), low=0.5, high=2)


@pytest.mark.parametrize("kind", ["REDUCE_ALL", "REDUCE_ANY"])
def test_truth(kind: str) -> None:
    x = tensor("x", (4, 3), DType.BOOL)
    graph = one_op(kind, x, const([1]), dtype=DType.BOOL)
    agrees(graph, [draw(graph, 5, bound=2)[0]])


@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_positions(kind: str, axis: int) -> None:
    more = {"dtype": DType.INT64, "output_type": 4}
    agrees(one_op(kind, tensor("x", (1, 4, 5)), const(np.int32(axis)), **more))


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_sums(exclusive: bool, reverse: bool, axis: int) -> None:
    more = {"exclusive": exclusive, "reverse": reverse, "dtype": DType.FLOAT32}
    agrees(one_op("CUMSUM", tensor("x", (3, 4)), const(np.int32(axis)), **more))


def test_norms() -> None:
    graph = one_op("L2_NORMALIZATION", tensor("x", (2, 5)))
    agrees(graph)
    agrees(graph, [np.full((1, 2, 5), 1e-9, np.float32)])


@pytest.mark.parametrize("kind", [*KINDS, "L2_NORMALIZATION", "CUMSUM"])
def test_gradients(kind: str) -> None:
    x = tensor("x", (3, 4))
    axis = {"L2_NORMALIZATION": (), "CUMSUM": (const(np.int32(1)),)}.get(kind, (const([1]),))
    slopes(one_op(kind, x, *axis, dtype=DType.FLOAT32), 1e-3, low=0.5, high=2)
