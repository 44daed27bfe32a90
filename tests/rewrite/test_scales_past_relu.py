"""Factors go past ReLUs by this family alone."""

from __future__ import annotations

import pytest

from litesmith.graph import Graph
from litesmith.rewrite import FAMILIES, Rewrite
from litesmith.rewrite.scales_past_relu import SCALES_PAST_RELU
from tests.rewrite.affine_graphs import conv, factors, scaled
from tests.support.graphs import RELU, RELU6, Builder
from tests.support.rewriting import check, declined, kinds

_IMAGE = (1, 6, 6, 4)


def _back(b: Builder) -> Graph:
    y = conv(b, b.input(_IMAGE), fused=RELU)
    return b.graph(b.op("MUL", y, factors(b, 5, positive=True)))


def _forward(b: Builder) -> Graph:
    y = b.op("MUL", b.input(_IMAGE), factors(b, 4, positive=True))
    return b.graph(conv(b, b.op("LEAKY_RELU", y, alpha=0.3)))


def _leaky(b: Builder) -> Graph:
    y = b.op("LEAKY_RELU", conv(b, b.input(_IMAGE)), alpha=0.3)
    return b.graph(b.op("MUL", y, factors(b, 5, positive=True)))


def _shifted(b: Builder) -> Graph:
    return b.graph(conv(b, scaled(b, b.input(_IMAGE), fused=RELU)))


_CASES = {"back": _back, "forward": _forward, "leaky": _leaky, "shifted": _shifted}


@pytest.mark.parametrize("name", _CASES)
def test_it_can_be_left_out(name: str) -> None:
    graph = _CASES[name](Builder())
    assert "MUL" not in kinds(check(graph, *FAMILIES))
    kept = Rewrite(without=("scales_past_relu",))(graph).graph
    assert kinds(kept)["MUL"] == 1


@pytest.mark.parametrize("name", _CASES)
def test_it_is_enough(name: str) -> None:
    assert "MUL" not in kinds(check(_CASES[name](Builder()), SCALES_PAST_RELU))


def test_other_families_can_be_left_out() -> None:
    b = Builder()
    graph = b.graph(b.op("MUL", conv(b, b.input(_IMAGE)), factors(b, 5, positive=True)))
    assert "MUL" not in kinds(check(graph, *FAMILIES))
    assert not Rewrite(without=("fold_backward",))(graph).done


def test_negative_factors_stay() -> None:
    b = Builder(2)
    y = conv(b, b.input(_IMAGE), fused=RELU)
    graph = b.graph(b.op("MUL", y, factors(b, 5)))
    assert kinds(check(graph, *FAMILIES))["MUL"] == 1


def test_an_upper_bound_stops_them() -> None:
    b = Builder()
    y = conv(b, b.input(_IMAGE), fused=RELU6)
    graph = b.graph(b.op("MUL", y, factors(b, 5, positive=True)))
    said = declined(graph, *FAMILIES)
    assert said.count("RELU6 stands between") == 1  # the other families' to say
