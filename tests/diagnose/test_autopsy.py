"""Every fault is found in a file made to have it; good files have none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from litesmith.diagnose import Finding, autopsy
from litesmith.graph import DType, Graph, Op, QuantParams, Tensor, read
from litesmith.graph.edit import rebuild, substitute
from litesmith.quantize import Quantize
from litesmith.quantize.kernel_files import CASES, Form, kernel_file
from tests.support.graphs import Builder, const, examples, integer, make, named, random_cnn


def good(seed: int = 0) -> Graph:
    """Return a small integer convolutional classifier."""
    b = Builder(seed)
    x = b.input((1, 16, 16, 3))
    x = b.op("CONV_2D", x, b.weights(8, 3, 3, 3), b.weights(8), padding=0, stride_w=1, stride_h=1,
             dilation_w_factor=1, dilation_h_factor=1, fused_activation_function=1)  # fmt: skip
    y = b.op("MAX_POOL_2D", x, padding=0, stride_w=2, stride_h=2, filter_width=2, filter_height=2)
    y = b.op("RESHAPE", y, const(np.array([1, 512], np.int32)))
    y = b.op("FULLY_CONNECTED", y, b.weights(10, 512, scale=0.05), b.weights(10))
    graph = named(b.graph(b.op("SOFTMAX", y, beta=1.0)))
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (64, 1, 16, 16, 3)).astype(np.float32)
    return integer(graph, examples(graph, [x]))


def the(graph: Graph, kind: str) -> Op:
    return next(op for op in graph.ops if op.kind == kind)


def with_quant(graph: Graph, tensor: Tensor, **changes: object) -> Graph:
    assert tensor.quant is not None
    return substitute(graph, {tensor: tensor.with_(quant=replace(tensor.quant, **changes))})


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def zeros(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def with_constant(graph: Graph, kind: str, position: int, change: Callable) -> Graph:
    op = the(graph, kind)
    old = op.inputs[position]
    assert old is not None and old.data is not None
    return substitute(graph, {old: old.with_(data=change(old.data.copy()).astype(old.data.dtype))})


def fixed_scale(graph: Graph) -> Graph:
    return with_quant(graph, the(graph, "SOFTMAX").outputs[0], scale=floats(0.01))


def zero_scale(graph: Graph) -> Graph:
    return with_quant(graph, the(graph, "CONV_2D").outputs[0], scale=floats(0.0))


def zero_point(graph: Graph) -> Graph:
    return with_quant(graph, the(graph, "FULLY_CONNECTED").outputs[0], zero_point=zeros(300))


def tied_scales(graph: Graph) -> Graph:
    tensor = the(graph, "MAX_POOL_2D").outputs[0]
    assert tensor.quant is not None
    return with_quant(graph, tensor, scale=tensor.quant.scale * 2)


def wasted_range(graph: Graph) -> Graph:
    swap = {}
    for op in graph.ops[1:4]:
        tensor = op.outputs[0]
        assert tensor.quant is not None
        swap[tensor] = tensor.with_(quant=replace(tensor.quant, zero_point=zeros(0)))
    return substitute(graph, swap)


def per_tensor_weights(graph: Graph) -> Graph:
    def small(data: np.ndarray) -> np.ndarray:
        data[:4] = np.clip(data[:4], -3, 3)
        return data

    changed = with_constant(graph, "CONV_2D", 1, small)
    weights = the(changed, "CONV_2D").inputs[1]
    assert weights is not None and weights.quant is not None
    whole = with_quant(changed, weights, scale=weights.quant.scale[:1], zero_point=zeros(0),
                       axis=None)  # fmt: skip
    bias = the(whole, "CONV_2D").inputs[2]
    assert bias is not None and bias.quant is not None
    return with_quant(whole, bias, scale=bias.quant.scale[:1], zero_point=zeros(0), axis=None)


def dead_channels(graph: Graph) -> Graph:
    return with_constant(graph, "CONV_2D", 1, lambda d: d * (np.arange(8) > 1)[:, None, None, None])


def coarse_weights(graph: Graph) -> Graph:
    return with_constant(graph, "CONV_2D", 1, lambda d: d // 4)


def weights_zero_point(graph: Graph) -> Graph:
    weights = the(graph, "CONV_2D").inputs[1]
    assert weights is not None
    return with_quant(graph, weights, zero_point=zeros(*[5] * 8))


def bias_scale(graph: Graph) -> Graph:
    bias = the(graph, "CONV_2D").inputs[2]
    assert bias is not None and bias.quant is not None
    return with_quant(graph, bias, scale=bias.quant.scale * 3)


def bias_overflow(graph: Graph) -> Graph:
    return with_constant(graph, "CONV_2D", 2, lambda d: np.where(np.arange(8) == 3, 2**31 - 1, d))


def accumulator_overflow(graph: Graph) -> Graph:
    return with_constant(graph, "CONV_2D", 2, lambda d: np.where(np.arange(8) == 3, 2**31 - 9, d))


def input_range(graph: Graph) -> Graph:
    read = the(graph, "QUANTIZE").outputs[0]
    return with_quant(graph, read, scale=floats(0.8 / 255), zero_point=zeros(-128))


def zero_point_of_the_input(graph: Graph) -> Graph:
    read = the(graph, "QUANTIZE").outputs[0]
    return with_quant(graph, read, scale=floats(1 / 127.5), zero_point=zeros(-128))


def float_island(graph: Graph) -> Graph:
    return through_float(graph, lambda x, y: [make("SIN", [x], [y])])


def float_detour(graph: Graph) -> Graph:
    return through_float(graph, lambda x, y: [])


def through_float(graph: Graph, inside: Callable) -> Graph:
    op = the(graph, "CONV_2D")
    result = op.outputs[0]
    a, b = Tensor("a", result.shape), Tensor("b", result.shape)
    back = result.with_(name="again")
    ops = inside(a, b)
    last = b if ops else a
    others = {o: (o.with_(inputs=tuple(back if t is result else t for t in o.inputs)),)
              for o in graph.ops if result in o.inputs}  # fmt: skip
    chain = (op, make("DEQUANTIZE", [result], [a]), *ops, make("QUANTIZE", [last], [back]))
    return rebuild(graph, {op: chain, **others})


def slow_kernel(graph: Graph) -> Graph:
    weights = the(graph, "CONV_2D").inputs[1]
    assert weights is not None
    return substitute(graph, {weights: weights.with_(dtype=DType.INT4)})


FAULTS: list[tuple[Callable[[Graph], Graph], str, str]] = [
    (fixed_scale, "fixed_scale", "high"),
    (zero_scale, "bad_scale", "high"),
    (zero_point, "bad_zero_point", "high"),
    (tied_scales, "tied_scales", "high"),
    (weights_zero_point, "weights_zero_point", "high"),
    (bias_scale, "bias_scale", "high"),
    (bias_overflow, "bias_overflow", "high"),
    (accumulator_overflow, "accumulator_overflow", "medium"),
    (wasted_range, "wasted_range", "medium"),
    (per_tensor_weights, "per_tensor_weights", "medium"),
    (coarse_weights, "coarse_weights", "medium"),
    (input_range, "input_range", "medium"),
    (zero_point_of_the_input, "input_range", "medium"),
    (float_island, "float_island", "medium"),
    (slow_kernel, "slow_kernel", "medium"),
    (float_detour, "float_detour", "low"),
    (dead_channels, "dead_channels", "low"),
]


@pytest.mark.parametrize(("spoil", "code", "severity"), FAULTS, ids=[f[0].__name__ for f in FAULTS])
def test_every_fault_is_found(spoil: Callable[[Graph], Graph], code: str, severity: str) -> None:
    found = {(one.code, one.severity) for one in autopsy(spoil(good()))}
    assert (code, severity) in found
    # What follows from the fault may be told too, and nothing else.
    also = {"zero_scale": {"tied_scales", "bias_scale"}, "zero_point": {"wasted_range"},
            "input_range": {"bias_scale"}, "zero_point_of_the_input": {"bias_scale"}}  # fmt: skip
    assert {c for c, _ in found} <= {code, *also.get(spoil.__name__, set())}


def told(graph: Graph) -> list[Finding]:
    """Return the findings but for ops that were left in float on purpose."""
    return [one for one in autopsy(graph) if one.code != "float_island"]


@pytest.mark.parametrize("seed", range(12))
def test_good_files_have_none(seed: int) -> None:
    assert told(good(seed)) == []
    graph = random_cnn(seed)
    data = examples(graph, count=64)
    for ends in ({}, {"input_type": "int8", "output_type": "uint8"}):
        assert told(Quantize("int8", **ends)(graph, data).graph) == []


@pytest.mark.parametrize("scheme", ["dynamic", "float16", "weights-int8"])
def test_other_schemes_have_none(scheme: str) -> None:
    for seed in range(4):
        assert autopsy(Quantize(scheme)(random_cnn(seed)).graph) == ()


def test_a_hybrid_depthwise_kernel_is_slow() -> None:
    b = Builder(0)
    weights = b.weights(1, 3, 3, 8)
    assert weights.data is not None
    quant = QuantParams(np.full(8, 0.01, np.float32), np.zeros(8, np.int64), 3)
    stored = weights.with_(dtype=DType.INT8, data=np.rint(weights.data * 50).astype(np.int8),
                           quant=quant)  # fmt: skip
    x, y = b.input((1, 8, 8, 8)), Tensor("y", (1, 8, 8, 8))
    graph = Graph((x,), (y,), (make("DEPTHWISE_CONV_2D", [x, stored, None], [y]),))
    assert [one.code for one in autopsy(graph)] == ["slow_kernel"]


def test_kernels_that_are_wrong_are_told_apart() -> None:
    for kind, dtype, code in (
        ("CONV_2D", DType.INT2, "broken_kernel"),
        ("DEPTHWISE_CONV_2D", DType.INT4, "broken_kernel"),
        ("CONV_2D", DType.INT4, "slow_kernel"),
    ):
        case = next(c for c in CASES if c.kind == kind)
        bits = 2 if dtype is DType.INT2 else 4
        file = kernel_file(case, Form(f"hybrid int{bits}", bits))
        assert file is not None
        (found,) = [one for one in autopsy(read(file.model)) if one.code.endswith("kernel")]
        assert found.code == code and "litesmith kernels" in found.why


def test_the_most_severe_come_first() -> None:
    found = autopsy(fixed_scale(dead_channels(wasted_range(good()))))
    assert [one.severity for one in found] == ["high", "medium", "low"]
    assert all(isinstance(one, Finding) and one.message and one.why for one in found)
