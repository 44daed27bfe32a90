"""Chains of constant arithmetic: how many ops are left, and equal outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, text
from litesmith.rewrite import apply
from litesmith.rewrite.combine_constants import COMBINE_CONSTANTS
from tests.rewrite.affine_graphs import check, checked, factors, kinds
from tests.support.graphs import RELU, RELU6, Builder, const

_GOLDEN = Path(__file__).parents[1] / "golden" / "rewrite_combine_constants.txt"
_FAMILIES = (COMBINE_CONSTANTS,)
_SHAPES = ((2, 4), (4,), (1, 3, 4), (2, 3, 2, 4), (1, 2, 2, 2, 3))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    shape=st.sampled_from(_SHAPES),
    chain=st.lists(
        st.tuples(
            st.sampled_from(["MUL", "ADD", "SUB", "DIV", "NEG"]),
            st.sampled_from(["scalar", "one", "channel", "full"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=7,
    ),
    fused=st.sampled_from([0, RELU, RELU6]),
    seed=st.integers(0, 999),
)
def test_random_chains(
    shape: tuple[int, ...], chain: list[tuple[str, str, bool]], fused: int, seed: int
) -> None:
    b = Builder(seed)
    x = b.input(shape)
    sizes = {"scalar": (), "one": (1,), "channel": shape[-1:], "full": shape}
    for i, (kind, form, swapped) in enumerate(chain):
        act = fused if i == len(chain) - 1 else 0
        if kind == "NEG":
            x = b.op("NEG", x)
            continue
        c = factors(b, *sizes[form])
        operands = (c, x) if swapped and kind != "DIV" else (x, c)
        x = b.op(kind, *operands, fused_activation_function=act)
    after = check(b.graph(x), _FAMILIES)
    assert len(after.ops) <= 2


_C, _D = const(np.float32([1, 2, 4, 8])), const(np.float32([3, 5, 7, 9]))


@pytest.mark.parametrize(
    "chain,expected",
    [
        (["MUL", "MUL"], {"MUL": 1}),
        (["ADD", "SUB"], {"ADD": 1}),
        (["DIV", "MUL"], {"MUL": 1}),
        (["NEG", "MUL"], {"MUL": 1}),
        (["NEG", "NEG", "ABS"], {"ABS": 1}),
        (["MUL", "ADD"], {"MUL": 1, "ADD": 1}),
        (["SUB", "MUL"], {"SUB": 1, "MUL": 1}),
        (["MUL", "ADD", "MUL"], {"MUL": 1, "ADD": 1}),
        (["ADD", "MUL", "ADD"], {"MUL": 1, "ADD": 1}),
        (["MUL", "SUB", "MUL", "ADD", "NEG"], {"MUL": 1, "ADD": 1}),
    ],
)
def test_what_is_left(chain: list[str], expected: dict[str, int]) -> None:
    b = Builder()
    x = b.input((2, 4))
    for i, kind in enumerate(chain):
        x = b.op(kind, x) if kind in ("NEG", "ABS") else b.op(kind, x, _C if i % 2 else _D)
    assert kinds(check(b.graph(x), _FAMILIES)) == expected


def test_a_chain_that_is_nothing_goes() -> None:
    b = Builder()
    x = b.op("TANH", b.input((2, 4)))
    y = b.op("MUL", b.op("DIV", x, _C), _C)
    assert kinds(check(b.graph(y), _FAMILIES)) == {"TANH": 1}


def test_a_mean_is_still_subtracted_first() -> None:
    b = Builder()
    x = b.op("SUB", b.input((2, 4)), const(np.float32(5000)))
    x = b.op("MUL", b.op("MUL", x, _C), _D)
    after = check(b.graph(x), _FAMILIES)
    assert [op.kind for op in after.ops] == ["ADD", "MUL"]


def test_values_that_others_need_end_the_chain() -> None:
    b = Builder()
    one = b.op("MUL", b.input((2, 4)), _C)
    two = b.op("MUL", one, _D)
    assert not checked(b.graph(two, one), _FAMILIES).done
    b = Builder()
    one = b.op("MUL", b.input((2, 4)), _C, fused_activation_function=RELU)
    assert not checked(b.graph(b.op("MUL", one, _D)), _FAMILIES).done


def test_constants_do_not_grow() -> None:
    b = Builder()
    x = b.op("MUL", b.input((1, 64, 64, 1)), b.weights(64, 1, 1))
    graph = b.graph(b.op("MUL", x, b.weights(1, 64, 1)))
    assert not checked(graph, _FAMILIES).done


def test_zero_factors() -> None:
    b = Builder()
    x = b.op("ADD", b.input((2, 4)), _C)
    x = b.op("ADD", b.op("MUL", x, const(np.float32([0, 1, 2, 0]))), _D)
    after = check(b.graph(x), _FAMILIES)
    assert [op.kind for op in after.ops] == ["MUL", "ADD"]


@pytest.mark.parametrize("value", [0.0, np.inf, np.nan])
def test_constants_without_a_meaning_stay(value: float) -> None:
    b = Builder()
    x = b.op("DIV", b.input((2, 4)), const(np.float32(value)))
    graph = b.graph(b.op("MUL", x, _C))
    assert len(_left(graph).ops) == 2


def test_an_overflow_stays() -> None:
    b = Builder()
    x = b.op("MUL", b.input((2, 4)), const(np.float32(1e30)))
    assert len(_left(b.graph(b.op("MUL", x, const(np.float32(1e30))))).ops) == 2


def _left(graph: Graph) -> Graph:
    return apply(graph, _FAMILIES).graph


def golden() -> str:
    parts = []
    for title, chain in (
        ("rescaling and normalization", ["MUL", "SUB", "MUL"]),
        ("a mean that is subtracted first", ["SUB", "MUL", "ADD"]),
        ("division of a product", ["MUL", "DIV"]),
    ):
        b = Builder()
        x = b.input((2, 4))
        for i, kind in enumerate(chain):
            x = b.op(kind, x, _C if i % 2 else _D)
        graph = b.graph(x)
        parts.append(f"## {title}\n{text(graph)}\nbecomes\n\n{text(check(graph, _FAMILIES))}")
    return "\n".join(parts)


def test_golden() -> None:
    assert golden() == _GOLDEN.read_text()
