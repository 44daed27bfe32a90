"""Scaling channels changes no answer in float, and saves a net whose channels are badly scaled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, verify
from litesmith.quantize import Quantize, calibrate
from litesmith.quantize.equalize import equalized, ties
from litesmith.quantize.ranges import watched
from litesmith.quantize.second_look import channel_ends
from litesmith.quantize.trials import Trials
from tests.support.graphs import (
    RELU,
    RELU6,
    SAME,
    Builder,
    const,
    draw,
    examples,
    execute,
    integer,
    named,
    random_cnn,
)

_STEP = {"padding": SAME, "stride_w": 1, "stride_h": 1}


def scaled(graph: Graph, rows: list[tuple[np.ndarray, ...]], strength: float) -> Graph | None:
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    ranges = calibrate(graph, examples(graph, columns))
    seen = [t for group in ties(graph) for t in group if t in watched(graph)]
    found = equalized(graph, ranges, channel_ends(graph, seen, rows), strength)
    return None if found is None else verify(found.graph)


def rows_of(graph: Graph, count: int = 6) -> list[tuple[np.ndarray, ...]]:
    return [tuple(row) for row in zip(*(a[:, 0] for a in draw(graph, count)), strict=True)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9999), strength=st.sampled_from([0.5, 1.0]))
def test_random_networks_answer_the_same(seed: int, strength: float) -> None:
    graph = random_cnn(seed)
    rows = rows_of(graph)
    changed = scaled(graph, rows, strength)
    if changed is None:
        return
    arrays = [np.stack([row[0] for row in rows])[:, None]]
    for a, b in zip(execute(graph, arrays), execute(changed, arrays), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    """Two linear ops with an op between them that scales with what it reads, or does not."""
    b = Builder(draw(st.integers(0, 99)))
    x = b.input((1, 4, 4, 3))
    fused = draw(st.sampled_from([0, RELU, RELU6]))
    spread = const(np.float32([1, 0.1, 3, 0.02, 1, 0.5]))
    w = b.weights(6, 1, 1, 3)
    assert w.data is not None and spread.data is not None
    w.data[:] *= spread.data[:, None, None, None]
    y = b.op("CONV_2D", x, w, b.weights(6, scale=0.1), fused_activation_function=fused, **_STEP)
    kind = draw(st.sampled_from(
        ["PRELU", "LEAKY_RELU", "RELU6", "MAX_POOL_2D", "PAD", "MEAN", "RESHAPE", "MUL", "TANH"]
    ))  # fmt: skip
    if kind == "PRELU":
        y = b.op(kind, y, const(np.float32([0.1, 0.9, 0.5, 0, 0.3, -0.2]).reshape(1, 1, 6)))
    elif kind == "PAD":
        y = b.op(kind, y, const([[0, 0], [1, 1], [1, 0], [0, 0]]))
    elif kind == "MEAN":
        y = b.op(kind, y, const([1, 2]), keep_dims=True)
    elif kind == "RESHAPE":
        y = b.op(kind, y, const([1, 96]), new_shape=(1, 96))
        return b.graph(b.op("FULLY_CONNECTED", y, b.weights(5, 96), b.weights(5)))
    elif kind == "MUL":
        gate = b.op("LOGISTIC", b.op("MEAN", y, const([1, 2]), keep_dims=True))
        y = b.op(kind, y, gate)
    else:
        pool = {"filter_width": 2, "filter_height": 2, "stride_w": 1, "stride_h": 1}
        more = {"MAX_POOL_2D": pool, "LEAKY_RELU": {"alpha": 0.2}}
        y = b.op(kind, y, **more.get(kind, {}))
    y = b.op("DEPTHWISE_CONV_2D", y, b.weights(1, 3, 3, 6), b.weights(6), **_STEP)
    return b.graph(b.op("CONV_2D", y, b.weights(4, 1, 1, 6), b.weights(4), **_STEP))


@settings(max_examples=50, deadline=None)
@given(graph=chains(), strength=st.sampled_from([0.5, 1.0]))
def test_what_lies_between_scales_too(graph: Graph, strength: float) -> None:
    rows = rows_of(graph)
    changed = scaled(graph, rows, strength)
    if changed is None:  # nothing passes a TANH, and what is behind it may be even by chance
        assert any(op.kind == "TANH" for op in graph.ops)
        return
    arrays = [np.stack([row[0] for row in rows])[:, None]]
    (a,), (b,) = execute(graph, arrays), execute(changed, arrays)
    np.testing.assert_allclose(a, b, atol=2e-5 * max(np.abs(a).max(), 1))


def depthwise(seed: int = 0, fused: int = RELU) -> tuple[Graph, np.ndarray]:
    """Return a net of separable convolutions whose channels differ a hundred times in range."""
    b = Builder(seed)
    x = b.input((1, 8, 8, 3))
    spread = np.logspace(-2, 0, 16).astype(np.float32)
    w, bias = b.weights(16, 3, 3, 3, scale=0.3), b.weights(16, scale=0.2)
    assert w.data is not None and bias.data is not None
    w.data[:] *= spread[:, None, None, None]
    bias.data[:] *= spread
    y = b.op("CONV_2D", x, w, bias, fused_activation_function=fused, **_STEP)
    w = b.weights(1, 3, 3, 16, scale=0.4)
    y = b.op(
        "DEPTHWISE_CONV_2D", y, w, b.weights(16, scale=0), fused_activation_function=fused, **_STEP
    )
    last = b.weights(8, 1, 1, 16)
    assert last.data is not None
    last.data[:] /= spread
    y = b.op("CONV_2D", y, last, b.weights(8, scale=0.1), fused_activation_function=RELU, **_STEP)
    y = b.op("FULLY_CONNECTED", b.op("MEAN", y, const([1, 2])), b.weights(5, 8), b.weights(5))
    graph = named(b.graph(b.op("SOFTMAX", y, beta=1.0)))
    data = np.random.default_rng(seed).normal(0, 1, (200, 8, 8, 3)).astype(np.float32)
    return graph, data


@pytest.mark.parametrize("fused", [RELU, RELU6])
def test_badly_scaled_channels_are_saved(fused: int) -> None:
    graph, data = depthwise(fused=fused)
    trials = Trials(graph, [(row,) for row in data[100:]])
    given_data = examples(graph, [data[:100]])
    outcome = Quantize(wide_ops=False)(graph, given_data)
    plain = trials.error(integer(graph, given_data))
    assert "channels are scaled" in outcome.why
    names = {t.name for t in graph.tensors()}
    kept = [t.name for t in outcome.graph.tensors() if not t.is_constant and t.name in names]
    assert graph.ops[0].outputs[0].name not in kept
    assert trials.error(outcome.graph) < 0.2 * plain


def test_what_the_user_sees_stays() -> None:
    b = Builder(1)
    x = b.input((1, 4, 4, 3))
    y = b.op("CONV_2D", x, b.weights(6, 1, 1, 3), b.weights(6), **_STEP)
    z = b.op("CONV_2D", y, b.weights(4, 1, 1, 6), b.weights(4), **_STEP)
    graph = b.graph(y, z)
    assert not ties(graph)
    assert scaled(graph, rows_of(graph), 1.0) is None


def test_a_scalar_gate_scales_all_channels_alike() -> None:
    b = Builder()
    x = b.op("FULLY_CONNECTED", b.input((1, 4)), b.weights(6, 4), None)
    gate = b.input((), name="gate")
    graph = b.graph(b.op("FULLY_CONNECTED", b.op("MUL", x, gate), b.weights(3, 6), None))
    assert all(gate not in group for group in ties(graph))
