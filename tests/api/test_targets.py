"""What `export --target` obeys, and what it refuses before the examples are run."""

from __future__ import annotations

import pytest

import litesmith
from litesmith.errors import ConversionError, InputError
from litesmith.forge import export as flow
from litesmith.graph import Graph, read
from tests.api.fakes import FakeSource, classifier, features, with_float_op
from tests.support.graphs import Builder, named

X = features()
INT8 = {"input_type": "int8", "output_type": "int8"}


@pytest.fixture
def use(monkeypatch):
    def put(graph):
        fake = FakeSource(graph)
        monkeypatch.setattr(flow, "open_source", lambda source, options: fake)
        return fake

    return put


def _with(kind: str) -> Graph:
    b = Builder(3)
    x = b.op("FULLY_CONNECTED", b.input((1, 8)), b.weights(6, 8), b.weights(6))
    return named(b.graph(b.op(kind, x)))


def test_the_edge_tpu_gets_dense_weights_with_one_scale(use, out):
    use(classifier())
    report = litesmith.export("m.keras", out, data=X, target="edgetpu", **INT8)
    dense = [op for op in read(out.read_bytes()).ops if op.kind == "FULLY_CONNECTED"]
    weights = [op.inputs[1] for op in dense]
    assert all(t is not None and t.quant is not None and t.quant.axis is None for t in weights)
    assert {op.version for op in dense} == {4}
    assert report.target is not None
    assert (report.target.runs, report.target.table[:8]) == (True, "Edge TPU")
    assert [w for w in report.warnings if w.code == "falls_back"] == []
    use(classifier())
    litesmith.export("m.keras", out, data=X, **INT8)
    first = read(out.read_bytes()).ops[0].inputs[1]
    assert first is not None
    assert first.quant is not None
    assert first.quant.axis == 0


def test_what_cannot_run_is_refused_before_calibrating(use, out):
    fake = use(with_float_op())
    stages = []
    with pytest.raises(ConversionError, match="cannot run this model: 1 SIN") as caught:
        litesmith.export(
            "m.keras", out, data=X, target="ethos-u55-128",
            listen=lambda stage, fraction: stages.append(stage),
        )  # fmt: skip
    assert "no SIN op" in str(caught.value)
    assert "litesmith check --target ethos-u55-128" in caught.value.hint
    assert "calibrate" not in stages
    assert fake.closed
    assert not out.exists()


def test_what_falls_back_is_said(use, out):
    use(_with("L2_NORMALIZATION"))
    report = litesmith.export("m.keras", out, data=X, target="ethos-u55-128", **INT8)
    (warning,) = (w for w in report.warnings if w.code == "falls_back")
    assert "1 L2_NORMALIZATION" in warning.message
    assert "Cortex-M" in warning.message


def test_float_ends_of_an_npu_are_said_to_run_on_the_cpu(use, out):
    use(classifier())
    report = litesmith.export("m.keras", out, data=X, target="ethos-u55-128")
    told = [w for w in report.warnings if w.code == "falls_back"]
    assert len(told) == 2
    assert all("--input-type int8" in w.hint for w in told)


def test_micro_without_data_gets_floats_and_refuses_hybrid_weights(use, out):
    use(classifier())
    report = litesmith.export("m.keras", out, target="micro")
    assert report.artifact is not None
    assert set(report.artifact.weights_bits) == {"32"}
    wide = Builder(0)
    x = wide.input((1, 256))
    graph = named(wide.graph(wide.op("FULLY_CONNECTED", x, wide.weights(64, 256), None)))
    use(graph)
    with pytest.raises(ConversionError, match="not with int8"):
        litesmith.export("m.keras", out, target="micro", quantize="dynamic")


def test_micro_refuses_an_op_without_a_kernel_in_int8(use, out):
    use(_with("GELU"))
    with pytest.raises(ConversionError, match="no GELU op"):
        litesmith.export("m.keras", out, data=X, target="micro")


def test_npus_still_want_integers(use, out):
    use(classifier())
    with pytest.raises(InputError, match="runs integers only"):
        litesmith.export("m.keras", out, target="ethos-u55-128")
