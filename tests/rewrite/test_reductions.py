"""Chains of reductions become one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph
from litesmith.rewrite import apply
from litesmith.rewrite.reductions import REDUCTIONS
from tests.support.graphs import RELU, Builder, const
from tests.support.rewriting import check, golden, kinds

_KINDS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")


@st.composite
def chains(draw: st.DrawFn) -> tuple[Graph, bool]:
    """Two reductions; True when one can do."""
    b = Builder(draw(st.integers(0, 9)))
    shape = draw(st.sampled_from([(3, 4), (1, 3, 4), (2, 3, 1, 4), (2, 1, 2, 3, 2)]))
    x = b.input(shape)
    one, two = draw(st.sampled_from(_KINDS)), draw(st.sampled_from(_KINDS))
    keep = [draw(st.booleans()), draw(st.booleans())]
    axes = st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=2)
    y = b.op(one, x, const(draw(axes)), keep_dims=keep[0])
    if not y.shape:
        return b.graph(y), False
    second = st.lists(st.integers(0, len(y.shape) - 1), min_size=1, max_size=2)
    z = b.op(two, y, const(draw(second)), keep_dims=keep[1])
    shared = draw(st.booleans()) and draw(st.booleans())
    return b.graph(z, *([y] if shared else [])), one == two and keep[0] == keep[1] and not shared


@settings(max_examples=80, deadline=None)
@given(chains())
def test_random_chains(case: tuple[Graph, bool]) -> None:
    graph, merges = case
    assert len(check(graph, REDUCTIONS).ops) == (1 if merges else len(graph.ops))


def test_scalar_axes() -> None:
    b = Builder()
    x = b.op("MEAN", b.input((2, 3, 4)), const(1), keep_dims=False)
    after = check(b.graph(b.op("MEAN", x, const(-1), keep_dims=False)), REDUCTIONS)
    assert kinds(after) == {"MEAN": 1}


@pytest.mark.parametrize(
    "kind,factor,expected",
    [
        ("MUL", 1 / 12, {"MEAN": 1}),
        ("DIV", 12.0, {"MEAN": 1}),
        ("MUL", 1 / 11, None),
    ],
)
@pytest.mark.parametrize("keep", [True, False])
def test_sum_over_count(kind: str, factor: float, keep: bool, expected: object) -> None:
    b = Builder()
    total = b.op("SUM", b.input((2, 3, 4)), const([1, 2]), keep_dims=keep)
    after = check(b.graph(b.op(kind, total, const(np.float32(factor)))), REDUCTIONS)
    assert kinds(after) == (expected or {"SUM": 1, kind: 1})


def test_sum_over_count_with_an_activation_stays() -> None:
    b = Builder()
    total = b.op("SUM", b.input((2, 3)), const([1]), keep_dims=True)
    mean = b.op("MUL", total, const(np.float32(1 / 3)), fused_activation_function=RELU)
    assert not apply(b.graph(mean), (REDUCTIONS,)).done


def test_sum_over_an_open_dimension_stays() -> None:
    b = Builder()
    x = b.input((1, 3))
    x = b.inputs[0] = x.with_(shape_signature=(-1, 3))
    total = b.op("SUM", x, const([0]), keep_dims=True)
    graph = b.graph(b.op("MUL", total, const(np.float32(1))))
    assert not apply(graph, (REDUCTIONS,)).done


def test_golden() -> None:
    b = Builder()
    x = b.op("MEAN", b.input((1, 4, 5, 2)), const([1]), keep_dims=False)
    golden("reductions", {"rows, then columns": b.graph(b.op("MEAN", x, const([1])))}, REDUCTIONS)


@pytest.mark.parametrize("size", [(36, 44), (24, 16)])
@pytest.mark.parametrize(
    ("kind", "merged"), [("SUM", False), ("MEAN", False), ("REDUCE_MAX", True)]
)
def test_long_sums_keep_their_digits(kind: str, merged: bool, size: tuple[int, int]) -> None:
    """Found among random graphs: values in one go were ten times further off."""
    b = Builder()
    y = b.op(kind, b.input((1, *size, 1)), const([2]), keep_dims=True)
    graph = b.graph(b.op(kind, y, const([1]), keep_dims=True))
    outcome = apply(graph, (REDUCTIONS,))
    assert outcome.done is merged
    assert merged or "lose digits" in outcome.explain[0]
