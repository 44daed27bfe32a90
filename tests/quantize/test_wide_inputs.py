"""A rescaled input changes no answer of the float graph, and its columns fill one range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.verify import verify
from litesmith.quantize import calibrate
from litesmith.quantize.entrance_forms import entrance_forms, uneven
from litesmith.quantize.second_look import multiplications
from litesmith.quantize.wide_inputs import rescaled
from tests.support.graphs import SAME, VALID, Builder, const, examples, execute

SHAPES = {
    "dense": (1, 6),
    "flat": (1, 3, 4),
    "conv_same": (1, 5, 4, 3),
    "conv_valid": (1, 5, 4, 3),
    "padded": (1, 5, 4, 3),
    "depthwise": (1, 5, 4, 3),
    "two": (1, 6),
}


def network(kind: str, seed: int) -> Graph:
    b = Builder(seed)
    x = b.input(SHAPES[kind])
    # Convolutions must have a bias.
    bias = b.weights(4) if seed % 2 or kind in ("conv_same", "conv_valid", "padded") else None
    strides: dict[str, Any] = {"stride_w": 1, "stride_h": 1}
    if kind == "dense":
        return b.graph(b.op("FULLY_CONNECTED", x, b.weights(4, 6), bias))
    if kind == "two":
        one = b.op("FULLY_CONNECTED", x, b.weights(4, 6), bias)
        return b.graph(one, b.op("FULLY_CONNECTED", x, b.weights(2, 6), None))
    if kind == "flat":
        flat = b.op("RESHAPE", x, const([1, 12]), new_shape=(1, 12))
        return b.graph(b.op("FULLY_CONNECTED", flat, b.weights(4, 12), bias))
    if kind == "depthwise":
        strides |= {"depth_multiplier": 2, "padding": VALID}
        return b.graph(b.op("DEPTHWISE_CONV_2D", x, b.weights(1, 2, 2, 6), b.weights(6), **strides))
    if kind == "padded":
        borders = np.asarray([[0, 0], [1, 1], [0, 2], [0, 0]], np.int32)
        x = b.op("PAD", x, const(borders))
    padding = SAME if kind == "conv_same" else VALID
    return b.graph(b.op("CONV_2D", x, b.weights(4, 2, 2, 3), bias, padding=padding, **strides))


def data(graph: Graph, seed: int, count: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = graph.inputs[0].shape
    scale = 10.0 ** rng.uniform(-3, 4, shape[-1])
    offset = scale * rng.uniform(-20, 20, shape[-1]) * rng.integers(0, 2, shape[-1])
    return (rng.normal(size=(count, *shape)) * scale + offset).astype(np.float32)


@settings(max_examples=80, deadline=None)
@given(kind=st.sampled_from(sorted(SHAPES)), seed=st.integers(0, 999), centered=st.booleans())
def test_answers_stay(kind: str, seed: int, centered: bool) -> None:
    graph = network(kind, seed)
    values = data(graph, seed)
    found = rescaled(graph, calibrate(graph, examples(graph, [values])), graph.inputs[0], centered)
    if centered and kind in ("conv_same", "padded"):
        assert found is None
        return
    assert found is not None
    verify(found.graph)
    before, after = execute(graph, [values]), execute(found.graph, [values])
    weights = max(float(np.abs(t.data).max()) for t in graph.tensors() if t.data is not None)
    for one, two in zip(before, after, strict=True):
        slack = 1e-5 * weights * float(np.abs(values).max()) * 12
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=slack)
    y = found.ops[-1].outputs[0]
    seen = execute(found.graph.with_(outputs=(y,)), [values])[0].reshape(-1, y.shape[-1])
    assert np.abs(seen).max(0) == pytest.approx(np.ones(y.shape[-1]), rel=1e-4)
    low, high = found.ranges.of(y)
    assert low - 1e-4 <= seen.min() and seen.max() <= high + 1e-4
    assert found.ranges.columns[y].mean == pytest.approx(seen.mean(0), abs=1e-3)


def test_what_cannot_take_it_over_is_left_alone() -> None:
    b = Builder()
    x = b.input((1, 6))
    y = b.op("FULLY_CONNECTED", x, b.weights(4, 6), None)
    graph = b.graph(y, b.op("RELU", x))
    ranges = calibrate(graph, examples(graph))
    assert rescaled(graph, ranges, x, False) is None
    assert entrance_forms(graph, ranges, x) == []
    given = b.graph(y, x)
    assert rescaled(given, ranges, x, False) is None


def test_constant_columns_keep_their_value() -> None:
    b = Builder()
    x = b.input((1, 3))
    graph = b.graph(b.op("FULLY_CONNECTED", x, b.weights(4, 3), None))
    values = np.asarray([[[0.0, 7.0, 1e4]], [[0.0, 7.0, -1e4]]], np.float32)
    ranges = calibrate(graph, examples(graph, [values]))
    for centered in (False, True):
        found = rescaled(graph, ranges, x, centered)
        assert found is not None
        after = execute(found.graph, [values])[0]
        np.testing.assert_allclose(after, execute(graph, [values])[0], rtol=1e-5, atol=1e-2)


def normalized(width: int = 6) -> tuple[Graph, Tensor]:
    b = Builder()
    x = b.input((1, width))
    moved = b.op("SUB", x, b.weights(1, width))
    y = b.op("FULLY_CONNECTED", b.op("MUL", moved, b.weights(1, width)), b.weights(4, width), None)
    return b.graph(b.op("FULLY_CONNECTED", y, b.weights(2, 4), None)), x


def test_forms_come_cheapest_first_and_name_what_stays_float() -> None:
    graph, x = normalized()
    ranges = calibrate(graph, examples(graph, [data(graph, 3)]))
    forms = entrance_forms(graph, ranges, x)
    kinds = [[op.kind for op in form.floats] for form in forms]
    assert kinds == [["SUB", "MUL"], ["SUB", "MUL", "FULLY_CONNECTED"]]
    assert all(form.graph is graph and form.price > 1 for form in forms)


def test_columns_of_one_range_need_no_rescaling() -> None:
    graph = network("dense", 0)
    values = np.random.default_rng(0).uniform(-1, 1, (20, 1, 6)).astype(np.float32)
    ranges = calibrate(graph, examples(graph, [values]))
    assert uneven(ranges, graph.inputs[0]) < 4
    (only,) = entrance_forms(graph, ranges, graph.inputs[0])
    assert [op.kind for op in only.floats] == ["FULLY_CONNECTED"]
    wide = calibrate(graph, examples(graph, [values * np.float32([1, 1, 1, 1, 1, 50])]))
    assert uneven(wide, graph.inputs[0]) > 40
    forms = entrance_forms(graph, wide, graph.inputs[0])
    made_by = [producers(form.graph) for form in forms]
    assert ["MUL" in {op.kind for op in ops.values()} for ops in made_by] == [True, True, False]


def test_multiplications_are_counted() -> None:
    assert multiplications(network("dense", 0).ops) == 24
    assert multiplications(network("conv_same", 0).ops) == 5 * 4 * 4 * 2 * 2 * 3
    assert multiplications(network("depthwise", 0).ops) == 4 * 3 * 6 * 2 * 2
