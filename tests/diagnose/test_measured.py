"""What examples show of a quantized file: faults of data and ranges; right data shows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.diagnose import measured
from litesmith.graph import Graph
from litesmith.quantize import Quantize
from tests.support.graphs import Builder, draw, examples, integer, named, random_cnn

FEATURES = 24


def model(seed: int = 0, dead: int = 0) -> Graph:
    """Return x float32[1, 24] → float32[1, 5]; `dead` channels of the first layer stay 0."""
    b = Builder(seed)
    weights, bias = b.weights(16, FEATURES), b.weights(16)
    assert weights.data is not None and bias.data is not None
    weights.data[:dead], bias.data[:dead] = 1e-4, -1.0
    x = b.op("FULLY_CONNECTED", b.input((1, FEATURES)), weights, bias, fused_activation_function=1)
    return named(b.graph(b.op("FULLY_CONNECTED", x, b.weights(5, 16), b.weights(5))))


def drawn(count: int = 100, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, FEATURES)).astype(np.float32)


def quantized(graph: Graph, x: np.ndarray) -> Graph:
    return integer(graph, examples(graph, [x[:, None]]))


def codes(graph: Graph, x: np.ndarray) -> dict[str, str]:
    return {one.code: one.severity for one in measured(graph, [[x]])}


@pytest.mark.parametrize("seed", range(8))
def test_the_right_data_shows_nothing(seed: int) -> None:
    file = quantized(model(seed), drawn(200))
    assert codes(file, drawn(100, seed=99)) == {}
    assert codes(file, drawn(5, seed=99)) == {}


def test_values_beyond_what_was_calibrated() -> None:
    found = codes(quantized(model(), drawn(200)), drawn(200) * 8)
    assert found["input_beyond"] == "high"
    assert "saturated" in found


@pytest.mark.parametrize("seed", [6, 25, 28, 50])
def test_ends_of_functions_and_scores_that_hardly_move_are_no_saturation(seed: int) -> None:
    """Nets with swish (its least value is an end) and with nearly constant answers."""
    graph = random_cnn(seed)
    file = Quantize("int8")(graph, examples(graph, count=96)).graph
    (fed,) = draw(graph, 96, seed=1000)
    assert "saturated" not in codes(file, fed[:, 0])


def test_ranges_that_outliers_made() -> None:
    x = drawn(200)
    x[0] *= 20
    found = codes(quantized(model(), x), drawn())
    assert set(found) <= {"unused_range"} and found
    assert codes(quantized(model(), x), drawn(20)) == {}  # too few to say what is never used


def test_channels_that_never_move() -> None:
    file = quantized(model(dead=10), drawn(200))
    assert codes(file, drawn()) == {"still_channels": "low"}
    (one,) = measured(file, [[drawn()]])
    assert "10 of 16 channels" in one.message


def test_integers_are_fed_as_they_are() -> None:
    graph = model()
    data = examples(graph, [drawn(200)[:, None]])
    file = integer(graph, data, "int8")
    quant = file.inputs[0].quant
    assert quant is not None
    fed = np.rint(drawn() / quant.scale[0] + quant.zero_point[0]).astype(np.int8)
    assert codes(file, fed) == codes(file, drawn()) == {}
    assert codes(file, drawn() * 4)["input_beyond"] == "high"
