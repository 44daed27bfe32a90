from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.forge import compare as flow
from litesmith.graph import Signature, write
from litesmith.graph.edit import substitute
from litesmith.quantize import Quantize
from tests.api.fakes import FakeSource, classifier, features, regressor
from tests.support.graphs import Builder, const, examples, integer, named

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


def _for(count, keeps_apart=True):
    """The same classifier for `count` examples at a time; or one whose outputs mix them."""
    b = Builder(0)
    weights, bias = b.weights(5, 8), b.weights(5)
    x = b.op("FULLY_CONNECTED", b.input((count, 8)), weights, bias)
    if not keeps_apart:
        x = b.op("MEAN", x, const(np.array([0], np.int32)), keep_dims=True)
    return named(b.graph(x))


@pytest.fixture
def file(tmp_path):
    def put(graph, name):
        (tmp_path / name).write_bytes(write(graph))
        return tmp_path / name

    return put


@pytest.mark.parametrize("data", [X[:10], None], ids=["data", "generated"])
@pytest.mark.parametrize("counts", [(1, 4), (4, 1), (4, 3), (4, 4)])
def test_files_for_several_examples_at_a_time(file, counts, data):
    a, b = (file(_for(n), f"{i}.tflite") for i, n in enumerate(counts))
    if counts == (4, 4) and data is not None:
        data = data[:8].reshape(2, 4, 8)
    report = litesmith.compare(a, b, data=data)
    assert report.parity is not None
    assert report.parity.max_abs_error < 1e-6
    assert report.parity.examples == (200 if data is None else len(data))
    other = file(_for(counts[1]), "other.tflite")
    other.write_bytes(write(_other(counts[1])))
    report = litesmith.compare(a, other, data=data)
    assert report.parity is not None
    assert report.parity.max_abs_error > 0.1


def _other(count):
    b = Builder(7)
    x = b.op("FULLY_CONNECTED", b.input((count, 8)), b.weights(5, 8), b.weights(5))
    return named(b.graph(x))


def test_a_file_that_mixes_its_examples_is_not_fed_single_ones(file):
    mixing = file(_for(4, keeps_apart=False), "mixing.tflite")
    with pytest.raises(InputError, match=r"takes examples of shape \(8,\), the second's"):
        litesmith.compare(file(_for(1), "one.tflite"), mixing)


def test_per_layer_says_where_they_part_ways(use):
    whole = integer(classifier(), examples(classifier(), [X[:, None]]))
    use(a=FakeSource(classifier()), b=FakeSource(whole, form="tflite"))
    report = litesmith.compare("a", "b", data=X, per_layer=True)
    assert report.layers and report.layers_of == len(report.layers)
    assert report.layers_examples == 64
    assert all(one.added is not None and one.dtype == "int8" for one in report.layers)
    assert report.warnings == ()
    use(a=FakeSource(classifier()), b=quantized())
    assert litesmith.compare("a", "b", data=X).layers is None


def test_per_layer_says_what_has_no_counterpart(use):
    stranger = classifier(3)
    results = [t for op in stranger.ops for t in op.outputs]
    other = substitute(stranger, {t: t.with_(name=f"other/{t.name}") for t in results})
    use(a=FakeSource(classifier()), b=FakeSource(other))
    report = litesmith.compare("a", "b", data=X, per_layer=True)
    assert report.layers is not None
    assert [one.kind for one in report.layers] == ["SOFTMAX"]  # outputs go by position
    assert [w.code for w in report.warnings] == ["layers_unmatched"]
