"""Softmax over several axes, as Keras writes it for attention over images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor
from litesmith.rewrite import FAMILIES, apply
from litesmith.rewrite.softmax_axes import SOFTMAX_AXES
from tests.support.graphs import Builder, const
from tests.support.rewriting import check, declined, golden, kinds


def written_out(b: Builder, x: Tensor, axes: list[int], shifted: bool = True) -> dict[str, Any]:
    """exp(x - logsumexp(x)); every value by name."""
    over = const(axes)
    if not shifted:
        total = b.op("SUM", b.op("EXP", x), over, keep_dims=True)
        return {"total": total, "y": b.op("EXP", b.op("SUB", x, b.op("LOG", total)))}
    top = b.op("REDUCE_MAX", x, over, keep_dims=True)
    zeros = const(np.zeros(top.shape, np.float32))
    finite = b.op("EQUAL", b.op("SUB", top, top), zeros, dtype=DType.BOOL)
    m = b.op("SELECT", finite, top, zeros, dtype=DType.FLOAT32)
    e = b.op("EXP", b.op("SUB", x, m))
    total = b.op("SUM", e, over, keep_dims=True)
    log = b.op("ADD", b.op("LOG", total), m)
    return {"m": m, "total": total, "y": b.op("EXP", b.op("SUB", x, log))}


@st.composite
def cases(draw: st.DrawFn) -> tuple[Graph, bool]:
    b = Builder(draw(st.integers(0, 9)))
    shape = draw(st.sampled_from([(2, 3), (1, 3, 4), (1, 2, 3, 4), (1, 2, 2, 3, 2)]))
    rank = len(shape)
    axes = draw(st.sampled_from([[-1], [rank - 2, rank - 1], [-1, -2], [0], list(range(rank))]))
    made = written_out(b, b.input(shape), axes, draw(st.booleans()))
    spoiled = draw(st.sampled_from([False, False, True]))
    last = sorted(a % rank for a in axes) == list(range(rank - len(set(axes)), rank))
    return b.graph(made["y"], *([made["total"]] if spoiled else [])), last and not spoiled


@settings(max_examples=60, deadline=None)
@given(cases())
def test_random_axes(case: tuple[Graph, bool]) -> None:
    graph, applies = case
    after = check(graph, SOFTMAX_AXES)
    assert kinds(after)["SOFTMAX"] == applies
    if applies:
        assert set(kinds(after)) <= {"SOFTMAX", "RESHAPE"}


@pytest.mark.parametrize("axes", [[-1], [2, 3]])
def test_with_all_families(axes: list[int]) -> None:
    b = Builder()
    after = check(b.graph(written_out(b, b.input((1, 2, 3, 4)), axes)["y"]), *FAMILIES)
    assert kinds(after)["SOFTMAX"] == 1
    assert len(after.ops) == (1 if len(axes) == 1 else 3)


def test_log_softmax() -> None:
    b = Builder()
    graph = b.graph(b.op("EXP", b.op("LOG_SOFTMAX", b.input((2, 5)))))
    assert kinds(check(graph, SOFTMAX_AXES)) == {"SOFTMAX": 1}


def test_axes_that_are_not_the_last_need_transpositions() -> None:
    b = Builder()
    assert "transpositions" in declined(
        b.graph(written_out(b, b.input((2, 3, 4)), [1])["y"]), SOFTMAX_AXES
    )


def test_another_shift_than_the_one_added_stays() -> None:
    b = Builder()
    x, m, other = b.input((2, 3)), b.input((2, 1)), b.input((2, 1))
    total = b.op("SUM", b.op("EXP", b.op("SUB", x, m)), const([1]), keep_dims=True)
    y = b.op("EXP", b.op("SUB", x, b.op("ADD", b.op("LOG", total), other)))
    assert not apply(b.graph(y), (SOFTMAX_AXES,)).done


def test_golden() -> None:
    b = Builder()
    graph = b.graph(written_out(b, b.input((1, 2, 3, 4)), [2, 3])["y"])
    golden("softmax_axes", {"two axes": graph}, SOFTMAX_AXES)
