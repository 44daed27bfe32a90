"""Every sample with weights, stored in four bits: what LiteRT makes of them is what they mean."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import Array, DType, Graph, Op, Tensor, read, verify, write
from litesmith.graph.census import float_ops, weights_bits
from litesmith.graph.facts import FACTS
from litesmith.quantize import Quantize
from litesmith.quantize import weights as module
from litesmith.quantize.weights import FOUR_BIT
from tests.conformance.oracle import real
from tests.conformance.samples import SAMPLES, Sample
from tests.conformance.test_op_facts import check_against_float
from tests.conformance.wide_samples import WIDE_SAMPLES
from tests.support.graphs import RELU, Builder, const, draw, examples, execute

_LINEAR = tuple(s for s in (*SAMPLES, *WIDE_SAMPLES) if FACTS[s.kind].weights is not None)
_COARSE_INPUT = 0.03  # what quantizing the input on the fly may add, relative to the largest result


@pytest.mark.parametrize("sample", _LINEAR, ids=str)
def test_static_int4_is_within_one_step_of_float(sample: Sample) -> None:
    graph = sample.graph
    data = examples(graph, count=8, low=sample.low, high=sample.high, bound=sample.bound)
    result = Quantize("int4", "int8", "int8")(graph, data).graph
    assert not float_ops(result)
    wanted = "4" if sample.kind in FOUR_BIT else "8"
    assert weights_bits(result).keys() == {wanted}
    verify(read(write(result)))
    check_against_float(sample, result)


@pytest.mark.parametrize("scheme", ["dynamic-int4", "weights-int4", "weights-int8"])
@pytest.mark.parametrize("sample", _LINEAR, ids=str)
def test_small_weights_mean_what_they_say(
    sample: Sample, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_ROW_MACS", "_CHANNEL_MACS", "_SINGLE_ROW_MACS", "_WINDOW_MACS"):
        monkeypatch.setattr(module, name, 0)
    monkeypatch.setattr(module, "_OVERHEAD_BYTES", -(10**6))
    monkeypatch.setattr(module, "_PER_CHANNEL_BYTES", 0)
    result = Quantize(scheme)(sample.graph).graph
    check_expanded(sample.graph, result, 1e-5 if scheme.startswith("weights") else _COARSE_INPUT)


@pytest.mark.parametrize("rows", range(1, 10))
@pytest.mark.parametrize("columns", [32, 64, 96, 256])
def test_blocks_of_any_number_of_results(rows: int, columns: int) -> None:
    for count in (1, 3):
        b = Builder(rows)
        y = b.op("FULLY_CONNECTED", b.input((count, columns)), b.weights(rows, columns), None)
        check_expanded(b.graph(y), Quantize("dynamic-int4")(b.graph(y)).graph, _COARSE_INPUT)


def check_expanded(graph: Graph, result: Graph, tolerance: float) -> None:
    """Assert the outputs of the graph with the weights that `result` stores."""
    arrays = draw(graph, 3)
    ops: list[Op] = []
    swap: dict[Tensor, Tensor] = {}
    for op in result.ops:
        if op.kind == "DEQUANTIZE" and op.inputs[0] is not None and op.inputs[0].is_constant:
            swap[op.outputs[0]] = _expanded(op.inputs[0])
            continue
        inputs = (t and swap.get(t, t) for t in op.inputs)
        ops.append(op.with_(inputs=tuple(t and _expanded(t) for t in inputs)))
    wanted = execute(result.with_(ops=tuple(ops)), arrays)[0]
    found = execute(result, arrays, "default")[0]
    assert np.abs(found - wanted).max() <= tolerance * max(float(np.abs(wanted).max()), 1e-3)


def _expanded(tensor: Tensor) -> Tensor:
    quant = tensor.quant
    if quant is None or tensor.data is None:
        return tensor
    data: Array = tensor.data
    if quant.blockwise is None:
        data = real(data, quant)
    else:
        scales = quant.blockwise.scales.data
        assert scales is not None
        data = data * np.repeat(scales.astype(np.float32), quant.blockwise.block_size, 1)
    return tensor.with_(dtype=DType.FLOAT32, data=data.astype(np.float32), quant=None)


@pytest.mark.parametrize("kind", ["FULLY_CONNECTED", "CONV_2D"])
def test_results_that_hardly_move(kind: str) -> None:
    """XNNPACK refuses a product of scales 256 times the result's, and 4-bit scales are larger."""
    b = Builder(5)
    shape = (6, 8) if kind == "FULLY_CONNECTED" else (6, 1, 1, 8)
    more = {} if kind == "FULLY_CONNECTED" else {"stride_w": 1, "stride_h": 1}
    x = b.input((1, 8) if kind == "FULLY_CONNECTED" else (1, 2, 2, 8))
    bias = const(np.full(6, -100, np.float32))
    y = b.op(kind, x, b.weights(*shape), bias, fused_activation_function=RELU, **more)
    graph = b.graph(b.op("ABS", y))
    for scheme in ("int8", "int4", "int16x8"):
        result = Quantize(scheme)(graph, examples(graph)).graph
        assert (execute(result, draw(graph, 2), "default")[0] == 0).all()
