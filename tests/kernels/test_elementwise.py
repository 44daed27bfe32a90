"""Arithmetic element by element against LiteRT: broadcasts, ranks, types, gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph
from litesmith.kernels.elementwise import KERNELS
from tests.kernels.against import agrees, computed, slopes
from tests.support.graphs import RELU6, Builder, const, make, one_op, tensor

few = settings(max_examples=30, deadline=None, derandomize=True)

TWO = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "POW", "SQUARED_DIFFERENCE", "SUB")
ONE = ("ABS", "CEIL", "COS", "EXP", "FLOOR", "LOG", "NEG", "ROUND", "RSQRT", "SIGN", "SIN", "SQRT")
SMOOTH = ("COS", "EXP", "LOG", "NEG", "RSQRT", "SIN", "SQRT", "SQUARE")


@few
@given(st.data(), st.sampled_from(TWO))
def test_two_values_of_any_shapes(data: st.DataObject, kind: str) -> None:
    rank = data.draw(st.integers(0, 4))
    whole = [data.draw(st.integers(1, 3)) for _ in range(rank)]
    shapes = [
        tuple(data.draw(st.sampled_from([1, n])) for n in whole)[data.draw(st.integers(0, rank)) :]
        for _ in range(2)
    ]
    b = Builder(data.draw(st.integers(0, 99)))
    which = data.draw(st.sampled_from(["both", "left", "right"]))
    values = [
        const(np.float32(b.random.uniform(0.5, 2, shape)))
        if (which, place) in (("left", 1), ("right", 0))
        else b.input(shape)
        for place, shape in enumerate(shapes)
    ]
    agrees(b.graph(b.op(kind, *values)), low=0.5, high=2)


def _alike(kind: str, dtype: DType) -> Graph:
    """Return the graph of an op that shapes cannot be inferred of by feeding it zeros."""
    x, y, out = (tensor(name, (10,), dtype) for name in "xyz")
    return Graph((x, y), (out,), (make(kind, (x, y), (out,)),))


@pytest.mark.parametrize("kind", ["FLOOR_DIV", "FLOOR_MOD", "DIV", "ATAN2"])
def test_signs_of_both(kind: str) -> None:
    agrees(_alike(kind, DType.FLOAT32), low=-3, high=3)


@pytest.mark.parametrize("kind", ["ADD", "DIV", "FLOOR_DIV", "FLOOR_MOD", "MUL", "SUB"])
def test_integers(kind: str) -> None:
    graph = _alike(kind, DType.INT32)
    random = np.random.default_rng(1)
    x, y = random.integers(-9, 9, 40), random.choice([-4, -3, 2, 5], 40)
    agrees(graph, [a.reshape(4, 10).astype(np.int32) for a in (x, y)])


@pytest.mark.parametrize("kind", ONE)
def test_one_value(kind: str) -> None:
    positive = kind in ("LOG", "RSQRT", "SQRT")
    agrees(one_op(kind, tensor("x", (2, 30))), low=0.1 if positive else -3, high=3)


def test_sum_of_many() -> None:
    b = Builder()
    agrees(b.graph(b.op("ADD_N", b.input((3, 2)), b.input((3, 2)), b.weights(3, 2))))


def test_fused_activation() -> None:
    more = {"fused_activation_function": RELU6}
    agrees(one_op("MUL", tensor("x", (40,)), tensor("y", (40,)), **more), low=-5, high=5)


@pytest.mark.parametrize("kind", TWO)
def test_gradients_of_two(kind: str) -> None:
    slopes(one_op(kind, tensor("x", (3, 4)), tensor("y", (4,))), 1e-3, low=1, high=2)


@pytest.mark.parametrize("kind", SMOOTH)
def test_gradients_of_one(kind: str) -> None:
    slopes(one_op(kind, tensor("x", (12,))), 1e-2, low=1, high=2)


def test_gradient_of_a_root_at_zero_is_finite() -> None:
    import tensorflow as tf

    from litesmith.kernels.evaluate import evaluate

    graph = one_op("SQRT", tensor("x", (3,)))
    x = tf.constant([[0.0, 1.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = evaluate(graph, {graph.inputs[0]: x})[graph.outputs[0]].tensor
    assert tape.gradient(y, x).numpy().tolist() == [[0.0, 0.5, 0.25]]


def test_bits() -> None:
    x, y = tensor("x", (6,), DType.INT32), tensor("y", (6,), DType.INT32)
    arrays = [np.arange(6, dtype=np.int32)[None], np.full((1, 6), 3, np.int32)]
    assert computed(one_op("BITWISE_XOR", x, y), arrays)[0].tolist() == [[3, 2, 1, 0, 7, 6]]
    agrees(one_op("RIGHT_SHIFT", x, y), arrays)


def test_every_kind_was_looked_at() -> None:
    more = {"ADD_N", "ATAN2", "BITWISE_XOR", "FLOOR_DIV", "FLOOR_MOD", "RIGHT_SHIFT", "SQUARE"}
    assert set(KERNELS) == {*TWO, *ONE, *more}
