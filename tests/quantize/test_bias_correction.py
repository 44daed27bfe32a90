"""Rounded weights do not shift the mean of the first layers' results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.data import TensorSpec, load_examples
from litesmith.graph import Graph, write
from litesmith.quantize import Quantize, annotate, calibrate, lower
from litesmith.quantize.bias_correction import corrected
from litesmith.runtime import Session
from tests.rewrite.affine_graphs import conv, dense, depthwise
from tests.support.graphs import VALID, Array, Builder, const, named


def network(kind: str, seed: int, moved: bool) -> Graph:
    b = Builder(seed)
    x = b.input((1, 3, 6, 7) if moved else (1, 6, 7, 3))
    y = b.op("TRANSPOSE", x, const([0, 2, 3, 1])) if moved else x
    if kind == "conv":
        return named(b.graph(conv(b, y, 6, padding=VALID)))
    if kind == "depthwise":
        return named(b.graph(depthwise(b, y, 2, padding=VALID)))
    return named(b.graph(dense(b, y, size=6 * 7 * 3)))


def data(graph: Graph, seed: int) -> tuple[Array, TensorSpec]:
    spec = TensorSpec("x0", (None, *graph.inputs[0].shape[1:]), "float32")
    noise = np.random.default_rng(seed).normal(0, 20, (32, *graph.inputs[0].shape[1:]))
    return (150 + noise).astype(np.float32), spec


@settings(max_examples=20, deadline=None)
@given(
    kind=st.sampled_from(["conv", "depthwise", "dense"]),
    seed=st.integers(0, 999),
    moved=st.booleans(),
)
def test_the_mean_error_goes(kind: str, seed: int, moved: bool) -> None:
    graph = network(kind, seed, moved)
    values, spec = data(graph, seed)
    examples = load_examples(values, [spec])
    ranges = calibrate(graph, examples)
    annotated = annotate(graph, ranges)
    wanted = Session(write(graph)).run([values])[0]
    channels = tuple(range(wanted.ndim - 1))
    step = float(np.ptp(wanted)) / 255

    def mean_error(file: Graph) -> Array:
        found = Session(write(file)).run([values])[0]
        return np.asarray(np.abs((found - wanted).mean(channels)))

    before = mean_error(lower(annotated))
    after = mean_error(lower(corrected(annotated, ranges.means)))
    assert after.max() < 0.35 * step
    assert after.mean() <= before.mean() + 0.05 * step
    # The whole step may choose other ranges as well, but no worse ones.
    assert mean_error(Quantize()(graph, examples).graph).max() < before.max() + 0.35 * step


def test_means_of_inputs_are_per_channel() -> None:
    graph = network("conv", 0, moved=False)
    values, spec = data(graph, 0)
    found = calibrate(graph, load_examples(values, [spec])).means[graph.inputs[0]]
    assert found == pytest.approx(values.reshape(-1, 3).mean(0), rel=1e-5)


def test_nothing_to_correct() -> None:
    graph = network("conv", 0, moved=False)
    values, spec = data(graph, 0)
    annotated = annotate(graph, calibrate(graph, load_examples(values, [spec])))
    assert corrected(annotated, {}) is annotated


def test_inner_layers_are_corrected_too() -> None:
    b = Builder(2)
    first = conv(b, b.input((1, 6, 7, 3)), 6, padding=VALID)
    graph = named(b.graph(conv(b, b.op("RELU", first), 4, padding=VALID)))
    values, spec = data(graph, 2)
    ranges = calibrate(graph, load_examples(values, [spec]))
    annotated = annotate(graph, ranges)
    inner = {t: mean for t, mean in ranges.means.items() if t not in graph.inputs}
    (new,) = corrected(annotated, inner).integer - annotated.integer
    (old,) = annotated.integer - corrected(annotated, inner).integer
    assert new.outputs[0] is graph.outputs[0] or new.outputs[0].name == graph.outputs[0].name
    weights, bias = old.inputs[1:3]
    assert weights is not None and weights.data is not None and weights.quant is not None
    assert bias is not None and bias.data is not None
    scale = weights.quant.scale.reshape(-1, 1, 1, 1)
    stored = np.clip(np.rint(weights.data / scale), -127, 127) * scale
    (mean,) = inner.values()
    added = ((weights.data - stored) * mean).sum((1, 2, 3))
    assert new.inputs[2] is not None and new.inputs[2].data is not None
    assert new.inputs[2].data - bias.data == pytest.approx(added, rel=1e-3, abs=1e-4)
