"""Columns of different range: exact in float, and the small ones survive int8."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from litesmith.graph import Graph, Tensor, verify, write
from litesmith.graph.census import float_ops
from litesmith.quantize import Quantize
from litesmith.quantize.columns import columns_apart
from litesmith.runtime import Session
from tests.support.graphs import SAME, Builder, const, examples, named

Array = npt.NDArray[Any]
ANCHORS, CLASSES, SIDE = 2, 3, 6
ROWS = SIDE * SIDE * ANCHORS
COLUMNS = 4 + CLASSES


def conv(b: Builder, x: Tensor, weights: Array) -> Any:
    out = len(weights)
    one = {"stride_w": 1, "stride_h": 1, "padding": SAME}
    return b.op("CONV_2D", x, const(weights.astype(np.float32)), b.weights(out), **one)


def reshaped(b: Builder, x: Tensor, columns: int, rows: int = ROWS) -> Any:
    shape = (1, rows, columns)
    return b.op("RESHAPE", x, const(shape), new_shape=shape)


def concatenated(b: Builder, x: Tensor) -> Any:
    boxes = conv(b, x, b.random.normal(0, 40, (ANCHORS * 4, 1, 1, 8)))
    scores = b.op("LOGISTIC", conv(b, x, b.random.normal(0, 1, (ANCHORS * CLASSES, 1, 1, 8))))
    parts = reshaped(b, boxes, 4), reshaped(b, scores, CLASSES)
    return b.op("CONCATENATION", *parts, axis=2)


def decoded(b: Builder, x: Tensor) -> Any:
    y = conv(b, x, b.random.normal(0, 1, (ANCHORS * COLUMNS, 1, 1, 8)))
    y = b.op("LOGISTIC", reshaped(b, y, COLUMNS))
    return b.op("MUL", y, const(np.array([320] * 4 + [1] * CLASSES, np.float32)))


def one_convolution(b: Builder, x: Tensor) -> Any:
    weights = b.random.normal(0, 1, (ANCHORS, COLUMNS, 1, 1, 8))
    weights[:, :4] *= 60
    y = conv(b, x, weights.reshape(ANCHORS * COLUMNS, 1, 1, 8))
    return reshaped(b, y, COLUMNS)


def two_levels(b: Builder, x: Tensor) -> Any:
    one = {"stride_w": 2, "stride_h": 2, "padding": SAME, "filter_width": 2, "filter_height": 2}
    small = b.op("AVERAGE_POOL_2D", x, **one)
    weights = b.random.normal(0, 1, (COLUMNS, 1, 1, 8))
    weights[:4] *= 60
    parts = [reshaped(b, conv(b, t, weights), COLUMNS, s * s) for t, s in ((x, SIDE), (small, 3))]
    return b.op("CONCATENATION", *parts, axis=1)


def dense(b: Builder, x: Tensor) -> Any:
    y = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    weights = b.random.normal(0, 1, (COLUMNS, 8)).astype(np.float32)
    weights[:4] *= 100
    return b.op("FULLY_CONNECTED", y, const(weights), b.weights(COLUMNS, scale=0.1))


MAKERS = (concatenated, decoded, one_convolution, two_levels, dense)


def head(maker: Any) -> Graph:
    b = Builder(4)
    return named(b.graph(maker(b, b.input((1, SIDE, SIDE, 8), name="x"))))


def feed(seed: int, count: int) -> Array:
    return np.random.default_rng(seed).normal(0, 1, (count, SIDE, SIDE, 8)).astype(np.float32)


def answer(graph: Graph, x: Array) -> Array:
    return Session(write(verify(graph))).run([x])[0]


@pytest.mark.parametrize("maker", MAKERS)
def test_exact_in_float(maker: Any) -> None:
    graph = head(maker)
    apart = columns_apart(graph, examples(graph, [feed(0, 30)]), (), False)
    assert apart.why and len(apart.floats) == 1 and not apart.notices
    x = feed(1, 10)
    wanted = answer(graph, x)
    np.testing.assert_allclose(answer(apart.graph, x), wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("maker", MAKERS)
def test_small_columns_survive(maker: Any) -> None:
    graph, x = head(maker), feed(1, 20)
    data = examples(graph, [feed(0, 30)])
    outcome = Quantize("int8")(graph, data)
    wanted, found = answer(graph, x), answer(outcome.graph, x)
    small = np.abs(found - wanted)[..., 4:]
    span = np.abs(wanted)[..., 4:].max()
    assert small.mean() < 0.02 * span
    assert found.shape == wanted.shape and "a scale each" in outcome.why
    mixed = np.abs(np.rint(wanted / (np.abs(wanted).max() / 127)))[..., 4:].max()
    assert mixed <= 8  # what one scale for all would have left


@pytest.mark.parametrize("maker", MAKERS)
def test_integers_out_are_told(maker: Any) -> None:
    graph = head(maker)
    outcome = Quantize("int8", output_type="int8")(graph, examples(graph, [feed(0, 30)]))
    assert [n.code for n in outcome.notices] == ["mixed_columns"]
    assert not float_ops(outcome.graph)


def test_targets_without_float_are_told() -> None:
    graph = head(concatenated)
    data = examples(graph, [feed(0, 30)])
    outcome = Quantize("int8", "int8", "int8", integer_only=True)(graph, data)
    assert [n.code for n in outcome.notices] == ["mixed_columns"]


def plain(b: Builder, x: Tensor) -> Any:
    y = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    return b.op("FULLY_CONNECTED", y, b.weights(COLUMNS, 8), b.weights(COLUMNS))


def interleaved(b: Builder, x: Tensor) -> Any:
    y = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    return b.op("MUL", y, const(np.array([1, 100] * 4, np.float32)))


def softmax(b: Builder, x: Tensor) -> Any:
    bias = const(np.array([0, 0, 0, 0, -9, -9, -9], np.float32))
    y = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    return b.op("SOFTMAX", b.op("FULLY_CONNECTED", y, b.weights(COLUMNS, 8), bias), beta=1.0)


@pytest.mark.parametrize("maker", [plain, interleaved, softmax])
def test_nothing_to_do(maker: Any) -> None:
    graph = head(maker)
    apart = columns_apart(graph, examples(graph, [feed(0, 30)]), (), False)
    assert apart.graph is graph and not apart.floats and not apart.notices


def test_values_that_others_read_stay_whole() -> None:
    b = Builder(4)
    x = b.input((1, SIDE, SIDE, 8), name="x")
    y = concatenated(b, x)
    graph = named(b.graph(y, b.op("TANH", y)))
    apart = columns_apart(graph, examples(graph, [feed(0, 30)]), (), False)
    wanted = Session(write(graph)).run([feed(1, 5)])
    found = Session(write(verify(apart.graph))).run([feed(1, 5)])
    for a, c in zip(wanted, found, strict=True):
        np.testing.assert_allclose(a, c, atol=1e-4)


def test_columns_that_are_always_zero_go_with_either() -> None:
    b = Builder(4)
    x = b.input((1, SIDE, SIDE, 8), name="x")
    y = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    scale = const(np.array([100, 0, 100, 0, 1, 1, 0, 1], np.float32))
    graph = named(
        b.graph(b.op("MUL", b.op("FULLY_CONNECTED", y, b.weights(8, 8), b.weights(8)), scale))
    )
    apart = columns_apart(graph, examples(graph, [feed(0, 30)]), (), False)
    assert "columns 0–3" in apart.why[0] and "columns 4–7" in apart.why[0]


def test_groups_of_channels_are_not_torn_apart() -> None:
    b = Builder(2)
    weights = b.random.normal(0, 1, (4, 1, 1, 4)).astype(np.float32)
    weights[0] *= 900
    one = {"stride_w": 1, "stride_h": 1, "padding": SAME}
    x = b.input((1, SIDE, SIDE, 8), name="x")
    graph = named(b.graph(b.op("CONV_2D", x, const(weights), b.weights(4), **one)))
    data = examples(graph, [feed(0, 10)])
    assert not columns_apart(graph, data, (), False).why
    answer(Quantize("int8")(graph, data).graph, feed(1, 2))


def test_more_axes_than_concatenation_takes_stay_whole() -> None:
    """XNNPACK refuses a file with a CONCATENATION of seven axes (found by random graphs)."""
    b = Builder()
    shape = (1, 2, 1, 1, 3, 2, 2)
    weights = const(np.array([[1, 2], [300, 400]], np.float32))
    y = b.op("FULLY_CONNECTED", b.input((12, 2)), weights, b.weights(2))
    graph = named(b.graph(b.op("RESHAPE", y, const(shape), new_shape=shape)))
    result = Quantize()(graph, examples(graph)).graph
    assert "CONCATENATION" not in {op.kind for op in result.ops}
    Session(write(result))
