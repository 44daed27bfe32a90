"""Permutations between RESHAPEs move whole runs of axes; rows are not arranged twice."""

from __future__ import annotations

from itertools import permutations
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite.regrouped_axes import REGROUPED_AXES
from tests.support.graphs import Builder, const
from tests.support.rewriting import check, golden, kinds


def turned(
    b: Builder, x: Tensor, shape: list[int], order: list[int], result: list[int], rows: bool = False
) -> Tensor:
    """RESHAPE, TRANSPOSE, RESHAPE."""
    y = b.op("RESHAPE", x, const(shape)) if tuple(shape) != x.shape else x
    y = b.op("TRANSPOSE", y, const(order))
    y = b.op("RESHAPE", y, const(result))
    return b.op("RESHAPE", b.op("SOFTMAX", y, beta=1.0), const([-1])) if rows else y


@st.composite
def cases(draw: st.DrawFn) -> Graph:
    b = Builder(draw(st.integers(0, 9)))
    sizes = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=2, max_size=5))
    order = list(draw(st.sampled_from(list(permutations(range(len(sizes)))))))
    start = _grouped(draw, sizes)
    result = _grouped(draw, [sizes[i] for i in order])
    x = b.input(start)
    y = turned(b, x, sizes, order, result, draw(st.booleans()))
    return b.graph(y, *([b.ops[0].outputs[0]] if draw(st.sampled_from([0, 0, 1])) else []))


def _grouped(draw: st.DrawFn, sizes: list[int]) -> list[int]:
    """The sizes with some neighbors as one axis."""
    found = [sizes[0]]
    for size in sizes[1:]:
        if draw(st.booleans()):
            found[-1] *= size
        else:
            found.append(size)
    assert prod(found) == prod(sizes)
    return found


@settings(max_examples=150, deadline=None)
@given(cases())
def test_random_permutations(graph: Graph) -> None:
    check(graph, REGROUPED_AXES)


@pytest.mark.parametrize(
    "start,shape,order,result,expected",
    [
        # queries of attention over images
        ([1, 4, 6, 6], [1, 4, 6, 2, 3], [0, 3, 1, 2, 4], [1, 2, 24, 3], "RESHAPE TRANSPOSE"),
        # its keys: what is split again is not taken together
        ([1, 4, 6, 6], [1, 4, 6, 2, 3], [0, 3, 4, 1, 2], [1, 2, 3, 24], "RESHAPE TRANSPOSE"),
        # its scores
        ([1, 2, 6, 6], [1, 2, 2, 3, 2, 3], [0, 1, 4, 5, 2, 3], [1, 2, 6, 6], "TRANSPOSE"),
        # the channel shuffle needs them all
        ([1, 4, 4, 6], [1, 4, 4, 2, 3], [0, 1, 2, 4, 3], [1, 4, 4, 6], "RESHAPE TRANSPOSE RESHAPE"),
    ],
)
def test_attention_over_images(
    start: list[int], shape: list[int], order: list[int], result: list[int], expected: str
) -> None:
    b = Builder()
    after = check(b.graph(turned(b, b.input(start), shape, order, result)), REGROUPED_AXES)
    assert [op.kind for op in after.ops] == expected.split()


@pytest.mark.parametrize("behind,expected", [([2, 3, 4], 1), ([6, 4], 2), ([24], 2)])
def test_rows_are_arranged_once(behind: list[int], expected: int) -> None:
    b = Builder()
    y = b.op("SOFTMAX", b.op("RESHAPE", b.input((2, 3, 4)), const([3, 2, 4])), beta=1.0)
    after = check(b.graph(b.op("RESHAPE", y, const(behind))), REGROUPED_AXES)
    assert len(after.ops) == expected


def test_rows_that_change_stay() -> None:
    b = Builder()
    y = b.op("SOFTMAX", b.op("RESHAPE", b.input((2, 3, 4)), const([2, 12])), beta=1.0)
    after = check(b.graph(b.op("RESHAPE", y, const([2, 3, 4]))), REGROUPED_AXES)
    assert kinds(after) == {"RESHAPE": 2, "SOFTMAX": 1}


def test_golden() -> None:
    b = Builder()
    queries = turned(b, b.input((1, 2, 2, 6)), [1, 2, 2, 2, 3], [0, 3, 1, 2, 4], [1, 2, 4, 3])
    golden("regrouped_axes", {"queries": b.graph(queries)}, REGROUPED_AXES)
