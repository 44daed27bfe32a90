"""A limit of bytes: weights that cost least get 4 bits, and the file that ships keeps it."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.errors import BudgetError
from litesmith.forge import export as flow
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
