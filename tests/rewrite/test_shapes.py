"""Arithmetic on shapes goes; files with open sizes still take any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor, verify, write
from litesmith.rewrite import apply
from litesmith.rewrite.fold_constants import FOLD_CONSTANTS
from litesmith.rewrite.shapes import SHAPES
from litesmith.runtime import Session
from tests.support.graphs import Array, Builder, const, make, tensor
from tests.support.rewriting import check, golden, kinds


def open_input(b: Builder, sizes: Sequence[int]) -> Tensor:
    """An input with -1 for open sizes."""
    b.input([abs(d) for d in sizes])
    if -1 in sizes:
        b.inputs[-1] = b.inputs[-1].with_(shape_signature=tuple(sizes))
    return b.inputs[-1]


def add(
    b: Builder, kind: str, inputs: Sequence[Tensor], sizes: Sequence[int], **more: object
) -> Tensor:
    """An op whose result is declared with -1 for open sizes."""
    dtype = more.pop("dtype", inputs[0].dtype)
    signature = tuple(sizes) if -1 in sizes else None
    shape = [abs(d) for d in sizes]
    y = tensor(kind.lower(), shape, dtype, shape_signature=signature)  # type: ignore[arg-type]
    b.ops.append(make(kind, inputs, (y,), **more))  # type: ignore[arg-type]
    return y


def shape_of(b: Builder, x: Tensor) -> Tensor:
    return add(b, "SHAPE", [x], [len(x.shape)], dtype=DType.INT32, out_type=2)


def part(b: Builder, shape: Tensor, at: int) -> Tensor:
    bounds = [const([at]), const([at + 1]), const([1])]
    return add(b, "STRIDED_SLICE", [shape, *bounds], [], shrink_axis_mask=1)


def run(graph: Graph, arrays: list[Array]) -> list[Array]:
    session = Session(write(graph), kernels="builtin")
    session.feed(arrays)
    session.invoke()
    return [np.array(v) for v in session.fetch()]


def same_at(before: Graph, after: Graph, open_size: int) -> None:
    r = np.random.default_rng(0)
    arrays = []
    for t in before.inputs:
        sizes = [open_size if d < 0 else d for d in t.shape_signature or t.shape]
        arrays.append(r.normal(size=sizes).astype(np.float32))
    for a, b in zip(run(before, arrays), run(after, arrays), strict=True):
        assert a.shape == b.shape
        np.testing.assert_array_equal(a, b)


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[Graph, bool]:
    """A RESHAPE to computed sizes; True when all is settled with one size open at most."""
    b = Builder()
    sizes = draw(st.sampled_from([(-1, 2, 3), (2, -1, 3), (2, 2, 3), (1, 2, 3, 2), (-1, 4)]))
    x = open_input(b, sizes)
    shape = shape_of(b, x)
    count = len(sizes)
    cut = draw(st.integers(1, count))
    head = add(b, "GATHER", [shape, const(list(range(cut)))], [cut], axis=0)
    product = add(b, "REDUCE_PROD", [head, const([0])], [], keep_dims=False)
    rest = [part(b, shape, i) for i in range(cut, count)]
    merged = -1 if -1 in sizes[:cut] else int(np.prod(sizes[:cut]))
    target = [merged, *sizes[cut:]]
    form = draw(st.sampled_from(["pack", "concatenation", "cast"]))
    if form == "concatenation":
        ones = [add(b, "RESHAPE", [t, const([1])], [1]) for t in (product, *rest)]
        computed = add(b, "CONCATENATION", ones, [len(ones)], axis=0)
    else:
        parts = [product, *rest]
        computed = add(b, "PACK", parts, [len(parts)], values_count=len(parts), axis=0)
    if form == "cast":
        long = add(b, "CAST", [computed], [len(target)], dtype=DType.INT64)
        computed = add(b, "CAST", [long], [len(target)], dtype=DType.INT32)
    y = add(b, "RESHAPE", [b.op("NEG", x) if -1 not in sizes else x, computed], target)
    return b.graph(y), True


@settings(max_examples=60, deadline=None)
@given(reshapes(), st.sampled_from([1, 4]))
def test_random_reshapes(case: tuple[Graph, bool], open_size: int) -> None:
    graph, _ = case
    after = verify(apply(graph, (SHAPES, FOLD_CONSTANTS)).graph)
    assert set(kinds(after)) <= {"RESHAPE", "NEG"}
    same_at(graph, after, open_size)


def test_static_shapes_are_constants() -> None:
    b = Builder()
    x = b.input((2, 3))
    size = b.op("CAST", b.op("SHAPE", x, dtype=DType.INT32, out_type=2), dtype=DType.FLOAT32)
    after = check(b.graph(b.op("MUL", x, b.op("SUM", size, const([0])))), SHAPES, FOLD_CONSTANTS)
    assert kinds(after) == {"MUL": 1}


def test_output_that_is_a_shape_stays() -> None:
    b = Builder()
    shape = b.op("SHAPE", b.input((2, 3)), dtype=DType.INT32, out_type=2)
    assert not apply(b.graph(shape), (SHAPES,)).done


@pytest.mark.parametrize("kind", ["WHERE", "RESHAPE"])
def test_sizes_that_depend_on_values_are_not_believed(kind: str) -> None:
    b = Builder()
    x = b.input((4,))
    if kind == "WHERE":
        mask = add(b, "GREATER", [x, const(np.float32(0))], [4], dtype=DType.BOOL)
        y = add(b, "WHERE", [mask], [4, 1], dtype=DType.INT64)
        y = add(b, "CAST", [y], [4, 1], dtype=DType.FLOAT32)
    else:
        y = add(b, "RESHAPE", [x, b.input((2,), DType.INT32)], [4, 1])
    shape = shape_of(b, y)
    graph = b.graph(
        add(b, "RESHAPE", [y, add(b, "PACK", [part(b, shape, 0)], [1], values_count=1)], [4])
    )
    assert not apply(graph, (SHAPES,)).done


def test_two_open_sizes_stay_computed() -> None:
    b = Builder()
    x = open_input(b, (-1, -1, 2, 3))
    shape = shape_of(b, x)
    parts = [part(b, shape, 0), part(b, shape, 1), const(6)]
    target = add(b, "PACK", parts, [3], values_count=3, axis=0)
    graph = b.graph(add(b, "RESHAPE", [x, target], [-1, -1, 6]))
    after = apply(graph, (SHAPES,)).graph
    assert kinds(after)["RESHAPE"] == 1 and kinds(after)["PACK"] == 1
    same_at(graph, after, 3)


def test_golden() -> None:
    b = Builder()
    x = open_input(b, (-1, 2, 3))
    shape = shape_of(b, x)
    head = add(b, "GATHER", [shape, const([0, 1])], [2], axis=0)
    product = add(b, "REDUCE_PROD", [head, const([0])], [], keep_dims=False)
    target = add(b, "PACK", [product, part(b, shape, 2)], [2], values_count=2, axis=0)
    y = add(b, "RESHAPE", [x, target], [-1, -1])
    z = add(b, "EXP", [y], [-1, -1])
    path = b.graph(z)
    after = apply(path, (SHAPES,)).graph
    same_at(path, after, 5)
    golden("shapes", {"rows of an open batch": path}, SHAPES)
