"""One weight scale per op: no weight clipped, biases on the product of scales, still loadable."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, write
from litesmith.quantize import Quantize, annotate, per_tensor
from litesmith.quantize.ranges import calibrate
from litesmith.runtime import Session
from tests.support.graphs import Builder, examples, named


def _graph(seed: int, spread: float) -> Graph:
    b = Builder(seed)
    x = b.input((1, 6, 6, 2))
    kernel = b.weights(3, 3, 3, 2)
    x = b.op("CONV_2D", x, kernel, b.weights(3), stride_w=1, stride_h=1)
    dense = b.weights(4, 108, scale=0.1)
    assert dense.data is not None
    dense.data[0] *= spread
    return named(b.graph(b.op("FULLY_CONNECTED", x, dense, b.weights(4))))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), spread=st.sampled_from([0.01, 1.0, 50.0]))
def test_only_the_kinds_that_are_asked_for_get_one_scale(seed, spread):
    graph = _graph(seed, spread)
    fine = annotate(graph, calibrate(graph, examples(graph)))
    coarse = per_tensor(fine, ("FULLY_CONNECTED",))
    assert len(coarse.integer) == len(fine.integer)
    for before, after in zip(fine.graph.ops, coarse.graph.ops, strict=True):
        weights, bias = after.input(1), after.input(2)
        if before.kind != "FULLY_CONNECTED":
            assert after is before
            continue
        assert weights is not None
        assert weights.data is not None
        assert weights.quant is not None
        assert (weights.quant.axis, weights.quant.scale.size) == (None, 1)
        assert np.abs(weights.data).max() <= 127.5 * weights.quant.scale[0]
        assert bias is not None
        assert bias.quant is not None
        assert bias.quant.scale.size == 1


def test_the_file_runs_and_stays_close():
    graph = _graph(0, 1.0)
    data = examples(graph)
    step = Quantize("int8", per_tensor=("FULLY_CONNECTED", "CONV_2D"))
    batch = next(iter(data.batches(16)))
    exact = Session(write(graph)).run(batch)[0]
    found = Session(write(step(graph, data).graph)).run(batch)[0]
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()
