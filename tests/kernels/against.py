"""Holds kernels against LiteRT: the same graph, the same examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from litesmith.graph import Graph, Tensor
from litesmith.kernels.evaluate import Hooks, evaluate
from tests.support.graphs import Array, draw, execute


def computed(graph: Graph, arrays: Sequence[Array], hooks: Hooks | None = None) -> list[Array]:
    """Return the graph's outputs per example, (count, *shape), as the kernels compute them."""
    feeds = dict(zip(graph.inputs, arrays, strict=True))
    found = evaluate(graph, feeds, hooks or Hooks())
    return [np.asarray(found[t].tensor) for t in graph.outputs]


def agrees(
    graph: Graph,
    arrays: Sequence[Array] | None = None,
    low: float = -1.0,
    high: float = 1.0,
    bound: int = 2,
) -> None:
    """Assert that kernels compute what LiteRT does, within the noise of float32 sums."""
    arrays = draw(graph, 3, low=low, high=high, bound=bound) if arrays is None else arrays
    for wanted, found in zip(execute(graph, arrays), computed(graph, arrays), strict=True):
        assert found.shape == wanted.shape
        assert found.dtype == wanted.dtype
        scale = max(1.0, float(np.abs(wanted).max(initial=0)))
        np.testing.assert_allclose(found, wanted, atol=2e-5 * scale, rtol=1e-5)


def slopes(graph: Graph, step: float, low: float = -1.0, high: float = 1.0, seed: int = 1) -> None:
    """Assert that gradients, of inputs and float constants alike, are those of differences.

    Args:
        graph: of one output.
        step: how far to go to either side; large where the graph is linear or quadratic, since the
            difference is exact there.
        low, high: range of the inputs.
        seed: of the direction to go.
    """
    random = np.random.default_rng(seed)
    inputs = draw(graph, 2, low=low, high=high)
    constants = [t for op in graph.ops for t in op.inputs if t is not None and _trains(t)]
    start = [*map(tf.constant, inputs), *(tf.constant(t.data) for t in constants)]
    way = [random.normal(0, 1, v.shape).astype(np.float32) for v in start]
    weights = None

    def value(parts: Sequence[tf.Tensor]) -> tf.Tensor:
        nonlocal weights
        by_tensor = dict(zip(constants, parts[len(inputs) :], strict=True))
        feeds = dict(zip(graph.inputs, parts[: len(inputs)], strict=True))
        out = evaluate(graph, feeds, Hooks(by_tensor.get))[graph.outputs[0]].tensor
        if weights is None:
            weights = random.normal(0, 1, out.shape).astype(np.float32)
        return tf.reduce_sum(out * weights)

    with tf.GradientTape() as tape:
        tape.watch(start)
        there = value(start)
    gradients = tape.gradient(there, start)
    told = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, way, strict=True))
    ahead, behind = (
        float(value([v + sign * step * d for v, d in zip(start, way, strict=True)]))
        for sign in (1, -1)
    )
    size = sum(float(tf.reduce_sum(tf.abs(g * d))) for g, d in zip(gradients, way, strict=True))
    assert abs(told - (ahead - behind) / (2 * step)) <= 2e-3 * size + 1e-4


def _trains(tensor: Tensor) -> bool:
    return tensor.data is not None and tensor.dtype.is_float
