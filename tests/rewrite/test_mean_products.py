"""A mean and its ε are one product beside wide ones alone, and two ops again for integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph
from litesmith.rewrite import apply
from litesmith.rewrite.mean_products import LEAST_COLUMNS, MEAN_PRODUCTS, SEPARATE_MEANS
from tests.support.graphs import RELU, Builder, const
from tests.support.rewriting import check, declined, golden, kinds


def normalized(
    b: Builder,
    shape: tuple[int, ...],
    columns: list[int],
    keep: bool = True,
    axis: int = -1,
    fused: int = 0,
    swapped: bool = False,
) -> Graph:
    """Division by the root mean square, then products of some columns each."""
    x = b.input(shape)
    mean = b.op("MEAN", b.op("MUL", x, x), const([axis]), keep_dims=keep)
    pair = (const(1e-3), mean) if swapped else (mean, const(1e-3))
    y = b.op("MUL", x, b.op("RSQRT", b.op("ADD", *pair, fused_activation_function=fused)))
    weights = [b.weights(n, shape[-1]) for n in columns]
    return b.graph(*(b.op("FULLY_CONNECTED", y, w, None, keep_num_dims=True) for w in weights))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 9),
    st.sampled_from([(1, 6), (3, 5), (2, 3, 4), (1, 2, 3, 4)]),
    st.sampled_from([[LEAST_COLUMNS], [LEAST_COLUMNS - 24, 24], [LEAST_COLUMNS - 1], [4]]),
    st.booleans(),
)
def test_random_normalizations(
    seed: int, shape: tuple[int, ...], columns: list[int], swapped: bool
) -> None:
    graph = normalized(Builder(seed), shape, columns, swapped=swapped)
    applies = sum(columns) >= LEAST_COLUMNS
    after = check(graph, MEAN_PRODUCTS)
    assert len(after.ops) == len(graph.ops) - applies
    again = check_grown(after)
    assert kinds(again) == kinds(graph)


def check_grown(graph: Graph) -> Graph:
    """The inverse is one op more where it fires."""
    return apply(graph, (SEPARATE_MEANS,)).graph


def test_narrow_products_are_a_reason_to_stay() -> None:
    assert "8 columns" in declined(normalized(Builder(), (1, 3, 4), [8]), MEAN_PRODUCTS)


@pytest.mark.parametrize("more", [{"axis": 1}, {"fused": RELU}])
def test_other_means_stay(more: dict[str, int]) -> None:
    graph = normalized(Builder(), (1, 3, 4), [LEAST_COLUMNS], **more)
    assert not apply(graph, (MEAN_PRODUCTS,)).done


def test_mean_that_something_else_reads_stays() -> None:
    b = Builder()
    x = b.input((1, 4))
    mean = b.op("MEAN", x, const([-1]), keep_dims=True)
    y = b.op("MUL", x, b.op("RSQRT", b.op("ADD", mean, const(1e-3))))
    z = b.op("FULLY_CONNECTED", y, b.weights(LEAST_COLUMNS, 4), None)
    assert not apply(b.graph(z, mean), (MEAN_PRODUCTS,)).done


def test_other_products_are_no_means() -> None:
    b = Builder()
    weights = const(np.full((1, 4), 0.26, np.float32))
    y = b.op("FULLY_CONNECTED", b.input((1, 4)), weights, const([0.5]), keep_num_dims=True)
    assert not apply(b.graph(y), (SEPARATE_MEANS,)).done


def test_golden() -> None:
    cases = {"RMSNormalization": normalized(Builder(), (1, 2, 2), [LEAST_COLUMNS])}
    golden("mean_products", cases, MEAN_PRODUCTS)
