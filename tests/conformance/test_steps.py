"""Every step on every sample: sound, runnable, finite, and the input graph is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import Graph, read, text, verify, write
from litesmith.graph.census import op_counts
from litesmith.graph.step import Step
from litesmith.quantize import SCHEMES, Quantize
from litesmith.rewrite import INTEGER_STEPS, STEPS
from litesmith.runtime import Session
from tests.conformance.samples import SAMPLES, Sample
from tests.support.graphs import Array, draw, examples, random_cnn

_ENDS = (Quantize("int8", "uint8", "uint8"), Quantize("int8", "int8", "float32"))
ALL_STEPS: tuple[Step, ...] = (
    *STEPS,
    *INTEGER_STEPS,
    *(Quantize(name) for name in SCHEMES),
    *_ENDS,
)
# What a scheme may add, relative to the largest output.
_NOISE = {"none": 1e-6, "float16": 5e-3, "dynamic": 5e-2}


def run(graph: Graph, arrays: list[Array]) -> list[Array]:
    session = Session(write(graph))
    shaped = [
        a.reshape(len(a), *p.example_shape) for a, p in zip(arrays, session.inputs, strict=True)
    ]
    return session.run(shaped)


def check(step: Step, graph: Graph, arrays: list[Array], wanted: list[Array]) -> None:
    before, ids = text(graph), [id(t) for t in graph.tensors()]
    outcome = step(graph, examples(graph, arrays))
    assert (text(graph), [id(t) for t in graph.tensors()]) == (before, ids)
    assert outcome.why
    assert outcome.done is (outcome.graph is not graph)
    if not outcome.done:
        return
    verify(outcome.graph)
    for a, b in zip(run(outcome.graph, arrays), wanted, strict=True):
        assert a.shape == b.shape
        if b.dtype.kind == "f":
            assert np.isfinite(a).all()
            noise = _NOISE.get(getattr(step, "scheme", "none"))
            if noise is not None:
                assert np.abs(a - b).max(initial=0) <= noise * max(np.abs(b).max(initial=0), 1e-3)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_steps_on_samples(sample: Sample) -> None:
    graph = sample.graph
    arrays = draw(graph, 3, low=sample.low, high=sample.high, bound=sample.bound)
    wanted = run(graph, arrays)
    for step in ALL_STEPS:
        check(step, graph, arrays, wanted)


@pytest.mark.parametrize("seed", range(8))
def test_steps_on_random_networks(seed: int) -> None:
    graph = random_cnn(seed)
    arrays = draw(graph, 4, seed)
    wanted = run(graph, arrays)
    for step in ALL_STEPS:
        check(step, graph, arrays, wanted)
        again = read(write(step(graph, examples(graph, arrays)).graph))
        assert op_counts(again) == op_counts(step(graph, examples(graph, arrays)).graph)
