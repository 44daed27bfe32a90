from __future__ import annotations

import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.forge import compare as flow
from litesmith.graph import Signature
from litesmith.quantize import Quantize
from tests.api.fakes import FakeSource, classifier, features, regressor
from tests.support.graphs import Builder, examples, named

X = features()


@pytest.fixture
def use(monkeypatch):
    def put(**sources):
        monkeypatch.setattr(flow, "open_source", lambda source, options: sources[source])
        return sources

    return put


def quantized(**ends):
    data = examples(classifier(), [X[:, None]])
    return FakeSource(Quantize("int8", **ends)(classifier(), data).graph, form="tflite")


def two_inputs(order):
    b = Builder(4)
    tensors = {name: b.input((1, 3), name=name) for name in ("p", "q")}
    y = b.op("SUB", tensors["p"], tensors["q"])
    graph = named(b.graph(y)).with_(inputs=tuple(tensors[name] for name in order))
    inputs = tuple((name, i) for i, name in enumerate(order))
    return FakeSource(graph.with_(signatures=(Signature("s", inputs, (("y", 0),)),)))


def test_a_model_agrees_with_itself(use):
    sources = use(a=FakeSource(classifier()), b=FakeSource(classifier()))
    report = litesmith.compare("a", "b", data=X)
    assert report.parity is not None
    assert report.parity.max_abs_error == 0.0
    assert report.parity.top1_agreement == 1.0
    assert (report.parity.examples, report.parity.synthetic) == (64, False)
    assert all(s.closed for s in sources.values())


def test_generated_inputs_without_data(use):
    use(a=FakeSource(classifier()), b=FakeSource(classifier(1)))
    report = litesmith.compare("a", "b")
    assert report.parity is not None
    assert (report.parity.examples, report.parity.synthetic) == (200, True)
    assert report.parity.max_abs_error > 0.1


@pytest.mark.parametrize("ends", [{}, {"input_type": "int8", "output_type": "uint8"}])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_quantized_file_takes_and_gives_real_numbers(use, ends, order):
    use(a=FakeSource(classifier()), b=quantized(**ends))
    for data in (X, None):
        report = litesmith.compare(*order, data=data)
        assert report.parity is not None
        assert 0 < report.parity.max_abs_error < 0.1
        use(a=FakeSource(classifier()), b=quantized(**ends))


def test_inputs_are_matched_by_name(use):
    use(a=two_inputs("pq"), b=two_inputs("qp"))
    report = litesmith.compare("a", "b")
    assert report.parity is not None
    assert report.parity.max_abs_error == 0.0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: two_inputs("pq"), "has 1 inputs, the second 2"),
        (lambda: FakeSource(_narrow()), "takes examples of shape"),
        (lambda: FakeSource(regressor()), "shape"),
    ],
)
def test_models_that_do_not_go_together(use, other, message):
    use(a=FakeSource(classifier()), b=other())
    with pytest.raises(InputError, match=message):
        litesmith.compare("a", "b", data=X)


def _narrow():
    b = Builder(5)
    return named(b.graph(b.op("TANH", b.input((1, 5)))))
