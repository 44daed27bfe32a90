"""Every row that claims a kernel with int16 activations keeps its word on LiteRT's kernels.

Ends are stripped: the graph is fed int16 and answers int16, all random integers of the range.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from litesmith.graph import DType, Graph
from litesmith.graph.census import float_ops, op_counts
from litesmith.graph.facts import FACTS
from litesmith.quantize import Quantize
from litesmith.quantize.plan import CARRIERS
from tests.conformance.oracle import expected
from tests.conformance.samples import SAMPLES, Sample
from tests.conformance.wide_samples import WIDE_SAMPLES
from tests.support.graphs import Array, Builder, draw, examples, execute

CLAIMED = sorted(kind for kind, row in FACTS.items() if row.int16 is not None)
# Kernels that interpolate in a table or in 10 bits, in steps of 16 bits. An int8 step is 256.
COARSE = {"EXP": 103, "GELU": 245, "RESIZE_BILINEAR": 100, "SOFTMAX": 14, "TANH": 2}
LITERT_DEFECTS = {("SUM", "reference"): "wrong by up to the whole range, as in int8"}
_ALL = tuple(s for s in (*SAMPLES, *WIDE_SAMPLES) if s.kind in CLAIMED)


def bare(graph: Graph) -> Graph:
    """Return the graph without conversions at its ends."""
    inputs, outputs, ops = list(graph.inputs), list(graph.outputs), []
    for op in graph.ops:
        if op.kind == "QUANTIZE" and op.inputs[0] in inputs:
            inputs[inputs.index(op.inputs[0])] = op.outputs[0]
        elif op.kind == "DEQUANTIZE" and op.outputs[0] in outputs:
            outputs[outputs.index(op.outputs[0])] = op.inputs[0]
        else:
            ops.append(op)
    return graph.with_(inputs=tuple(inputs), outputs=tuple(outputs), ops=tuple(ops), signatures=())


@cache
def quantized(sample: Sample) -> Graph:
    graph = sample.graph
    data = examples(graph, count=8, low=sample.low, high=sample.high, bound=sample.bound)
    # Alone, an op that only moves values stays float: unless it is named.
    named = (f"{sample.kind}=16",) if sample.kind in CARRIERS else ()
    return bare(Quantize("int16x8", bits=named)(graph, data).graph)


def feed(sample: Sample, graph: Graph) -> list[Array]:
    drawn = draw(sample.graph, 6, seed=3, low=sample.low, high=sample.high, bound=sample.bound)
    random = np.random.default_rng(5)
    for position, t in enumerate(graph.inputs):
        if t.dtype is DType.INT16:
            shape = drawn[position].shape
            drawn[position] = random.integers(-32767, 32768, shape).astype(np.int16)
    return drawn


@pytest.mark.parametrize("sample", _ALL, ids=str)
def test_int16_form_is_within_one_step_of_float(sample: Sample) -> None:
    graph = quantized(sample)
    assert not float_ops(graph)
    assert sample.kind in op_counts(graph)
    for tensor in graph.tensors():
        if tensor.dtype is DType.INT16 and tensor.quant is not None:
            assert (tensor.quant.zero_point == 0).all()
        assert tensor.dtype is not DType.INT32 or tensor.quant is None  # biases are int64
    fed = feed(sample, graph)
    wanted = expected(graph, fed)
    for kernels in ("default", "builtin", "reference"):
        if (sample.kind, kernels) in LITERT_DEFECTS:
            continue
        for a, b in zip(execute(graph, fed, kernels), wanted, strict=True):
            worst = np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0)
            assert worst <= COARSE.get(sample.kind, 1), f"{kernels} is {worst} steps off"


def test_kinds_without_int16_kernel_stay_float_and_are_named() -> None:
    b = Builder()
    graph = b.graph(b.op("HARD_SWISH", b.op("ABS", b.input((1, 8)))))
    outcome = Quantize("int16x8")(graph, examples(graph))
    assert {"ABS", "HARD_SWISH"} <= op_counts(outcome.graph).keys()
    (notice,) = (n for n in outcome.notices if n.code == "float_op")
    assert "HARD_SWISH" in notice.message and "int16" in notice.message
