"""Matrix products take the transposition of their second operand in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.matmul_transposes import MATMUL_TRANSPOSES
from tests.support.graphs import Builder, const
from tests.support.rewriting import check, golden, kinds


def _product(b: Builder, y: Tensor, adj_y: bool = False) -> Tensor:
    """A matrix product with y as its second operand."""
    rows = y.shape[-1] if adj_y else y.shape[-2]
    a = b.input((*y.shape[:-2], 3, rows))
    return b.op("BATCH_MATMUL", a, y, adj_y=adj_y)


@st.composite
def products(draw: st.DrawFn) -> Graph:
    b = Builder()
    rank = draw(st.integers(2, 4))
    shape = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    y = b.op("TRANSPOSE", b.op("TANH", b.input(shape)), const(draw(st.permutations(range(rank)))))
    z = _product(b, y, draw(st.booleans()))
    return b.graph(z, *([y] if draw(st.booleans()) and draw(st.booleans()) else []))


@settings(max_examples=80, deadline=None)
@given(products())
def test_random_products(graph: Graph) -> None:
    check(graph, MATMUL_TRANSPOSES)


def test_transposed_rows() -> None:
    b = Builder()
    y = b.op("TRANSPOSE", b.input((2, 4, 5)), const([0, 2, 1]))
    assert kinds(check(b.graph(_product(b, y)), MATMUL_TRANSPOSES)) == {"BATCH_MATMUL": 1}


def test_heads_are_moved_by_whole_rows() -> None:
    b = Builder()
    keys = b.op("TRANSPOSE", b.input((1, 8, 4, 5)), const([0, 2, 3, 1]))
    after = check(b.graph(_product(b, keys)), MATMUL_TRANSPOSES)
    order = after.ops[0].inputs[1]
    assert order is not None and order.data is not None and order.data.tolist() == [0, 2, 1, 3]
    assert after.ops[1].option("adj_y")


def test_first_operand_stays() -> None:
    b = Builder()
    x = b.op("TRANSPOSE", b.input((2, 4, 5)), const([0, 2, 1]))
    graph = b.graph(b.op("BATCH_MATMUL", x, b.input((2, 4, 3))))
    assert not apply(graph, (MATMUL_TRANSPOSES,)).done


def test_golden() -> None:
    b = Builder()
    keys = b.op("TRANSPOSE", b.input((1, 8, 4, 5)), const([0, 2, 3, 1]))
    golden("matmul_transposes", {"keys": b.graph(_product(b, keys))}, MATMUL_TRANSPOSES)


@pytest.mark.parametrize("adj_x,adj_y,applies", [(0, 1, True), (0, 0, False), (1, 1, False)])
def test_result_is_transposed_by_the_product(adj_x: int, adj_y: int, applies: bool) -> None:
    b = Builder()
    x = b.input((2, 4, 3) if adj_x else (2, 3, 4))
    y = b.input((2, 5, 4) if adj_y else (2, 4, 5))
    product = b.op("BATCH_MATMUL", x, y, adj_x=bool(adj_x), adj_y=bool(adj_y))
    turned = b.op("TRANSPOSE", product, const([0, 2, 1]))
    after = check(b.graph(turned), MATMUL_TRANSPOSES)
    assert len(after.ops) == 2 - applies


def test_product_that_something_else_reads_is_not_turned() -> None:
    b = Builder()
    product = b.op("BATCH_MATMUL", b.input((2, 3, 4)), b.input((2, 5, 4)), adj_y=True)
    graph = b.graph(b.op("TRANSPOSE", product, const([0, 2, 1])), product)
    assert len(check(graph, MATMUL_TRANSPOSES).ops) == 2
