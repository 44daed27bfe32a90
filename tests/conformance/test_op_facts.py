"""Every row of the fact table that claims an int8 kernel keeps its word on LiteRT's kernels."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from litesmith.graph import DType, Graph, read, verify, write
from litesmith.graph.census import float_ops, op_counts
from litesmith.graph.facts import FACTS, activation_positions
from litesmith.quantize import Quantize, refusal
from tests.conformance.oracle import expected, integers
from tests.conformance.samples import SAMPLES, Sample
from tests.conformance.wide_samples import WIDE_SAMPLES
from tests.support.graphs import Array, draw, examples, execute

# Ops that keep a state round at every step: tests/quantize/test_cells.py has their own bounds.
CLAIMED = sorted(k for k, row in FACTS.items() if row.int8 is not None and not row.cell)

# Where one of LiteRT's own kernel sets is at fault; litesmith ships for the default one.
LITERT_DEFECTS = {
    ("ELU", "reference"): "there is no reference kernel, not even in float",
    ("SUM", "reference"): "the int8 reference kernel is wrong by up to 201 steps",
}

# (low, high) of calibration that strain multipliers and zero points.
EXTREMES = {
    "dead": (0.0, 0.0),
    "tiny": (-1e-7, 1e-7),
    "small": (-1e-4, 1e-4),
    "huge": (-1e5, 1e5),
    "constant": (0.5, 0.5),
    "negative": (-3.0, -2.0),
    "positive": (2.0, 3.0),
    "pixels": (0.0, 255.0),
}
_POSITIVE_ONLY = {"LOG", "RSQRT", "SQRT"}
_FIRST = {s.kind: s for s in reversed(SAMPLES)}


@cache
def quantized(sample: Sample) -> Graph:
    graph = sample.graph
    data = examples(graph, count=8, low=sample.low, high=sample.high, bound=sample.bound)
    return Quantize("int8", "int8", "int8")(graph, data).graph


def feed(sample: Sample, graph: Graph) -> list[Array]:
    """Raw inputs: over the whole range of int8, or where the sample asks for it observed values."""
    drawn = draw(sample.graph, 6, seed=3, low=sample.low, high=sample.high, bound=sample.bound)
    random = np.random.default_rng(5)
    for position, t in enumerate(graph.inputs):
        if t.dtype is not DType.INT8 or t.quant is None:
            continue
        if sample.observed:
            drawn[position] = integers(drawn[position], t.quant, t.dtype).astype(np.int8)
        else:
            drawn[position] = random.integers(-128, 128, drawn[position].shape).astype(np.int8)
    return drawn


def check_against_float(sample: Sample, graph: Graph) -> None:
    fed = feed(sample, graph)
    wanted = expected(graph, fed)
    for kernels in ("default", "builtin", "reference"):
        if (sample.kind, kernels) in LITERT_DEFECTS:
            continue
        for t, a, b in zip(graph.outputs, execute(graph, fed, kernels), wanted, strict=True):
            assert a.shape == b.shape
            allowed = 1 if FACTS[sample.kind].real_output else 0
            worst = np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0)
            assert worst <= allowed, f"{kernels}: '{t.name}' is {worst} steps off"


@pytest.mark.parametrize("kind", CLAIMED)
def test_every_claimed_kernel_has_a_sample(kind: str) -> None:
    assert kind in _FIRST


def test_every_sample_is_one_that_the_planner_accepts() -> None:
    refused = {str(s): refusal(op) for s in (*SAMPLES, *WIDE_SAMPLES) for op in s.graph.ops}
    assert not {name: why for name, why in refused.items() if why}


@pytest.mark.parametrize("sample", (*SAMPLES, *WIDE_SAMPLES), ids=str)
def test_integer_form_is_within_one_step_of_float(sample: Sample) -> None:
    graph = quantized(sample)
    assert not float_ops(graph)
    assert sample.kind in op_counts(graph)
    verify(read(write(graph)))
    check_against_float(sample, graph)


@pytest.mark.parametrize("extreme", EXTREMES)
@pytest.mark.parametrize("kind", CLAIMED)
def test_extreme_ranges_are_right_or_refused(kind: str, extreme: str) -> None:
    low, high = EXTREMES[extreme]
    if kind in _POSITIVE_ONLY and low <= 0:
        pytest.skip("undefined there")
    if kind == "EXP" and high > 80:
        pytest.skip("overflows float32")
    sample = replace(_FIRST[kind], low=low, high=high, observed=True)
    source = sample.graph
    data = examples(source, count=8, low=low, high=high, bound=sample.bound)
    outcome = Quantize("int8", "int8", "int8")(source, data)
    if FACTS[kind].scales is not None and float_ops(outcome.graph):
        assert any("values that span" in n.message for n in outcome.notices)
        execute(outcome.graph, feed(sample, outcome.graph))
    else:
        assert not float_ops(outcome.graph)
        check_against_float(sample, outcome.graph)


@pytest.mark.parametrize("kind", sorted(k for k in CLAIMED if FACTS[k].scales is not None))
@pytest.mark.parametrize("side", ["below", "lowest", "highest", "above"])
def test_limited_scales_are_exact_inside_and_refused_outside(kind: str, side: str) -> None:
    scales = FACTS[kind].scales
    assert scales is not None
    factor = {
        "below": 0.99 * scales[0],
        "lowest": 1.01 * scales[0],
        "highest": 0.99 * scales[1],
        "above": 1.01 * scales[1],
    }[side]
    if not np.isfinite(factor):
        pytest.skip("no upper limit")
    sample = replace(_FIRST[kind], low=0.0, high=255 * factor, observed=True)
    source = sample.graph
    drawn = [np.zeros((2, *t.shape), np.float32) for t in source.inputs]
    for array in drawn:
        array[1] = sample.high
    outcome = Quantize("int8", "int8", "int8")(source, examples(source, drawn))
    # Logits that hardly move get a coarser scale instead: softmax is flat there at any scale.
    widened = side == "below" and kind in ("SOFTMAX", "LOG_SOFTMAX")
    refused = side in ("below", "above") and not widened
    if not refused:
        check_against_float(sample, outcome.graph)
    assert bool(float_ops(outcome.graph)) is refused
    assert bool(outcome.notices) is refused


@pytest.mark.parametrize("kind", sorted(k for k in CLAIMED if FACTS[k].fixed_output))
def test_fixed_outputs_have_the_scale_the_kernel_demands(kind: str) -> None:
    fixed = FACTS[kind].fixed_output
    assert fixed is not None
    for t in quantized(_FIRST[kind]).outputs:
        assert t.quant is not None
        assert (float(t.quant.scale[0]), int(t.quant.zero_point[0])) == fixed


@pytest.mark.parametrize("kind", sorted(k for k in CLAIMED if FACTS[k].tied))
def test_tied_operands_and_outputs_share_one_scale(kind: str) -> None:
    for sample in (s for s in SAMPLES if s.kind == kind):
        graph = quantized(sample)
        for op in (o for o in graph.ops if o.kind == kind):
            tensors = [op.inputs[p] for p in activation_positions(op, FACTS[kind])]
            quants = [t.quant for t in (*tensors, *op.outputs) if t is not None]
            scales = {(float(q.scale[0]), int(q.zero_point[0])) for q in quants if q is not None}
            assert len(scales) == 1, str(sample)


@pytest.mark.parametrize("defect", LITERT_DEFECTS)
def test_defects_of_litert_are_still_there(defect: tuple[str, str]) -> None:
    """When this fails LiteRT was repaired: delete the entry."""
    kind, kernels = defect
    sample = _FIRST[kind]
    graph = quantized(sample)
    fed = feed(sample, graph)
    try:
        found = execute(graph, fed, kernels)[0]
    except Exception:
        return
    assert np.abs(found.astype(np.int64) - expected(graph, fed)[0]).max() > 1
