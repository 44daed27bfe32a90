"""Weights of several signatures stay stored once."""

from __future__ import annotations

import pytest

from litesmith.graph import Graph, Tensor, read, verify, write
from litesmith.rewrite import FAMILIES, apply
from tests.support.graphs import Builder, const, draw, execute, named
from tests.support.rewriting import kinds

_SIDE = 40  # 6,400 bytes of weights


def _graph(w: Tensor, factors: Tensor | None, key: str) -> Graph:
    b = Builder()
    x = b.input((1, _SIDE))
    y = x if factors is None else b.op("MUL", x, factors)
    return named(b.graph(b.op("TANH", b.op("FULLY_CONNECTED", y, w, None))), key)


def _file(*factors: Tensor | None) -> Graph:
    """Return a file as it is read: signatures that share their weights, a factor before some."""
    w = Builder(1).weights(_SIDE, _SIDE)
    first, *others = (_graph(w, f, f"f{i}") for i, f in enumerate(factors))
    return read(write(first.with_(siblings=tuple(others))))


def _same(before: Graph, after: Graph) -> None:
    for one, two in zip(before.graphs(), after.graphs(), strict=True):
        arrays = draw(one, 3)
        pair = (execute(g.with_(siblings=(), signatures=()), arrays) for g in (one, two))
        for a, b in zip(*pair, strict=True):
            assert abs(a - b).max() <= 1e-5


def _factors(seed: int, size: int = _SIDE) -> Tensor:
    return Builder(seed).weights(size)


@pytest.mark.parametrize("order", [0, 1])
def test_a_factor_before_one_reader_stays(order: int) -> None:
    both = (_factors(2), None)
    before = _file(*(both[::-1] if order else both))
    outcome = apply(before, FAMILIES)
    assert len(write(outcome.graph)) <= len(write(before))
    assert sum((kinds(g) for g in outcome.graph.graphs()), kinds(before))["MUL"] >= 1
    assert any("serve other ops too" in line for line in outcome.explain)
    _same(before, verify(outcome.graph))


def test_unlike_factors_stay() -> None:
    before = _file(_factors(2), _factors(3))
    after = apply(before, FAMILIES).graph
    assert len(write(after)) <= len(write(before))
    _same(before, after)


def test_like_changes_are_made_and_stored_once() -> None:
    f = _factors(2)
    before = _file(f, f)
    after = apply(before, FAMILIES).graph
    assert [len(g.ops) for g in after.graphs()] == [2, 2]
    assert len(write(after)) <= len(write(before))
    _same(before, verify(after))


def test_what_is_not_shared_is_folded() -> None:
    w = Builder(1).weights(_SIDE, _SIDE)
    other = Builder(5).weights(_SIDE, _SIDE)
    first = _graph(w, _factors(2), "f0")
    before = read(write(first.with_(siblings=(_graph(other, None, "f1"),))))
    after = apply(before, FAMILIES).graph
    assert [len(g.ops) for g in after.graphs()] == [2, 2]
    _same(before, after)


def test_small_weights_may_be_stored_twice() -> None:
    w = const(Builder(1).weights(6, 6).data, "w")
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.op("MUL", b.input((1, 6)), _factors(2, 6)), w, None)
    c = Builder()
    z = c.op("FULLY_CONNECTED", c.input((1, 6)), w, None)
    sibling = named(c.graph(z), "other")
    before = read(write(named(b.graph(y)).with_(siblings=(sibling,))))
    after = apply(before, FAMILIES).graph
    assert [len(g.ops) for g in after.graphs()] == [1, 1]
    _same(before, after)
