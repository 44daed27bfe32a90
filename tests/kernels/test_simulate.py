"""The simulation is within one step of both of LiteRT's kernel sets, and closer than they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.common import must_export
from benchmarks.shared_models import SHARED, as_float, representative
from litesmith.graph import DType, Graph, QuantParams, read
from litesmith.graph.facts import FACTS
from litesmith.graph.integers import to_integers, to_real
from litesmith.kernels.activations import FUSED
from litesmith.kernels.evaluate import Hooks, evaluate
from litesmith.kernels.simulate import grid, implied, limits, simulation, stored
from litesmith.quantize import Quantize
from litesmith.quantize.params import fixed_params
from tests.conformance.sample import Sample
from tests.conformance.samples import SAMPLES
from tests.conformance.test_int16 import COARSE
from tests.conformance.wide_samples import WIDE_SAMPLES
from tests.kernels.simulated import DEFECTS, Pair, op_by_op, pair, steps
from tests.rewrite.generated.graphs import generate
from tests.support.graphs import RELU, RELU6, Builder, const, draw, examples, execute, random_cnn

SETS = ("default", "reference")
_EVERY = (*SAMPLES, *WIDE_SAMPLES)
_LINEAR = tuple(s for s in _EVERY if FACTS[s.kind].weights is not None)
_WIDE = tuple(s for s in _EVERY if FACTS[s.kind].int16 is not None)


def made(sample: Sample, bits: int = 8) -> Pair:
    graph = sample.graph
    drawn = draw(graph, 8, low=sample.low, high=sample.high, bound=sample.bound)
    return pair(graph, drawn, bits, named=True)


def close(sample: Sample, both: Pair, allowed: int = 1) -> None:
    """Assert what the samples' graphs answer to any integers, exactly where they are indices."""
    more = {"low": sample.low, "high": sample.high, "bound": sample.bound}
    arrays = both.fed(draw(sample.graph, 6, seed=3, **more))
    found = both.simulated(arrays)
    for kernels in SETS:
        if (sample.kind, kernels) in DEFECTS:
            continue
        wanted = execute(both.file, arrays, kernels)
        for tensor, a, b in zip(both.graph.outputs, found, wanted, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            worst = steps(tensor, a, b)
            assert worst <= (allowed if tensor.quant is not None else 0), kernels


@pytest.mark.parametrize("sample", _EVERY, ids=str)
def test_int8(sample: Sample) -> None:
    close(sample, made(sample))


@pytest.mark.parametrize("bits", [4, 3, 2, 1])
@pytest.mark.parametrize("sample", _LINEAR, ids=str)
def test_weights_of_few_bits(sample: Sample, bits: int) -> None:
    close(sample, made(sample, bits))


@pytest.mark.parametrize("sample", _WIDE, ids=str)
def test_int16(sample: Sample) -> None:
    close(sample, made(sample, 16), COARSE.get(sample.kind, 1))


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("number", range(8))
def test_every_op_of_random_graphs(number: int, kernels: str) -> None:
    graph = generate(number)
    if any((op.kind, kernels) in DEFECTS for op in graph.ops):
        kernels = "builtin"
    both = pair(graph, draw(graph, 6, seed=number))
    arrays = draw(graph, 3, seed=number + 1000)
    told = {
        f"{op.kind} '{op.outputs[0].name}'": away
        for op, away in op_by_op(both, arrays, kernels)
        if away > 1
    }
    assert not told


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.float64) - b).mean())


@pytest.mark.parametrize("seed", range(6))
def test_networks_from_end_to_end(seed: int) -> None:
    """No further from the kernels that ship than LiteRT's other kernels are, before the softmax."""
    graph = random_cnn(seed, layers=8)
    logits = graph.with_(outputs=(graph.ops[-2].outputs[0],), ops=graph.ops[:-1], signatures=())
    both = pair(logits, draw(graph, 32, seed=seed))
    arrays = draw(graph, 64, seed=seed + 1000)
    found = both.simulated(arrays)[0]
    shipped, other = (execute(both.file, arrays, kernels)[0] for kernels in SETS)
    quant = both.graph.outputs[0].quant
    assert quant is not None
    assert _apart(found, shipped) <= max(_apart(other, shipped), 0.05 * float(quant.scale[0]))


@pytest.mark.parametrize(
    ("fused", "scale", "zero_point", "wanted"),
    [
        (RELU, 0.1, -128, True),
        (RELU, 0.1, -127, False),
        (RELU6, 6 / 255, -128, True),
        (RELU6, 6.03 / 255, -128, False),
        (RELU6, 5.0 / 255, -128, True),
        (0, 0.1, 3, True),
        (4, 0.1, 3, False),
    ],
)
def test_activations_that_the_grid_implies(
    fused: int, scale: float, zero_point: int, wanted: bool
) -> None:
    quant = fixed_params(scale, zero_point)
    assert implied(fused, quant) is wanted
    x = np.linspace(-3, 9, 997, dtype=np.float32)
    rounded = [grid(quant)(v).numpy() for v in (tf.constant(x), FUSED[fused](x))]
    assert np.array_equal(*rounded) is wanted


def _even(steps: tf.Tensor, zero: float) -> tf.Tensor:
    return tf.round(steps) + zero


_quants = st.builds(
    fixed_params, st.floats(1e-6, 1e3), st.integers(-128, 127), st.sampled_from([8, 16])
)


def _symmetric(quant: QuantParams) -> QuantParams:
    return quant if quant.bits == 8 else fixed_params(float(quant.scale[0]), 0, 16)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_quants.map(_symmetric), hnp.arrays(np.float32, 20, elements=st.floats(-300, 300, width=32)))
def test_grids(quant: QuantParams, in_steps: np.ndarray) -> None:
    x = np.float32(in_steps * quant.scale[0])
    wanted = to_real(to_integers(x, quant), quant)
    for rounding in (None, _even):
        found = grid(quant, rounding)(tf.constant(x)).numpy()
        half = np.abs(in_steps + 0.5 - np.rint(in_steps + 0.5)) < 1e-2
        scale = float(quant.scale[0])
        edge = np.abs(wanted / scale) >= 2 ** (quant.bits - 1) - 2
        error = np.abs(found - wanted) / scale
        assert error[~half & ~edge].max(initial=0) < 1e-2
        assert error.max(initial=0) < 1.01
        again = grid(quant, rounding)(tf.constant(found)).numpy()
        np.testing.assert_allclose(again, found, rtol=1e-6, atol=1e-3 * scale)


@pytest.mark.parametrize("rounding", [None, _even], ids=["fast", "even"])
def test_gradients_pass_straight_through_inside_the_range(rounding: object) -> None:
    quant = fixed_params(0.1, -28)
    low, high = limits(quant)
    x = tf.constant([low - 1, low + 0.01, 0.0, 0.123, high - 0.01, high + 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = grid(quant, rounding)(x)  # type: ignore[arg-type]
    assert tape.gradient(y, x).numpy().tolist() == [0, 1, 1, 1, 1, 0]


def test_constants_take_the_values_of_their_integers() -> None:
    quant = QuantParams(np.float32([0.5, 0.25]), np.zeros(2, np.int64), 0, 4)
    weights = const(np.float32([[0.3, 9.0], [0.3, -9.0]])).with_(quant=quant)
    assert stored(weights).numpy().tolist() == [[0.5, 3.5], [0.25, -1.75]]
    one_bit = QuantParams(np.float32([0.5, 0.25]), np.zeros(2, np.int64), 0, 1)
    assert stored(weights.with_(quant=one_bit)).numpy().tolist() == [[0.5, 0.5], [0.25, -0.25]]
    assert stored(const(np.float32([1]))) is None
    assert stored(const([1])) is None


def test_inputs_that_arrive_as_integers_are_put_on_their_grid() -> None:
    b = Builder()
    x = b.input((2,)).with_(quant=fixed_params(0.5, 0))
    graph = Graph((x,), (x,), ())
    found = evaluate(graph, {x: np.float32([[0.3, 999]])}, simulation())
    assert found[x].tensor.numpy().tolist() == [[0.5, 63.5]]
    assert x.dtype is DType.FLOAT32


def test_trains_through_the_rounding() -> None:
    """Every weight of an annotated network gets a gradient that is not all zeros."""
    graph = random_cnn(2)
    both = pair(graph, draw(graph, 16))
    constants = {
        t: tf.constant(t.data)
        for op in both.graph.ops
        for t in op.inputs
        if t is not None and t.data is not None and t.dtype is DType.FLOAT32 and t.quant is not None
    }
    hooks = simulation()
    with tf.GradientTape() as tape:
        tape.watch(list(constants.values()))
        feeds = dict(zip(both.graph.inputs, draw(graph, 8, seed=2), strict=True))
        found = evaluate(both.graph, feeds, Hooks(constants.get, hooks.result, hooks.feed))[
            both.graph.outputs[0]
        ].tensor
        loss = -tf.reduce_mean(tf.math.log(found[..., 0] + 0.01))
    gradients = tape.gradient(loss, list(constants.values()))
    assert all(g is not None and np.isfinite(g).all() and np.abs(g).max() > 0 for g in gradients)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_real_models_from_end_to_end(name: str, shared: Path, tmp_path: Path) -> None:
    """As far from the kernels that ship as LiteRT's other kernels at most: scores and decisions."""
    model, exact = SHARED[name], tmp_path / "float.tflite"
    raw = as_float(model, np.load(representative(model, shared, 600, tmp_path / "raw.npy")))
    must_export(shared / model.path, exact, "--quantize", "none")
    graph = read(exact.read_bytes())
    if graph.ops[-1].kind == "SOFTMAX":
        logits = graph.ops[-1].inputs[0]
        assert logits is not None
        graph = graph.with_(outputs=(logits,), ops=graph.ops[:-1], signatures=())
    raw = raw.reshape(-1, *graph.inputs[0].shape)
    step = Quantize("int8")
    prepared = step.prepared(graph, examples(graph, [raw[::3]]))
    annotated = step.annotated(prepared)
    both = Pair(annotated, step.finished(prepared, annotated).graph)
    found = both.simulated([raw])[0]
    shipped, other = (execute(both.file, [raw], kernels)[0] for kernels in SETS)
    spread = float(shipped.std())
    print(f"{name}: {_apart(found, shipped) / spread:.5f} of the spread, kernels", end=" ")
    print(f"{_apart(other, shipped) / spread:.5f}; decisions", end=" ")
    print(f"{_decides(found, shipped):.4f}, kernels {_decides(other, shipped):.4f}, n={len(raw)}")
    assert _apart(found, shipped) <= max(_apart(other, shipped), 1e-3 * spread)
    assert _decides(found, shipped) <= _decides(other, shipped) + 2 / len(raw)


def _decides(a: np.ndarray, b: np.ndarray) -> float:
    """Return the part of examples whose largest output is another."""
    flat = (v.reshape(len(v), -1).argmax(-1) for v in (a, b))
    return float(np.not_equal(*flat).mean())
