"""float16 and dynamic: weights alone change."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import DType, Graph, read, verify, write
from litesmith.graph.census import op_counts, weights_bits
from litesmith.quantize import Quantize
from litesmith.quantize import weights as module
from tests.support.converted import converted
from tests.support.graphs import Builder, const, draw, execute

_ROOMY = {"stride_w": 1, "stride_h": 1}


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every kernel that can be hybrid be hybrid, whatever its size."""
    for name in ("_ROW_MACS", "_CHANNEL_MACS", "_SINGLE_ROW_MACS", "_WINDOW_MACS"):
        monkeypatch.setattr(module, name, 0)


def network() -> Graph:
    b = Builder(3)
    x = b.input((1, 6, 6, 8))
    y = b.op("CONV_2D", x, b.weights(32, 3, 3, 8, scale=0.1), b.weights(32), **_ROOMY)
    y = b.op(
        "DEPTHWISE_CONV_2D", y, b.weights(1, 3, 3, 32), b.weights(32), depth_multiplier=1, **_ROOMY
    )
    y = b.op("CONV_2D", y, b.weights(16, 3, 3, 8, scale=0.2), b.weights(16), **_ROOMY)
    y = b.op("MEAN", y, const([1, 2]), keep_dims=False)
    return b.graph(b.op("FULLY_CONNECTED", y, b.weights(96, 16), b.weights(96)))


def error(graph: Graph, scheme: str) -> tuple[Graph, float]:
    result = Quantize(scheme)(graph).graph
    verify(result)
    arrays = draw(graph, 4)
    wanted = execute(graph, arrays)[0]
    scale = np.abs(wanted).max()
    for kernels in ("builtin", "reference"):
        assert np.abs(execute(result, arrays, kernels)[0] - wanted).max() < 0.05 * scale
    return result, float(np.abs(execute(result, arrays, "default")[0] - wanted).max() / scale)


def test_float16_halves_large_constants_alone() -> None:
    graph = network()
    result, worst = error(graph, "float16")
    assert worst < 5e-3
    assert weights_bits(result).keys() == {"16"}
    assert op_counts(result)["DEQUANTIZE"] == 4  # biases are too small
    assert len(write(result)) < 0.75 * len(write(graph))


def test_float16_leaves_what_it_cannot_hold() -> None:
    for factor in (1e6, 1e-6, np.inf):
        b = Builder()
        w = const(np.full((64, 64), factor, np.float32))
        graph = b.graph(b.op("FULLY_CONNECTED", b.input((1, 64)), w))
        assert not Quantize("float16")(graph).done


@pytest.mark.usefixtures("eager")
def test_dynamic_uses_hybrid_kernels_where_they_exist() -> None:
    graph = network()
    result, worst = error(graph, "dynamic")
    assert worst < 0.02
    assert weights_bits(result).keys() == {"8"}
    # Depthwise is slow in hybrid form and grouped convolution has none.
    assert op_counts(result).get("DEQUANTIZE", 0) == 2
    fc = next(op for op in result.ops if op.kind == "FULLY_CONNECTED")
    assert fc.option("asymmetric_quantize_inputs") is True
    assert len(write(result)) < 0.55 * len(write(graph))


def test_dynamic_without_hybrid_kernels_is_as_exact_as_its_weights() -> None:
    _, worst = error(network(), "dynamic")
    assert worst < 0.02


@pytest.mark.parametrize("scheme", ["float16", "dynamic"])
def test_shared_weights_are_replaced_once(scheme: str) -> None:
    b = Builder()
    x, w = b.input((1, 64)), b.weights(64, 64, scale=0.1)
    graph = b.graph(b.op("FULLY_CONNECTED", b.op("FULLY_CONNECTED", x, w), w))
    result, _ = error(graph, scheme)
    first, second = (op.inputs[1] for op in result.ops if op.kind == "FULLY_CONNECTED")
    assert first is second


@pytest.mark.usefixtures("eager")
def test_a_constant_used_as_weights_and_as_value() -> None:
    b = Builder()
    c = b.weights(64, 64, scale=0.1)
    y = b.op("FULLY_CONNECTED", b.input((1, 64)), c)
    graph = b.graph(b.op("ADD", y, b.op("FULLY_CONNECTED", c, b.weights(64, 64, scale=0.1))))
    result, _ = error(graph, "dynamic")
    first, second = (op for op in result.ops if op.kind == "FULLY_CONNECTED")
    assert first.inputs[1] is not None and first.inputs[1].dtype is DType.INT8
    assert second.inputs[0] is not None and second.inputs[0].dtype is DType.FLOAT32


def test_small_weights_are_left_alone() -> None:
    b = Builder()
    graph = b.graph(b.op("FULLY_CONNECTED", b.input((1, 3)), b.weights(2, 3)))
    for scheme in ("float16", "dynamic"):
        outcome = Quantize(scheme)(graph)
        assert (outcome.done, outcome.graph) == (False, graph)


@pytest.mark.parametrize("scheme", ["float16", "dynamic"])
def test_weights_inside_loops(scheme: str) -> None:
    graph = read(converted("lstm"))
    result = Quantize(scheme)(graph).graph
    verify(result)
    arrays = draw(graph, 3)
    found, wanted = (execute(g, arrays, "default")[0] for g in (result, graph))
    assert np.abs(found - wanted).max() < 0.02
