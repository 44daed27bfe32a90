"""Attention's factor goes into weights, where one of the matrices has its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import FAMILIES, apply
from litesmith.rewrite.matmul_scales import MATMUL_SCALES
from tests.support.graphs import RELU, Builder, const
from tests.support.rewriting import check, declined, golden, kinds


def heads(b: Builder, x: Tensor, order: tuple[int, ...] = (0, 2, 1, 3), fused: int = 0) -> Tensor:
    """Queries, keys or values: [batch, heads, steps, 2] of x[batch, steps, 4]."""
    batch, steps, _ = x.shape
    more = {"keep_num_dims": True, "fused_activation_function": fused}
    y = b.op("FULLY_CONNECTED", x, b.weights(6, 4), b.weights(6), **more)
    return b.op("TRANSPOSE", b.op("RESHAPE", y, const([batch, steps, 3, 2])), const(list(order)))


def attention(b: Builder, x: Tensor) -> Tensor:
    """MultiHeadAttention as the converter writes it."""
    batch, steps, _ = x.shape
    q, k, v = heads(b, x), heads(b, x, (0, 2, 3, 1)), heads(b, x)
    scores = b.op("MUL", b.op("BATCH_MATMUL", q, k), const(np.float32(0.5)))
    y = b.op("BATCH_MATMUL", b.op("SOFTMAX", scores, beta=1.0), v)
    y = b.op("RESHAPE", b.op("TRANSPOSE", y, const([0, 2, 1, 3])), const([batch, steps, 6]))
    return b.op("FULLY_CONNECTED", y, b.weights(4, 6), b.weights(4), keep_num_dims=True)


@st.composite
def products(draw: st.DrawFn) -> Graph:
    b = Builder(draw(st.integers(0, 9)))
    x = b.input((draw(st.integers(1, 2)), 5, 4))
    matrices = []
    for order in ((0, 2, 1, 3), (0, 2, 3, 1)):
        fused = draw(st.sampled_from([0, 0, RELU]))
        matrices.append(heads(b, x, order, fused))
    product = b.op("BATCH_MATMUL", *matrices)
    c = const(np.full(draw(st.sampled_from([(), (1,), (1, 1, 1, 1)])), 0.3, np.float32))
    kind = draw(st.sampled_from(["MUL", "DIV"]))
    swapped = kind == "MUL" and draw(st.booleans())
    fused = draw(st.sampled_from([0, 0, 0, RELU]))
    operands = (c, product) if swapped else (product, c)
    y = b.op(kind, *operands, fused_activation_function=fused)
    made = [t for op in b.ops[:-1] for t in op.outputs]
    shared = draw(st.booleans()) and draw(st.booleans())
    return b.graph(y, *([draw(st.sampled_from(made))] if shared else []))


@settings(max_examples=80, deadline=None)
@given(products())
def test_random_products(graph: Graph) -> None:
    check(graph, MATMUL_SCALES)


@pytest.mark.parametrize("batch", [1, 3])
def test_attention_is_minimal(batch: int) -> None:
    b = Builder()
    after = kinds(check(b.graph(attention(b, b.input((batch, 5, 4)))), *FAMILIES))
    expected = {"FULLY_CONNECTED": 4, "RESHAPE": 4, "TRANSPOSE": 4, "BATCH_MATMUL": 2, "SOFTMAX": 1}
    assert after == expected


def test_matrices_without_weights_are_declined() -> None:
    b = Builder()
    product = b.op("BATCH_MATMUL", b.input((2, 3)), b.input((3, 2)))
    graph = b.graph(b.op("MUL", product, const(np.float32(2))))
    assert "weights" in declined(graph, MATMUL_SCALES)


@pytest.mark.parametrize("c", [0.0, np.inf])
def test_degenerate_factors_stay(c: float) -> None:
    b = Builder()
    x = b.input((1, 5, 4))
    product = b.op("BATCH_MATMUL", heads(b, x), heads(b, x, (0, 2, 3, 1)))
    graph = b.graph(b.op("MUL", product, const(np.float32(c))))
    assert not apply(graph, (MATMUL_SCALES,)).done


def test_golden() -> None:
    b = Builder()
    golden("matmul_scales", {"attention": b.graph(attention(b, b.input((1, 5, 4))))}, MATMUL_SCALES)
