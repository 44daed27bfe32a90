"""Bits per op: patterns, the last that fits wins, names that fit nothing."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import InputError
from litesmith.graph import DType, Graph, read, verify, write
from litesmith.graph.census import float_ops, op_counts, weights_bits
from litesmith.quantize import Quantize
from litesmith.quantize.choose import choose, parse_bits
from litesmith.runtime import Session
from tests.support.graphs import Builder, const, draw, examples, execute, random_cnn

_ONE = {"stride_w": 1, "stride_h": 1}


def network() -> Graph:
    b = Builder(1)
    y = b.op(
        "CONV_2D", b.input((1, 6, 6, 8)), b.weights(32, 3, 3, 8, scale=0.1), b.weights(32), **_ONE
    )
    y = b.op(
        "DEPTHWISE_CONV_2D",
        y,
        b.weights(1, 3, 3, 32, scale=0.3),
        b.weights(32),
        depth_multiplier=1,
        **_ONE,
    )
    y = b.op("CONV_2D", y, b.weights(64, 1, 1, 32, scale=0.1), b.weights(64), **_ONE)
    y = b.op("MEAN", y, const([1, 2]), keep_dims=False)
    y = b.op("SOFTMAX", b.op("FULLY_CONNECTED", y, b.weights(32, 64, scale=0.1)), beta=1.0)
    graph = b.graph(y)
    origins = ("net/stem/Conv2D", "net/block/depthwise", "net/block/project", "", "net/head", "")
    ops = tuple(
        op.with_(origin=(origin,) if origin else ())
        for op, origin in zip(graph.ops, origins, strict=False)
    )
    return graph.with_(ops=ops)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("CONV_2D", [0, 2]),
        ("conv_2d", [0, 2]),
        ("*CONV_2D", [0, 1, 2]),
        ("net/stem/Conv2D", [0]),
        ("stem", [0]),
        ("block", [1, 2]),
        ("net/block", [1, 2]),
        ("block/project", [2]),
        ("proj*", [2]),
        ("net", [0, 1, 2, 4]),
        ("softmax5", [5]),
    ],
)
def test_ops_by_kind_layer_and_result(pattern: str, found: list[int]) -> None:
    graph = network()
    precisions = choose(graph, 8, (f"{pattern}=16",))
    assert [i for i, op in enumerate(graph.ops) if precisions.of(op) == 16] == found


def test_the_last_pattern_wins_and_float_ops_win_over_bits() -> None:
    graph = network()
    precisions = choose(graph, 8, ("*=4", "block=16"), ("project",))
    assert [precisions.of(op) for op in graph.ops] == [4, 16, 32, 4, 4, 4]


@pytest.mark.parametrize(
    ("bits", "floats", "message", "hint"),
    [
        (("CNV_2D=8",), (), "--bits CNV_2D: no op", "CONV_2D"),
        ((), ("stm",), "--float-ops stm: no op", "stem"),
        (("CONV_2D",), (), "is not understood", "PATTERN=N"),
        (("CONV_2D=x",), (), "is not understood", "PATTERN=N"),
        (("=8",), (), "is not understood", "PATTERN=N"),
        (("CONV_2D=5",), (), "no kernels of 5 bits", "1, 2, 3, 4, 8, 16, 32"),
        (("zzzzzzzzz=8",), (), "no op", "Kinds in this model"),
    ],
)
def test_mistakes(bits: tuple[str, ...], floats: tuple[str, ...], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        choose(network(), 8, bits, floats)
    assert hint in caught.value.hint


def test_equal_signs_in_names() -> None:
    assert parse_bits(("a=b=8",)) == (("a=b", 8),)


def test_int16_ops_among_int8_ones() -> None:
    graph = network()
    arrays = draw(graph, 8)
    data = examples(graph, arrays)
    result = Quantize("int8", bits=("block=16", "head=4"), float_ops=("SOFTMAX",))(graph, data)
    verify(read(write(result.graph)))
    assert "SOFTMAX" in {op.kind for op in float_ops(result.graph)}
    assert weights_bits(result.graph).keys() == {"4", "8"}
    wide = {op.kind for op in result.graph.ops if op.outputs[0].dtype is DType.INT16}
    assert wide == {"QUANTIZE", "DEPTHWISE_CONV_2D", "CONV_2D"}
    wanted = execute(graph, arrays)[0]
    for kernels in ("default", "builtin", "reference"):
        assert np.abs(execute(result.graph, arrays, kernels)[0] - wanted).max() < 0.05
    assert any("float was asked for" in n.message for n in result.notices)


@pytest.mark.parametrize("scheme", ["dynamic", "weights-int8", "none", "float16"])
def test_bits_of_weights_with_float_activations(scheme: str) -> None:
    graph = network()
    result = Quantize(scheme, bits=("project=4", "stem=16"), float_ops=("head",))(graph)
    kinds = {op.kind: op for op in result.graph.ops}
    assert kinds["FULLY_CONNECTED"].inputs[1].dtype is DType.FLOAT32  # type: ignore[union-attr]
    assert {"4", "16", "32"} <= weights_bits(result.graph).keys()
    assert np.isfinite(execute(result.graph, draw(graph, 2), "default")[0]).all()


_SCHEMES = ("dynamic-int4", "weights-int8", "weights-int4", "int16x8", "int4")


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("seed", range(6))
def test_random_mixtures_run_on_all_kernels(scheme: str, seed: int) -> None:
    graph = random_cnn(seed)
    random = np.random.default_rng(seed)
    kinds = sorted(op_counts(graph))
    drawn = random.choice(kinds, 3)
    bits = tuple(f"{kind}={random.choice([4, 8, 16, 32])}" for kind in drawn)
    result = Quantize(scheme, bits=bits)(graph, examples(graph)).graph
    verify(read(write(result)))
    arrays = draw(graph, 3)
    for kernels in ("default", "builtin", "reference"):
        session = Session(write(result), kernels=kernels)
        (values,) = session.run([a.reshape(3, *graph.inputs[0].shape[1:]) for a in arrays])
        assert np.isfinite(values).all()


def test_conversion_between_widths_is_one_op() -> None:
    b = Builder(2)
    y = b.op("ABS", b.input((1, 8)))
    graph = b.graph(b.op("TANH", b.op("RELU", y)))
    result = Quantize("int8", bits=("RELU=16",))(graph, examples(graph)).graph
    assert op_counts(result) == {"QUANTIZE": 3, "ABS": 1, "RELU": 1, "TANH": 1, "DEQUANTIZE": 1}


def test_carriers_keep_the_width_of_what_they_carry() -> None:
    b = Builder(2)
    y = b.op("ABS", b.input((1, 8)))
    y = b.op("RESHAPE", y, const([2, 4]), new_shape=[2, 4])
    graph = b.graph(b.op("LEAKY_RELU", y, alpha=0.1))
    named = ("ABS=16", "LEAKY_RELU=16")
    result = Quantize("int8", bits=named)(graph, examples(graph)).graph
    assert op_counts(result)["QUANTIZE"] == 1


def test_slow_forms_are_told_with_numbers() -> None:
    graph = network()
    for scheme, kinds in {"int16x8": {"CONV_2D", "DEPTHWISE_CONV_2D"}, "int4": {"CONV_2D"}}.items():
        outcome = Quantize(scheme)(graph, examples(graph))
        slow = [n.message for n in outcome.notices if n.code == "slow_kernel"]
        assert all(any(f" {kind} in {scheme} form" in m for m in slow) for kind in kinds)
        assert all("times as long" in m for m in slow)
    assert "1 DEPTHWISE_CONV_2D keep 8 bits" in Quantize("int4")(graph, examples(graph)).why
    notices = Quantize("int8")(graph, examples(graph)).notices
    assert not [n for n in notices if n.code == "slow_kernel"]


def test_carriers_without_an_int16_kernel_carry_int8() -> None:
    b = Builder()
    y = b.op("MUL", b.input((1, 2, 2, 4)), const(np.float32(0.7)))
    y = b.op("DEPTH_TO_SPACE", y, block_size=2)
    graph = b.graph(b.op("LEAKY_RELU", y, alpha=0.1))
    result = Quantize("int8", bits=("MUL=16", "LEAKY_RELU=16"))(graph, examples(graph)).graph
    (moved,) = (op for op in result.ops if op.kind == "DEPTH_TO_SPACE")
    assert moved.inputs[0] is not None and moved.inputs[0].dtype is DType.INT8
    Session(write(result))
