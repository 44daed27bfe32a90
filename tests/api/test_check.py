from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.forge import check as flow
from litesmith.graph import write
from litesmith.quantize import Quantize
from tests.api.fakes import FakeSource, classifier, features, with_float_op
from tests.support.graphs import Builder, examples, integer, named


@pytest.fixture
def use(monkeypatch):
    def put(graph, form="keras"):
        fake = FakeSource(graph, form=form)
        monkeypatch.setattr(flow, "open_source", lambda source, options: fake)
        return fake

    return put


def test_a_model_that_fits_integers(use):
    fake = use(classifier())
    report = litesmith.check("m.keras", target="edgetpu")
    assert report.ops == {"FULLY_CONNECTED": 2, "SOFTMAX": 1}
    assert report.float_ops_in_int8 == ()
    assert report.target is not None
    assert (report.target.runs, report.target.proof) == (True, "rules")
    assert report.float_tflite_bytes == len(write(classifier()))
    assert report.source is not None
    assert report.source.loader == "Fake 1.0"
    assert fake.closed
    assert fake.batches == []


def test_float_ops_are_those_that_quantizing_leaves(use):
    use(with_float_op())
    report = litesmith.check("m.keras", target="ethos-u55-64")
    assert report.float_ops_in_int8 is not None
    assert [(g.kind, g.count) for g in report.float_ops_in_int8] == [("SIN", 1)]
    assert [(g.kind, g.count, g.layers) for g in report.refused] == [("SIN", 1, ("sin1",))]
    assert "no SIN op" in report.refused[0].reason
    assert report.falls_back == ()
    assert report.target is not None
    assert not report.target.runs
    assert [w.code for w in report.warnings] == ["float_op"]
    data = examples(with_float_op(), [features()[:, None]])
    notices = Quantize("int8")(with_float_op(), data).notices
    assert any("SIN" in notice.message for notice in notices)


def test_the_cpu_refuses_nothing(use):
    use(with_float_op())
    report = litesmith.check("m.keras", target="cpu")
    assert report.target is not None
    assert report.target.runs
    assert (report.target.supposing, report.refused) == ("float32", ())
    assert "LiteRT" in report.target.table


def test_what_falls_back_is_told_apart_from_what_cannot_run(use):
    b = Builder(0)
    x = b.op("SQRT", b.op("RELU", b.input((1, 8))))
    use(named(b.graph(b.op("GELU", x))))
    report = litesmith.check("m.keras", target="ethos-u55-128")
    assert report.target is not None
    assert not report.target.runs  # on int8, the CPU beside the NPU has no SQRT either
    assert [g.kind for g in report.refused] == ["SQRT"]
    report = litesmith.check("m.keras", target="edgetpu")
    assert report.target is not None
    assert report.target.runs
    assert [g.kind for g in report.falls_back] == ["SQRT", "GELU"]
    assert "RSQRT" not in report.falls_back[0].reason


def test_a_quantized_file(use):
    data = examples(classifier(), [features()[:, None]])
    use(Quantize("int8")(classifier(), data).graph, form="tflite")
    report = litesmith.check("q.tflite", target="edgetpu")
    assert report.quantized
    assert report.float_ops_in_int8 is None
    assert report.float_ops == 0
    assert report.float_tflite_bytes is None
    assert set(report.weights_bits) == {"8"}
    assert report.target is not None
    assert report.target.runs


def test_an_unknown_target_is_found_before_loading(monkeypatch):
    monkeypatch.setattr(flow, "open_source", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InputError, match="no target"):
        litesmith.check("m.keras", target="toaster")


def test_data_is_looked_at(use):
    use(classifier())
    x = features(120)
    assert litesmith.check("m.keras", data=x).warnings == ()
    found = litesmith.check("m.keras", data=x[:20]).warnings
    assert [w.code for w in found] == ["few_examples"]
    copies = litesmith.check("m.keras", data=np.concatenate([x[:20]] * 4)).warnings
    assert [w.code for w in copies] == ["duplicates"]
    with pytest.raises(InputError, match="shape"):
        litesmith.check("m.keras", data=x[:, :3])


@pytest.mark.slow
def test_real_data_is_right(shared):
    for model, name in (("resnet8_cifar10.h5", "cifar10_jpeg_7k"),
                        ("hand_keypoint.hdf5", "hand_keypoint")):  # fmt: skip
        found = litesmith.check(shared / "models" / model, data=f"{shared}/data/{name}.npz#x_train")
        assert found.warnings == ()
    wrong = litesmith.check(
        shared / "models" / "resnet8_cifar10.h5",
        data=f"{shared}/data/cifar10_jpeg_7k.npz#x_train",
        preprocess="unit",
    ).warnings
    assert [(w.code, w.hint) for w in wrong] == [("value_range", "Leave --preprocess out.")]


def test_a_quantized_file_is_opened_up(use):
    data = examples(classifier(), [features(200)[:, None]])
    use(integer(classifier(), data), form="tflite")
    report = litesmith.check("m.tflite", data=features(seed=1))
    assert report.findings == ()
    found = litesmith.check("m.tflite", data=features() * 10).findings
    assert found is not None
    assert "input_beyond" in [one.code for one in found]
    use(classifier(), form="tflite")
    assert litesmith.check("m.tflite").findings is None
