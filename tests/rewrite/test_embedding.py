"""Indices are wrapped by one op, and not at all where they cannot be negative."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.embedding import EMBEDDING
from tests.support.graphs import Builder, const, execute
from tests.support.rewriting import golden, kinds

_ROWS = 7


def look_up(
    b: Builder, i: Tensor, rows: int = _ROWS, select: str = "SELECT", swapped: bool = False
) -> Tensor:
    """What Keras 3 writes for Embedding; the result."""
    zero, count = (const(np.asarray(v, i.dtype.numpy)) for v in (0, rows))
    below = b.op("LESS", i, zero, dtype=DType.BOOL)
    added = b.op("ADD", *((count, i) if swapped else (i, count)))
    index = b.op(select, below, added, i, dtype=i.dtype)
    return b.op("GATHER", b.weights(_ROWS, 3), index, axis=0)


def check(graph: Graph, arrays: list[np.ndarray]) -> Graph:  # type: ignore[type-arg]
    after = apply(graph, (EMBEDDING,)).graph
    assert len(after.ops) <= len(graph.ops)
    for a, b in zip(execute(graph, arrays), execute(after, arrays), strict=True):
        np.testing.assert_array_equal(a, b)
    return after


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([(5,), (1, 4), (2, 3, 2)]),
    st.sampled_from([DType.INT32, DType.INT64]),
    st.sampled_from(["SELECT", "SELECT_V2"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_every_defined_index(
    shape: tuple[int, ...], dtype: DType, select: str, swapped: bool, from_float: bool, seed: int
) -> None:
    b = Builder()
    x = b.input(shape, DType.FLOAT32 if from_float else dtype)
    i = b.op("CAST", x, dtype=dtype) if from_float else x
    graph = b.graph(look_up(b, i, select=select, swapped=swapped))
    drawn = np.random.default_rng(seed).integers(-_ROWS, _ROWS, (3, *shape))
    after = check(graph, [drawn.astype(x.dtype.numpy)])
    assert kinds(after) == {"FLOOR_MOD": 1, "GATHER": 1} | ({"CAST": 1} if from_float else {})


@pytest.mark.parametrize("source", ["unsigned", "best", "clipped", "positive"])
def test_indices_that_cannot_be_negative(source: str) -> None:
    b = Builder()
    if source == "unsigned":
        x = b.input((2, 4), DType.UINT8)
        i = b.op("CAST", x, dtype=DType.INT32)
    elif source == "best":
        x = b.input((2, _ROWS))
        i = b.op("ARG_MAX", x, const(-1), dtype=DType.INT32, output_type=2)
    elif source == "clipped":
        x = b.input((2, 4), DType.INT32)
        i = b.op("MAXIMUM", x, const(0))
    else:
        x = b.input((2, 4))
        i = b.op("CAST", b.op("RESHAPE", b.op("RELU", x), const([4, 2])), dtype=DType.INT32)
    graph = b.graph(look_up(b, i))
    drawn = np.random.default_rng(0).integers(0, _ROWS, (3, *x.shape)).astype(x.dtype.numpy)
    after = kinds(check(graph, [drawn]))
    assert after["GATHER"] == 1
    assert not after["FLOOR_MOD"] and not after["SELECT"]


@pytest.mark.parametrize("why", ["rows", "output", "other reader", "clip"])
def test_other_uses_stay(why: str) -> None:
    b = Builder()
    i = b.input((4,), DType.INT32)
    y = look_up(b, i, rows=_ROWS + (why == "rows"))
    index = b.ops[-1].inputs[1]
    assert index is not None
    outputs = [y]
    if why == "output":
        outputs.append(index)
    if why == "other reader":
        outputs.append(b.op("NEG", index))
    if why == "clip":
        outputs = [b.op("GATHER", b.weights(_ROWS + 1, 3), index, axis=0)]
    assert not apply(b.graph(*outputs), (EMBEDDING,)).done


def test_golden() -> None:
    b = Builder()
    golden("embedding", {"embedding": b.graph(look_up(b, b.input((1, 4), DType.INT32)))}, EMBEDDING)
