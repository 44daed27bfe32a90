"""Limits of bytes and time: bits that cost least, and the file that ships keeps them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import litesmith
from litesmith.errors import BudgetError, InputError
from litesmith.forge import export as flow
from litesmith.forge import fit
from litesmith.forge.limits import way_on
from litesmith.graph import DType
from litesmith.quantize import Pack
from litesmith.report import Latency
from tests.api.fakes import FakeSource
from tests.support.graphs import Builder, named

X = np.random.default_rng(6).normal(0, 1, (96, 64)).astype(np.float32)
LAYERS = 5


def layers():
    """Return x0 float32[1, 64] → y0 float32[1, 64]: five equal layers."""
    b = Builder(4)
    x = b.input((1, 64))
    for step in range(LAYERS):
        x = b.op(
            "FULLY_CONNECTED", x, b.weights(64, 64, scale=0.15, name=f"w{step}"), b.weights(64),
            fused_activation_function=int(step < LAYERS - 1),
        )  # fmt: skip
    return named(b.graph(b.op("SOFTMAX", x, beta=1.0)))


@pytest.fixture
def export(monkeypatch, tmp_path):
    def run(**options):
        monkeypatch.setattr(flow, "open_source", lambda source, given: FakeSource(layers()))
        return litesmith.export("m.keras", tmp_path / "out.tflite", data=X, **options)

    return run


def bits(report):
    return {int(width): count for width, count in report.artifact.weights_bits.items()}


def test_a_file_that_fits_is_left_alone(export):
    report = export(max_size="1MB")
    assert set(bits(report)) == {8}
    assert "fit" not in {s.name for s in report.steps}


def test_some_weights_get_four_bits_and_the_rest_keeps_eight(export, tmp_path):
    whole = export().artifact.size_bytes
    limit = whole - 64 * 64 - 200  # two layers at half their bytes, or three
    report = export(max_size=limit, quantize="int8")
    assert (tmp_path / "out.tflite").stat().st_size == report.artifact.size_bytes <= limit
    assert set(bits(report)) == {4, 8}
    assert report.steps[-1].name == "fit"
    assert report.steps[-1].outcome == "done"
    given = {one.op for one in report.sensitivity if one.chosen_bits == 4}
    four = {one.op: one.output_error for one in report.sensitivity if one.bits == 4}
    left = sorted(error for op, error in four.items() if op not in given)
    assert max(four[op] for op in given) <= left[0]  # equal sizes: the cheapest ones


def test_what_no_bits_reach_is_rejected_with_the_smallest_size(export, tmp_path):
    with pytest.raises(BudgetError, match="--max-size allows 2,000") as caught:
        export(max_size=2000)
    report = vars(caught.value)["report"]
    assert set(bits(report)) == {4}
    assert f"{report.artifact.size_bytes:,}" in str(caught.value)
    assert (tmp_path / "out.rejected.tflite").stat().st_size == report.artifact.size_bytes
    assert report.steps[-1].outcome == "declined"


def test_other_schemes_are_held_against_the_limit_too(export):
    with pytest.raises(BudgetError, match="--max-size"):
        export(quantize="float16", max_size="1kB")
    assert export(quantize="float16", max_size="90%").status == "ok"


# Milliseconds of one FULLY_CONNECTED, as if 4 bits were slow.
TIMES = {4: 2.0, 8: 1.0, 16: 10.0}
FLOAT_MS, BESIDE_MS = 10.0, 0.5


def file_bits(op):
    weights, operand = op.inputs[1], op.inputs[0]
    return 16 if operand.dtype is DType.INT16 else weights.quant.bits if weights.quant else 32


@pytest.fixture
def timed(monkeypatch, export):
    def latency(built, batch, seconds=0.0):
        ops = [op for op in built.graph.ops if op.kind == "FULLY_CONNECTED"]
        ms = BESIDE_MS + sum(TIMES.get(file_bits(op), 2.0) for op in ops)
        return Latency(FLOAT_MS, ms, 1, 1)

    def ops(subject, choices):
        return {(op, b): TIMES[b] if op.kind == "FULLY_CONNECTED" else 0.0 for op, b in choices}

    monkeypatch.setattr(flow, "_latency", latency)
    monkeypatch.setattr(fit, "op_latencies", ops)
    return export


def test_a_file_that_is_fast_enough_is_left_alone(timed):
    assert "fit" not in {s.name for s in timed(max_latency="60%", quantize="int8").steps}


def test_ops_of_int16_that_cost_least_get_eight_bits(timed):
    report = timed(max_latency="34ms", quantize="int16x8")  # three of five may stay
    fit_ = report.steps[-1]
    assert (fit_.name, fit_.outcome) == ("fit", "done")
    assert "50.5 ms became 32.5 (allowed 34)" in fit_.why
    assert report.latency_ms.artifact == 32.5
    eight = {one.op: one.output_error for one in report.sensitivity if one.bits == 8}
    chosen = {one.op for one in report.sensitivity if one.chosen_bits == 8}
    assert len(chosen & set(eight)) >= 2


def test_four_bits_give_way_where_they_are_slow(timed):
    report = timed(max_latency="90%", quantize="int4")
    assert report.latency_ms.artifact <= 9
    assert bits(report) == {4: 3 * 64 * 64, 8: 2 * 64 * 64}  # no more bytes than needed


def test_a_time_that_no_bits_reach_is_rejected(timed, tmp_path):
    with pytest.raises(BudgetError, match="--max-latency allows 3 ms") as caught:
        timed(max_latency=3, quantize="int4")
    report = vars(caught.value)["report"]
    assert set(bits(report)) == {8}  # the fastest there is
    assert "5.5 ms" in str(caught.value)
    assert (tmp_path / "out.rejected.tflite").exists() and not (tmp_path / "out.tflite").exists()
    assert "smaller model" in caught.value.hint


def test_both_limits_at_once(timed, tmp_path):
    whole = timed(quantize="int8").artifact.size_bytes
    limit = whole - 64 * 64 - 200
    report = timed(max_latency="8.8ms", max_size=limit, quantize="int8")
    assert report.artifact.size_bytes <= limit
    assert bits(report) == {4: 3 * 64 * 64, 8: 2 * 64 * 64}
    with pytest.raises(BudgetError):
        timed(max_latency="7ms", max_size=limit, quantize="int8")


def test_float_schemes_are_only_held_against_the_time(timed):
    with pytest.raises(BudgetError, match="--max-latency"):
        timed(quantize="float16", max_latency="20%")
    assert timed(quantize="float16", max_latency="20ms").status == "ok"


def test_the_time_of_another_machine_is_not_promised(timed):
    with pytest.raises(InputError, match="timed on this machine"):
        timed(max_latency="4ms", target="micro")


@pytest.mark.parametrize(
    ("scheme", "pack", "way"),
    [
        ("float16", False, "--quantize int8 or int4"),
        ("int8", False, "--quantize int4 "),
        ("int4", False, "--quantize ternary with --pack"),
        ("ternary", False, "Add --pack"),
        ("ternary", True, "--quantize binary"),
        ("binary", True, "Use a smaller model"),
    ],
)
def test_a_missed_size_names_the_next_smaller_form(scheme, pack, way):
    plan = SimpleNamespace(scheme=scheme, steps=(Pack(),) if pack else ())
    assert way in way_on(plan, "… --max-size allows 9.")
