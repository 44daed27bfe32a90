"""Every kernel, unasked: LiteRT's values, one example as many, and gradients.

To add a kernel, add a sample of its kind (tests/kernels/samples.py); nothing else is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from litesmith.graph import DType, Graph, Tensor
from litesmith.kernels.evaluate import Hooks, evaluate
from litesmith.kernels.table import KERNELS
from litesmith.kernels.value import TfTensor, Value
from tests.conformance.sample import Sample
from tests.kernels.samples import ALL_SAMPLES
from tests.support.graphs import Array, draw, execute

COUNT = 3
TOLERANCE = 1e-5  # of the largest value
STEP = 1e-6
# TensorFlow computes these in float32 whatever comes in; they are linear, so a long step is exact.
LONG_STEPS = {"RESIZE_BILINEAR": 1e-1}
# Traced for gradients too: a loop of a traced function is another one than an eager loop.
LOOPS = frozenset({"WHILE", "IF", "UNIDIRECTIONAL_SEQUENCE_LSTM"})

# Kinds whose results are not real values, or do not depend on real values.
NO_GRADIENT: Mapping[str, str] = {
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), "positions"),
    **dict.fromkeys(
        ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"), "truth values"
    ),
    **dict.fromkeys(
        ("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "REDUCE_ALL", "REDUCE_ANY"), "truth values"
    ),
    **dict.fromkeys(("BITWISE_XOR", "RIGHT_SHIFT", "CAST"), "integers"),
    **dict.fromkeys(("SHAPE", "RANK", "BROADCAST_ARGS", "RANGE"), "shapes and counters"),
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "FAKE_QUANT"), "steps: gradients pass through"),
}


@cache
def case(sample: Sample) -> tuple[Graph, list[Array], list[Array]]:
    """Return a sample's graph, examples (COUNT, *shape) and what LiteRT makes of them."""
    graph = sample.graph
    fed = draw(graph, COUNT, 3, sample.low, sample.high, sample.bound)
    return graph, fed, execute(graph, fed)


def check(found: Mapping[Tensor, Value], wanted: Mapping[Tensor, Array]) -> None:
    """Assert that values are LiteRT's, (examples, *shape)."""
    for t, want in wanted.items():
        value = found[t]
        have = value.tensor.numpy() if value.batched else value.tensor.numpy()[np.newaxis]
        have = np.broadcast_to(have, (len(want), *have.shape[1:]))
        assert have.shape == want.shape, t.name
        assert have.dtype == want.dtype, t.name
        scale = max(1.0, float(np.abs(want.astype(np.float64)).max(initial=0)))
        error = np.abs(have.astype(np.float64) - want.astype(np.float64)).max(initial=0)
        # LiteRT rounds twice where it changes the scale of integers.
        allowed = TOLERANCE * scale if t.quant is None else 1
        assert error <= allowed, t.name


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_every_kernel_has_a_sample(kind: str) -> None:
    assert any(s.kind == kind for s in ALL_SAMPLES), "add one to tests/kernels/samples.py"


def test_every_sample_is_of_a_kernel() -> None:
    assert {s.kind for s in ALL_SAMPLES} <= set(KERNELS)


def traced(graph: Graph, fed: Sequence[Array]) -> dict[Tensor, Value]:
    """Return the outputs of a function that was traced for any number of examples."""
    batched: dict[Tensor, bool] = {}

    def function(*tensors: TfTensor) -> list[TfTensor]:
        found = evaluate(graph, dict(zip(graph.inputs, tensors, strict=True)))
        for t, value in found.items():
            batched[t] = value.batched
            assert value.tensor.shape[value.batched :] == t.shape, "a size was lost"
        return [value.tensor for value in found.values()]

    signature = [tf.TensorSpec((None, *t.shape), t.dtype.value) for t in graph.inputs]
    made = tf.function(function, signature)(*map(tf.constant, fed))
    return {t: Value(m, batched[t]) for t, m in zip(batched, made, strict=True)}


@pytest.mark.parametrize("sample", ALL_SAMPLES, ids=str)
def test_many_examples_at_once_are_what_litert_computes_of_each(sample: Sample) -> None:
    graph, fed, wanted = case(sample)
    check(traced(graph, fed), dict(zip(graph.outputs, wanted, strict=True)))


def _alone(kept: Sequence[Tensor]) -> Hooks:
    """Return hooks that feed the first example as a constant, but for some inputs."""

    def feed(tensor: Tensor, value: Value) -> Value:
        return value if tensor in kept else Value(value.tensor[0], False)

    return Hooks(feed=feed)


@pytest.mark.parametrize("sample", ALL_SAMPLES, ids=str)
def test_operands_may_be_the_same_for_every_example(sample: Sample) -> None:
    graph, fed, wanted = case(sample)
    feeds = dict(zip(graph.inputs, fed, strict=True))
    found = evaluate(graph, feeds, _alone(()))
    assert not any(v.batched for v in found.values())
    check(found, {t: w[:1] for t, w in zip(graph.outputs, wanted, strict=True)})
    for kept in graph.inputs if len(graph.inputs) > 1 else ():
        same = [a if t is kept else np.repeat(a[:1], COUNT, 0) for t, a in feeds.items()]
        found = evaluate(graph, feeds, _alone([kept]))
        check(found, dict(zip(graph.outputs, execute(graph, same), strict=True)))


class Doubles:
    """A graph in float64, as a function of all its real operands, constants among them."""

    def __init__(self, graph: Graph, fed: Sequence[Array]) -> None:
        self.graph = graph
        self.fed = dict(zip(graph.inputs, fed, strict=True))
        stored = {t for g in graph.graphs() for o in g.ops for t in o.inputs if t and t.is_constant}
        reals: dict[Tensor, Array] = {t: t.data for t in stored if t.data is not None}
        reals |= self.fed
        self.at = {t: v.astype(np.float64) for t, v in reals.items() if t.dtype is DType.FLOAT32}
        self.random = np.random.default_rng(1)
        self.weights: dict[Tensor, Array] = {}

    def __call__(self, *values: TfTensor) -> TfTensor:
        """Return a random weighted sum of all real results, for operands in the order of `at`."""
        at = dict(zip(self.at, values, strict=True))
        feeds = {t: at.get(t, v) for t, v in self.fed.items()}
        found = evaluate(self.graph, feeds, Hooks(constant=at.get))
        total = tf.zeros((), tf.float64)
        for t, value in found.items():
            if value.tensor.dtype.is_floating:
                real = tf.cast(value.tensor, tf.float64)
                if t not in self.weights:
                    self.weights[t] = self.random.normal(size=real.shape)
                total += tf.reduce_sum(real * self.weights[t])
        return total

    def directions(self) -> list[Array]:
        """Return where to go: each operand by its own size."""
        return [
            self.random.normal(size=v.shape) * max(np.abs(v).max(initial=0), 1e-3)
            for v in self.at.values()
        ]


@pytest.mark.parametrize("sample", ALL_SAMPLES, ids=str)
def test_gradients_are_those_of_finite_differences(sample: Sample) -> None:
    if sample.kind in NO_GRADIENT:
        pytest.skip(NO_GRADIENT[sample.kind])
    graph, fed, _ = case(sample)
    function = Doubles(graph, fed)
    call = tf.function(function) if sample.kind in LOOPS else function
    variables = [tf.constant(v) for v in function.at.values()]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        total = call(*variables)
    found = tape.gradient(total, variables, unconnected_gradients="zero")
    gradients = map(tf.convert_to_tensor, found)  # of a table's rows too
    way, step = function.directions(), LONG_STEPS.get(sample.kind, STEP)
    parts = [float(tf.reduce_sum(g * d)) for g, d in zip(gradients, way, strict=True)]
    ends = [
        float(call(*(v + side * step * d for v, d in zip(variables, way, strict=True))))
        for side in (1, -1)
    ]
    slope = (ends[0] - ends[1]) / (2 * step)
    size = sum(map(abs, parts)) + 1e-4 * abs(float(total))
    assert abs(slope - sum(parts)) <= 1e-4 * size + 1e-8
