"""The export flow, with a small graph as the original and no child process."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.errors import BudgetError, ConversionError, InputError, LoadError
from litesmith.forge import export as flow
from litesmith.graph import DType, read, write
from litesmith.report.document import document
from tests.api.fakes import (
    FakeSource,
    classifier,
    features,
    labels,
    regressor,
    with_float_op,
)
from tests.api.trainer import names

X = features()


@pytest.fixture
def use(monkeypatch):
    """Let `open_source` return a fake of a graph."""

    def put(graph, change=list, form="keras"):
        fake = FakeSource(graph, change, form)
        monkeypatch.setattr(flow, "open_source", lambda source, options: fake)
        return fake

    return put


def test_int8_with_data_and_labels(use, out):
    fake = use(classifier())
    stages = []
    report = litesmith.export(
        "m.keras", out, data=X, eval=(X, labels(classifier(), X)), max_drop=0.2,
        listen=lambda stage, fraction: stages.append(stage),
    )  # fmt: skip
    assert report.status == "ok"
    assert report.error is None
    assert report.score is not None
    assert report.score.source == report.score.float_tflite == 1.0
    assert report.score.drop == pytest.approx(1 - report.score.artifact)
    assert report.parity is not None
    assert (report.parity.examples, report.parity.synthetic) == (64, False)
    assert report.parity.float_max_abs_error == 0.0
    assert 0 < report.parity.max_abs_error < 0.1
    assert report.artifact is not None
    assert report.artifact.float_ops == 0
    assert report.artifact.size_bytes == out.stat().st_size
    assert set(report.artifact.weights_bits) == {"8"}
    assert report.latency_ms is not None
    assert report.latency_ms.threads == 1
    assert [(s.name, s.outcome) for s in report.steps][-1] == ("quantize", "done")
    assert list(dict.fromkeys(stages)) == ["load", "convert", "calibrate", "verify", "measure"]
    assert fake.closed
    assert names(out.parent) == ["out.tflite"]


def test_the_json_has_the_keys_of_the_contract(use, out):
    use(classifier())
    found = document(litesmith.export("m.keras", out, data=X, eval=(X, labels(classifier(), X))))
    expected = {
        "source": "path format loader keras_version size_bytes inputs outputs",
        "artifact": "path size_bytes size_gzip_bytes sha256 inputs outputs ops float_ops "
        "weights_bits",
        "parity": "examples synthetic float_max_abs_error max_abs_error cosine sqnr_db "
        "top1_agreement outputs",
        "score": "metric examples source artifact drop drop_bound_95",
        "latency_ms": "float_tflite artifact runs threads",
        "target": "name runs proof",
    }
    for part, keys in expected.items():
        assert set(keys.split()) <= set(found[part]), part
    port = found["artifact"]["inputs"][0]
    assert port == {
        "name": "x0", "shape": [1, 8], "dtype": "float32", "scale": None, "zero_point": None,
        "shape_signature": None, "feeds": None,
    }  # fmt: skip
    assert found["source"]["inputs"] == [{"name": "x0", "shape": [None, 8], "dtype": "float32"}]
    keys = {"name", "options", "outcome", "why", "seconds", "explain", "training"}
    assert set(found["steps"][0]) == keys


def test_integer_ends_carry_their_scales(use, out):
    use(classifier())
    report = litesmith.export("m.keras", out, data=X, input_type="int8", output_type="uint8")
    assert report.artifact is not None
    (fed,), (read_,) = report.artifact.inputs, report.artifact.outputs
    assert (fed.dtype, read_.dtype) == ("int8", "uint8")
    assert read_.scale == pytest.approx(1 / 256)
    assert read_.zero_point == 0
    assert report.parity is not None
    assert report.parity.max_abs_error < 0.1


def test_without_data_parity_is_synthetic_and_says_so(use, out):
    use(classifier())
    report = litesmith.export("m.keras", out)
    assert report.parity is not None
    assert (report.parity.examples, report.parity.synthetic) == (200, True)
    assert "synthetic" in {w.code for w in report.warnings}


def test_none_ships_the_float_file_itself(use, out):
    use(classifier())
    report = litesmith.export("m.keras", out, quantize="none", data=X)
    assert out.read_bytes() == write(classifier())
    assert report.latency_ms is not None
    assert report.latency_ms.artifact == report.latency_ms.float_tflite
    assert report.parity is not None
    assert report.parity.max_abs_error == report.parity.float_max_abs_error


def test_parity_takes_200_examples_spread_over_the_data(use, out):
    fake = use(classifier())
    report = litesmith.export("m.keras", out, data=features(1000), quantize="float16")
    assert report.parity is not None
    assert report.parity.examples == 200
    assert sum(fake.batches) == 200


def test_a_regression_is_judged_by_its_error(use, out):
    use(regressor())
    report = litesmith.export("m.keras", out, data=X, max_drop=0.2)
    assert report.parity is not None
    assert report.parity.top1_agreement is None
    use(regressor())
    with pytest.raises(BudgetError, match="relative output error"):
        litesmith.export("m.keras", out, data=X, max_drop=1e-6)


def test_a_missed_budget_keeps_the_file_beside_and_the_old_one(use, out):
    use(regressor())
    out.write_bytes(b"precious")
    with pytest.raises(BudgetError) as caught:
        litesmith.export("m.keras", out, data=X, max_drop=0.0, save_float=out.with_name("f.tflite"))
    assert out.read_bytes() == b"precious"
    assert names(out.parent) == ["out.rejected.tflite", "out.tflite"]
    report = vars(caught.value)["report"]
    assert report.status == "rejected"
    assert report.error["code"] == "budget_missed"
    assert report.artifact.path.endswith("out.rejected.tflite")
    assert read((out.parent / "out.rejected.tflite").read_bytes()).ops


def test_a_float_file_that_computes_something_else_is_refused(use, out):
    use(classifier(), change=lambda outputs: [y * 1.01 for y in outputs])
    with pytest.raises(ConversionError, match="does not compute what the source does") as caught:
        litesmith.export("m.keras", out, data=X)
    assert vars(caught.value)["report"].source.path == "model.keras"
    assert names(out.parent) == []


def test_an_original_that_answers_nan_to_generated_inputs_is_a_warning(use, out):
    def broken(outputs):
        return [np.full_like(y, np.nan) for y in outputs]

    use(classifier(), change=broken)
    report = litesmith.export("m.keras", out)
    assert "non_finite" in {w.code for w in report.warnings}
    use(classifier(), change=broken)
    with pytest.raises(ConversionError):
        litesmith.export("m.keras", out, data=X)


def test_outputs_that_never_vary_prove_nothing(use, out):
    constant = np.tile(X[:1], (8, 1))
    use(classifier())
    report = litesmith.export("m.keras", out, data=constant)
    assert "constant_output" in {w.code for w in report.warnings}


def test_a_float_op_is_named_and_refused_by_integer_targets(use, out):
    use(with_float_op())
    report = litesmith.export("m.keras", out, data=X)
    (warning,) = [w for w in report.warnings if w.code == "float_op"]
    assert "SIN" in warning.message
    assert report.artifact is not None
    assert report.artifact.float_ops > 0
    out.unlink()
    with pytest.raises(ConversionError, match="SIN"):
        litesmith.export("m.keras", out, data=X, target="ethos-u55-128")
    assert names(out.parent) == []


def test_a_quantized_source_is_declined(use, out, tmp_path):
    use(classifier())
    litesmith.export("m.keras", out, data=X)
    use(read(out.read_bytes()), form="tflite")
    with pytest.raises(ConversionError, match="already quantized"):
        litesmith.export("q.tflite", tmp_path / "again.tflite")
    assert names(tmp_path) == ["out.tflite"]


def test_float_file_and_recipe_are_written_together(use, out, tmp_path):
    use(classifier())
    litesmith.export(
        "m.keras", out, data=X, save_float=tmp_path / "f.tflite", save_recipe=tmp_path / "r.toml"
    )
    assert names(tmp_path) == ["f.tflite", "out.tflite", "r.toml"]
    first = out.read_bytes()
    use(classifier())
    litesmith.export("m.keras", out, data=X, recipe=tmp_path / "r.toml")
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": features()[:, :5]}, "shape"),
        ({"data": np.full((4, 8), np.nan, np.float32)}, "NaN|not finite"),
        ({"data": X, "eval": X}, "no labels"),
        ({"data": X, "eval": (X, np.arange(64)), "metric": "acuracy"}, "not known"),
        ({"data": "missing.npz"}, "no data at"),
    ],
)
def test_bad_data_is_refused_and_nothing_written(use, out, given, message):
    use(classifier())
    with pytest.raises(InputError, match=message):
        litesmith.export("m.keras", out, **given)
    assert names(out.parent) == []


def test_bad_data_is_found_before_the_conversion(use, out, monkeypatch):
    fake = use(classifier())
    monkeypatch.setattr(fake, "lower", lambda: pytest.fail("converted"))
    with pytest.raises(InputError):
        litesmith.export("m.keras", out, data=X[:, :5])


def test_bad_destinations_are_found_before_loading(out, monkeypatch, tmp_path):
    monkeypatch.setattr(flow, "open_source", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InputError, match="no folder"):
        litesmith.export("m.keras", tmp_path / "missing" / "a.tflite")


def test_a_failure_of_the_child_while_the_parent_works_is_told(use, out):
    def broken(outputs):
        raise LoadError("The model ran out of memory.")

    fake = use(classifier(), change=broken)
    with pytest.raises(LoadError, match="out of memory"):
        litesmith.export("m.keras", out, data=X)
    assert fake.closed
    assert names(out.parent) == []


def test_a_slower_file_is_told(use, out, monkeypatch):
    use(classifier())
    slow = flow.Latency(1.0, 3.0, 10, 1)
    monkeypatch.setattr(flow, "_latency", lambda built, batch, seconds: slow)
    report = litesmith.export("m.keras", out, data=X)
    (warning,) = [w for w in report.warnings if w.code == "slower"]
    assert "3.0 times as long" in warning.message


def test_a_source_with_integer_inputs(use, out):
    from tests.support.graphs import Builder, const, named

    b = Builder(3)
    ids = b.input((1, 4), DType.INT32)
    x = b.op("GATHER", b.weights(10, 6), ids, dtype=DType.FLOAT32, axis=0)
    x = b.op("RESHAPE", x, const([1, 24]))
    use(named(b.graph(b.op("FULLY_CONNECTED", x, b.weights(3, 24), b.weights(3)))))
    report = litesmith.export("m.keras", out)
    assert report.artifact is not None
    assert report.artifact.inputs[0].dtype == "int32"
    assert report.parity is not None
    assert report.parity.synthetic


def test_a_target_that_was_not_tried_is_told(use, out):
    use(classifier())
    report = litesmith.export("m.keras", out, data=X, target="ethos-u55-128")
    assert report.target is not None
    assert report.target.proof == "rules"
    assert "not_run_there" in {w.code for w in report.warnings}


def test_a_stream_without_an_end(use, out):
    def batches():
        while True:
            yield X[:16]

    use(classifier())
    report = litesmith.export("m.keras", out, data=batches)
    assert report.parity is not None
    assert report.parity.examples == 200
    assert "1000 examples" in report.steps[-1].why
