"""Repeated rows and columns become one op; other repetitions stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.upsampling import UPSAMPLING
from tests.support.graphs import Builder, const
from tests.support.rewriting import check, kinds


def _shaped(b: Builder, x: Tensor, *shape: int) -> Tensor:
    return b.op("RESHAPE", x, const(list(shape)), new_shape=shape)


def _repeated(b: Builder, x: Tensor, axis: int, times: int) -> Tensor:
    """Return x with every element along an axis repeated, as `keras.ops.repeat` is lowered."""
    shape = list(x.shape)
    y = _shaped(b, x, *shape[: axis + 1], 1, *shape[axis + 1 :])
    tiles = [times if i == axis + 1 else 1 for i in range(len(shape) + 1)]
    y = b.op("TILE", y, const(tiles))
    shape[axis] *= times
    return _shaped(b, y, *shape)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)),
    st.lists(st.tuples(st.integers(0, 3), st.integers(2, 3)), min_size=1, max_size=3),
)
def test_random_repetitions(shape: tuple[int, ...], steps: list[tuple[int, int]]) -> None:
    b = Builder()
    y = x = b.input(shape)
    for axis, times in steps:
        y = _repeated(b, y, axis, times)
    after = check(b.graph(b.op("TANH", y)), UPSAMPLING)
    if sorted(axis for axis, _ in steps) in ([1], [2], [1, 2]) and 1 not in x.shape:
        assert "TILE" not in kinds(after)


@pytest.mark.parametrize("times", range(2, 12))
def test_every_factor(times: int) -> None:
    b = Builder()
    y = _repeated(b, _repeated(b, b.input((1, 5, 7, 2)), 1, times), 2, times)
    check(b.graph(y), UPSAMPLING)


def _merged(b: Builder) -> tuple[Tensor, Tensor]:
    """The converter's form, with the RESHAPEs between the two TILEs merged."""
    x = b.input((1, 3, 4, 2))
    y = b.op("TILE", _shaped(b, x, 1, 3, 1, 4, 2), const([1, 1, 2, 1, 1]))
    z = b.op("TILE", _shaped(b, y, 1, 6, 4, 1, 2), const([1, 1, 1, 2, 1]))
    return y, _shaped(b, z, 1, 6, 8, 2)


def test_as_converted() -> None:
    b = Builder()
    after = check(b.graph(_merged(b)[1]), UPSAMPLING)
    assert kinds(after) == {"RESIZE_NEAREST_NEIGHBOR": 1}


def test_values_on_the_way_stay() -> None:
    b = Builder()
    inner, end = _merged(b)
    assert not apply(b.graph(end, inner), (UPSAMPLING,)).done


def test_whole_images_repeated_are_no_upsampling() -> None:
    b = Builder()
    x = b.input((1, 3, 4, 2))
    y = b.op("TILE", _shaped(b, x, 1, 1, 3, 4, 2), const([1, 2, 1, 1, 1]))
    graph: Graph = b.graph(_shaped(b, y, 1, 6, 4, 2))
    assert not apply(graph, (UPSAMPLING,)).done
