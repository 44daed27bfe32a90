"""Whole graphs to int8: every kind of input and output, scale changes, islands."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import DType, Graph, Tensor, read, text, verify, write
from litesmith.graph.census import float_ops, op_counts
from litesmith.graph.integers import to_integers
from litesmith.graph.step import Outcome
from litesmith.quantize import ENDS, SCHEMES, Quantize, annotate, calibrate
from litesmith.quantize.params import weight_params
from litesmith.runtime import Session
from tests.conformance.oracle import expected, integers
from tests.support.converted import NAMES, converted
from tests.support.graphs import (
    Array,
    Builder,
    const,
    draw,
    examples,
    execute,
    make,
    named,
    random_cnn,
    tensor,
)


def quantize(graph: Graph, into: str = "float32", out: str = "float32", **more: int) -> Outcome:
    outcome = Quantize("int8", into, out)(graph, examples(graph, count=12, **more))
    verify(outcome.graph)
    assert text(read(write(outcome.graph))) == text(outcome.graph)
    assert outcome.graph.signatures == graph.signatures
    return outcome


def run(graph: Graph, arrays: list[Array]) -> list[Array]:
    session = Session(write(graph))
    return session.run(
        [a.reshape(len(a), *p.example_shape) for a, p in zip(arrays, session.inputs, strict=True)]
    )


def close(graph: Graph, result: Graph, steps: float = 4.0, **more: int) -> None:
    """Assert outputs within a few hundredths of their range."""
    arrays = draw(graph, 12, **more)
    for a, b in zip(run(result, arrays), run(graph, arrays), strict=True):
        assert a.shape == b.shape
        span = max(float(np.ptp(b)), 1e-6)
        assert np.abs(a.astype(np.float64) - b).max() <= steps * span / 255


@pytest.mark.parametrize("out", ENDS)
@pytest.mark.parametrize("into", ENDS)
def test_types_at_the_ends(into: str, out: str) -> None:
    graph = random_cnn(2)
    result = quantize(graph, into, out).graph
    assert [t.dtype.value for t in result.inputs] == [into]
    assert [t.dtype.value for t in result.outputs] == [out]
    assert not float_ops(result)
    close(graph, result, 12)
    assert op_counts(result).get("QUANTIZE", 0) == (into != "int8") + (out == "uint8")
    assert op_counts(result).get("DEQUANTIZE", 0) == (out == "float32")


def test_unsigned_ends_mean_the_same_values() -> None:
    graph = random_cnn(4)
    signed, unsigned = (quantize(graph, t, t).graph for t in ("int8", "uint8"))
    q = np.random.default_rng(0).integers(-128, 128, (5, *graph.inputs[0].shape)).astype(np.int8)
    shifted = (q.astype(np.int16) + 128).astype(np.uint8)
    a, b = execute(signed, [q], "default")[0], execute(unsigned, [shifted], "default")[0]
    assert np.array_equal(a.astype(np.int16) + 128, b)


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_stay_close(seed: int) -> None:
    graph = random_cnn(seed)
    outcome = quantize(graph)
    assert not outcome.notices
    close(graph, outcome.graph, 16)


def test_several_inputs_and_outputs_keep_their_order() -> None:
    b = Builder()
    x, y, z = b.input((1, 4)), b.input((1, 3)), b.input((1, 2))
    first = b.op("FULLY_CONNECTED", y, b.weights(2, 3), b.weights(2))
    second = b.op("ADD", first, z)
    graph = named(b.graph(second, b.op("ABS", x), first))
    for ends in (("float32", "float32"), ("int8", "uint8")):
        result = quantize(graph, *ends).graph
        assert [t.shape for t in result.inputs] == [(1, 4), (1, 3), (1, 2)]
        assert [t.shape for t in result.outputs] == [(1, 2), (1, 4), (1, 2)]
        close(graph, result)


@pytest.mark.parametrize(
    "ends",
    [
        ("float32", "float32"),
        ("int8", "int8"),
        ("uint8", "uint8"),
        ("int8", "float32"),
        ("float32", "int8"),
    ],
)
def test_an_input_that_is_also_an_output(ends: tuple[str, str]) -> None:
    b = Builder()
    x = b.input((1, 4))
    graph = named(b.graph(b.op("ABS", x), x))
    close(graph, quantize(graph, *ends).graph)


@pytest.mark.parametrize("ends", [("float32", "float32"), ("int8", "int8"), ("uint8", "uint8")])
def test_duplicated_outputs(ends: tuple[str, str]) -> None:
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.input((1, 4)), b.weights(3, 4), b.weights(3))
    graph = named(b.graph(y, y))
    result = quantize(graph, *ends).graph
    assert len(result.outputs) == 2
    close(graph, result)


@pytest.mark.parametrize("ends", [("float32", "float32"), ("int8", "int8"), ("uint8", "uint8")])
def test_a_constant_output(ends: tuple[str, str]) -> None:
    b = Builder()
    y = b.op("ABS", b.input((1, 4)))
    graph = named(b.graph(y, b.weights(1, 3)))
    close(graph, quantize(graph, *ends).graph)


@pytest.mark.parametrize("ends", [("float32", "float32"), ("int8", "int8"), ("uint8", "uint8")])
def test_an_output_that_a_float_op_computes(ends: tuple[str, str]) -> None:
    b = Builder()
    y = b.op("FULLY_CONNECTED", b.input((1, 4)), b.weights(3, 4), b.weights(3))
    graph = named(b.graph(b.op("SIN", y)))
    outcome = quantize(graph, *ends)
    assert [n.code for n in outcome.notices] == ["float_op"]
    assert "SIN" in outcome.notices[0].message and "sin1" in outcome.notices[0].message
    close(graph, outcome.graph)


@pytest.mark.parametrize("ends", [("float32", "float32"), ("int8", "int8"), ("uint8", "int8")])
def test_token_inputs_stay_integers(ends: tuple[str, str]) -> None:
    b = Builder()
    tokens = b.input((1, 3), DType.INT32)
    y = b.op("GATHER", b.weights(9, 4), tokens, axis=0, dtype=DType.FLOAT32)
    graph = named(b.graph(b.op("MEAN", y, const([1]), keep_dims=False), tokens))
    result = quantize(graph, *ends, bound=9).graph
    assert [t.dtype for t in result.inputs] == [DType.INT32]
    assert result.outputs[1].dtype is DType.INT32
    close(graph, result, bound=9)


def test_indices_are_not_quantized() -> None:
    b = Builder()
    y = b.op("ARG_MAX", b.input((1, 6)), const(np.int32(1)), dtype=DType.INT32, output_type=2)
    result = quantize(named(b.graph(y)), "float32", "int8").graph
    assert result.outputs[0].dtype is DType.INT32


def _head(b: Builder, x: Tensor, kind: str) -> Tensor:
    more = {"beta": 1.0} if kind == "SOFTMAX" else {}
    return b.op(kind, b.op("FULLY_CONNECTED", x, b.weights(3, 4, scale=2), b.weights(3)), **more)


@pytest.mark.parametrize(
    "kinds,requantized",
    [
        (("LOGISTIC", "LOGISTIC"), 0),
        (("LOGISTIC", "TANH"), 2),
        (("LOGISTIC", "ABS"), 1),
        (("TANH", "SOFTMAX"), 2),
    ],
)
def test_fixed_scales_that_meet(kinds: tuple[str, str], requantized: int) -> None:
    b = Builder()
    x = b.input((1, 4))
    parts = [_head(b, x, kind) for kind in kinds]
    graph = named(b.graph(b.op("CONCATENATION", *parts, axis=1)))
    result = quantize(graph, "int8", "int8").graph
    assert op_counts(result).get("QUANTIZE", 0) == requantized
    close(graph, result, 6)


def test_only_readers_that_need_it_see_the_requantized_value() -> None:
    b = Builder()
    x = b.input((1, 4))
    gate = _head(b, x, "LOGISTIC")
    wide = _head(b, x, "ABS")
    graph = named(b.graph(b.op("CONCATENATION", gate, wide, axis=1), b.op("MUL", gate, wide)))
    result = quantize(graph, "int8", "int8").graph
    fixed = next(op for op in result.ops if op.kind == "LOGISTIC").outputs[0]
    assert fixed in next(op for op in result.ops if op.kind == "MUL").inputs
    assert fixed not in next(op for op in result.ops if op.kind == "CONCATENATION").inputs
    close(graph, result, 6)


def test_constants_shared_by_readers_of_different_scales() -> None:
    b = Builder()
    x, y = b.input((1, 4)), b.input((1, 4))
    c = b.weights(4, name="c")
    big = b.op("MUL", y, const(np.float32(100)))
    graph = named(b.graph(b.op("MAXIMUM", x, c), b.op("MAXIMUM", big, c), b.op("ADD", x, c)))
    close(graph, quantize(graph).graph)


def test_weights_shared_by_two_ops_are_stored_once() -> None:
    b = Builder()
    x, w = b.input((1, 64)), b.weights(64, 64, scale=0.1)
    graph = b.graph(b.op("FULLY_CONNECTED", b.op("FULLY_CONNECTED", x, w), w))
    assert len(write(quantize(graph).graph)) < 1.7 * 64 * 64


def test_islands_convert_once_per_value() -> None:
    b = Builder()
    y = b.op("ABS", b.input((1, 4)))
    graph = named(b.graph(b.op("SIN", y), b.op("COS", y), b.op("ABS", b.op("SIN", y))))
    result = quantize(graph, "int8", "float32").graph
    assert op_counts(result)["DEQUANTIZE"] == 2  # in front of the islands, and at the last output
    close(graph, result)


@pytest.mark.parametrize("name", ["lstm", "loop", "branch"])
@pytest.mark.parametrize("ends", [("float32", "float32"), ("int8", "int8")])
def test_called_graphs_are_integers_or_are_named(name: str, ends: tuple[str, str]) -> None:
    graph = named(read(converted(name)))
    outcome = quantize(graph, *ends)
    main = set(outcome.graph.ops)
    inside = any(op not in main for op in float_ops(outcome.graph))
    assert any("inside a loop or branch" in n.message for n in outcome.notices) == inside
    close(graph, outcome.graph, 12)


def test_other_signatures_still_run() -> None:
    graph = read(converted("two_signatures"))
    result = Quantize()(graph, examples(graph)).graph
    verify(result)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=write(result))
    assert set(interpreter.get_signature_list()) == {"both", "double"}
    ones = np.ones((1, 4), np.float32)
    runner = interpreter.get_signature_runner("double")
    assert np.allclose(next(iter(runner(x=ones).values())), 2, atol=0.02)


def test_state_survives() -> None:
    graph = read(converted("counter"))
    result = Quantize()(graph, examples(graph)).graph
    verify(result)
    half = np.full((2, 1, 3), 0.5, np.float32)
    assert np.allclose(run(result, [half])[0], 0.5, atol=0.02)


def test_infinite_padding_saturates() -> None:
    b = Builder()
    x = b.input((1, 4, 4, 2))
    lowest = const(np.float32(-np.inf))
    padded = b.op("PADV2", x, const([[0, 0], [1, 1], [1, 1], [0, 0]]), lowest)
    square = {"filter_width": 3, "filter_height": 3, "stride_w": 2, "stride_h": 2, "padding": 1}
    graph = named(b.graph(b.op("MAX_POOL_2D", padded, **square)))
    outcome = quantize(graph)
    assert not outcome.notices
    close(graph, outcome.graph, 1)


def test_bias_that_would_overflow() -> None:
    b = Builder()
    bias = const(np.asarray([1e6, 0, -1e6], np.float32))
    graph = named(
        b.graph(b.op("FULLY_CONNECTED", b.input((1, 4)), b.weights(3, 4, scale=1e-7), bias))
    )
    close(graph, quantize(graph).graph, 1)


def test_dead_channels_and_dead_inputs() -> None:
    b = Builder()
    w = np.zeros((4, 1, 1, 3), np.float32)
    w[1] = 0.5
    y = b.op("CONV_2D", b.input((1, 3, 3, 3)), const(w), b.weights(4), stride_w=1, stride_h=1)
    graph = named(b.graph(y))
    close(graph, quantize(graph).graph)
    dead = Quantize()(graph, examples(graph, [np.zeros((2, 1, 3, 3, 3), np.float32)])).graph
    assert np.isfinite(run(dead, draw(graph))[0]).all()


@pytest.mark.parametrize("seed", range(4))
def test_whole_networks_against_the_ideal(seed: int) -> None:
    """Rounding at every op may add up, but not to more than a few steps."""
    graph = random_cnn(seed, layers=3)
    result = quantize(graph, "int8", "int8").graph
    arrays = draw(graph, 6, 9)
    t = result.inputs[0]
    assert t.quant is not None
    fed = [integers(arrays[0], t.quant, t.dtype).astype(np.int8)]
    wanted = expected(result, fed)[0]
    for kernels in ("default", "reference"):
        assert np.abs(execute(result, fed, kernels)[0] - wanted).max() <= 8


def test_as_good_as_the_converter_on_the_same_network() -> None:
    graph = read(converted("cnn_float"))
    ours = Quantize()(graph, examples(graph, count=8)).graph
    theirs = read(converted("cnn_int8"))
    arrays = draw(graph, 200, 5)
    wanted = run(graph, arrays)[0]
    errors = [float(np.square(run(g, arrays)[0] - wanted).mean()) for g in (ours, theirs)]
    assert errors[0] <= 1.2 * errors[1]


def test_annotated_graph_is_float_and_says_what_will_be() -> None:
    graph = random_cnn(1)
    annotated = annotate(graph, calibrate(graph, examples(graph)))
    verify(annotated.graph)
    kinds = {op.kind for op in annotated.integer}
    assert kinds == set(op_counts(graph))
    for op in annotated.integer:
        for t in (*op.inputs, *op.outputs):
            assert t is None or t.dtype is not DType.FLOAT32 or t.quant is not None
    arrays = draw(graph, 2)
    plain = annotated.graph.with_(
        ops=tuple(
            make("ABS", op.inputs, op.outputs) if op.kind == "QUANTIZE" else op
            for op in annotated.graph.ops
        )
    )
    shifted = [np.abs(a) for a in arrays]
    assert np.allclose(execute(plain, shifted)[0], execute(graph, shifted)[0], atol=1e-6)


def test_unused_inputs_stay() -> None:
    used, unused = tensor("x", (1, 2)), tensor("u", (1, 3))
    y = tensor("y", (1, 2))
    graph = named(Graph((unused, used), (y,), (make("ABS", (used,), (y,)),)))
    for ends in (("float32", "float32"), ("uint8", "int8")):
        result = quantize(graph, *ends).graph
        assert [t.shape for t in result.inputs] == [(1, 3), (1, 2)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", NAMES)
def test_every_scheme_on_files_of_the_converter(name: str, scheme: str) -> None:
    """Files that are quantized already, in whole or in part, included."""
    graph = read(converted(name))
    result = Quantize(scheme)(graph, examples(graph, count=12)).graph
    verify(result)
    close(graph, result, 16)


def test_hybrid_weights_of_the_source_keep_their_scales() -> None:
    b = Builder()
    w = b.weights(64, 64, scale=0.1)
    quant = weight_params(w.data, 0)
    low = w.with_(dtype=DType.INT8, data=to_integers(w.data, quant), quant=quant)
    y = tensor("y", (1, 64))
    x = b.op("ABS", b.input((1, 64)))
    hybrid = make("FULLY_CONNECTED", (x, low, None), (y,), 9, asymmetric_quantize_inputs=True)
    graph = named(Graph(tuple(b.inputs), (y,), (*b.ops, hybrid)))
    outcome = quantize(graph)
    assert "its weights are int8 already" in outcome.notices[0].message
    close(graph, outcome.graph)
