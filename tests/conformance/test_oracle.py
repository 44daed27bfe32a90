"""The oracle notices what it is there to notice."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import LoadError
from litesmith.graph import DType, Graph, QuantParams
from litesmith.graph.edit import substitute
from tests.conformance.oracle import expected, integers, real
from tests.conformance.samples import SAMPLES
from tests.conformance.test_op_facts import check_against_float, quantized


def with_output_scale(graph: Graph, factor: float) -> Graph:
    t = graph.outputs[0]
    assert t.quant is not None
    quant = QuantParams(t.quant.scale * np.float32(factor), t.quant.zero_point)
    return substitute(graph, {t: t.with_(quant=quant)})


@pytest.mark.parametrize("kind", ["RESHAPE", "TRANSPOSE", "MAX_POOL_2D", "GATHER", "PACK"])
def test_a_scale_that_the_kernel_ignores(kind: str) -> None:
    sample = next(s for s in SAMPLES if s.kind == kind)
    with pytest.raises((AssertionError, LoadError)):
        check_against_float(sample, with_output_scale(quantized(sample), 0.5))


@pytest.mark.parametrize("kind", ["CONV_2D", "ADD", "MEAN", "TANH"])
def test_a_scale_that_the_kernel_follows(kind: str) -> None:
    sample = next(s for s in SAMPLES if s.kind == kind)
    check_against_float(sample, with_output_scale(quantized(sample), 1.5))


def test_integers_and_real_values() -> None:
    quant = QuantParams(np.asarray([0.5], np.float32), np.asarray([3]))
    values = np.asarray([-1.0, 0.0, 0.24, 0.26, 1e9, np.inf, -np.inf], np.float32)
    assert integers(values, quant, DType.INT8).tolist() == [1, 3, 3, 4, 127, 127, -128]
    assert real(np.asarray([1, 3], np.int8), quant).tolist() == [-1.0, 0.0]


def test_per_channel_values() -> None:
    quant = QuantParams(np.asarray([1, 10], np.float32), np.zeros(2, np.int64), 1)
    assert real(np.ones((2, 2), np.int8), quant).tolist() == [[1, 10], [1, 10]]


def test_plain_outputs_are_passed_on() -> None:
    sample = next(s for s in SAMPLES if s.kind == "ARG_MAX")
    graph = quantized(sample)
    fed = [np.arange(24, dtype=np.int8).reshape(1, *graph.inputs[0].shape)]
    assert expected(graph, fed)[0].dtype == np.int32
