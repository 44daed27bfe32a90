"""`trainable` computes what the file computes, and `from_trainable` gives the graph back."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import litesmith
from litesmith.errors import ConversionError, InputError
from litesmith.graph import write
from litesmith.train.model import from_trainable, trainable
from tests.support.graphs import Builder, const, one_op, tensor
from tests.train.networks import cnn, lesson, on_grid, run

SCHEMES = ("int8", "int4", "int3", "ternary", "binary", "int16x8")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_untouched_model_gives_the_graph_back(scheme):
    graph = lesson(scheme).student
    same = from_trainable(trainable(graph))
    assert [a is b for a, b in zip(graph.tensors(), same.tensors(), strict=True)].count(False) == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_trained_weights_lie_on_the_grid_and_compute_what_the_file_computes(scheme):
    made = lesson(scheme, cnn(softmax=False))
    model = trainable(made.student)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(made.x, np.eye(4)[np.arange(96) % 4], 32, epochs=2, verbose=0)
    step = float(made.student.outputs[0].quant.scale[0])
    trained = from_trainable(model)
    assert on_grid(trained)
    assert not all(a is b for a, b in zip(made.student.tensors(), trained.tensors(), strict=True))
    wanted = made.answers(trained)
    found = model.predict(made.x, verbose=0)
    # Steps of 16 bits are so fine that float32 sums and the kernels' multipliers show.
    most, least = (8.01, 8.01) if scheme == "int16x8" else (3.01, 1.01)
    assert np.abs(found - wanted).max() <= most * step
    assert np.abs(found - trainable(trained).predict(made.x, verbose=0)).max() <= least * step


def test_float_graph_trains_and_computes_what_its_file_computes():
    graph = cnn()
    x = lesson().x
    model = trainable(graph)
    np.testing.assert_allclose(model.predict(x, verbose=0), run(graph, x), atol=1e-5)
    labels = np.arange(96) % 4
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["acc"])
    history = model.fit(x, labels, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    trained = from_trainable(model)
    np.testing.assert_allclose(model.predict(x, verbose=0), run(trained, x), atol=1e-5)
    assert not np.allclose(run(graph, x), run(trained, x), atol=1e-4)


def test_several_inputs_and_outputs_go_by_the_names_of_the_graph():
    b = Builder()
    one, two = b.input((1, 4), name="one"), b.input((1, 4), name="two")
    h = b.op("ADD", one, two)
    left = b.op("FULLY_CONNECTED", h, b.weights(3, 4), b.weights(3))
    right = b.op("FULLY_CONNECTED", h, b.weights(2, 4), None)
    graph = b.graph(left, right)
    model = trainable(graph)
    x = {name: np.float32(np.random.default_rng(0).normal(size=(5, 4))) for name in ("one", "two")}
    found = model.predict(x, verbose=0)
    assert set(found) == set(graph.output_names())
    assert [found[n].shape for n in graph.output_names()] == [(5, 3), (5, 2)]
    losses = dict.fromkeys(graph.output_names(), "mse")
    model.compile("adam", losses)
    y = {n: np.zeros_like(found[n]) for n in graph.output_names()}
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()


def test_a_file_and_its_bytes_will_do(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(write(cnn()))
    x = lesson().x[:8]
    wanted = run(cnn(), x)
    for source in (path, str(path), path.read_bytes()):
        found = litesmith.trainable(source).predict(x, verbose=0)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_what_cannot_be_trained_is_refused(tmp_path):
    with pytest.raises(InputError, match="quantized already"):
        trainable(write(lesson("int8").file()))
    with pytest.raises(InputError, match="no file"):
        trainable(tmp_path / "none.tflite")
    with pytest.raises(ConversionError, match="nothing to train"):
        trainable(one_op("ADD", tensor("x", (1, 4)), const(np.ones(4, np.float32))))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(InputError, match="was not made by"):
        from_trainable(other)


def test_annotate_wants_integer_activations():
    with pytest.raises(InputError, match="leaves activations float"):
        litesmith.annotate("none.keras", data=np.zeros((1, 2)), quantize="dynamic")
