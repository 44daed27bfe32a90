"""Every kind of recurrent layer, in both Keras, at batch 1, N and open, against the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.sources.recurrent.models import KINDS, examples, keras_of, lowered, traced, varied

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

BATCHES = [1, None, pytest.param(3, marks=pytest.mark.slow)]


def _original(model: Any, batch: list[Any]) -> list[Any]:
    answers = model(batch[0] if len(batch) == 1 else batch, training=False)
    return [np.asarray(y) for y in (answers if isinstance(answers, list | tuple) else [answers])]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_values(package: str, kind: str, batch: int | None) -> None:
    model = varied(KINDS[kind](keras_of(package)))
    found = traced(model, batch)
    session, graph = lowered(found)
    given = examples(found.inputs, 5)
    wanted = _original(model, given)
    for size in (1, 2, 5) if batch is None else (None,):
        for a, b in zip(wanted, session.run(given, size), strict=True):
            assert np.std(a) > 1e-3
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    first = graph.inputs[0]
    assert (first.shape_signature or first.shape)[0] == (-1 if batch is None else batch)
    assert not any(op.kind.startswith(("CUSTOM", "Flex")) for g in graph.graphs() for op in g.ops)


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("kind", ["lstm", "gru", "bidirectional", "simple"])
@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_any_length(package: str, kind: str, batch: int | None) -> None:
    keras = keras_of(package)
    layer = {
        "lstm": keras.layers.LSTM(4, return_sequences=True),
        "gru": keras.layers.GRU(4),
        "bidirectional": keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True)),
        "simple": keras.layers.SimpleRNN(4),
    }[kind]
    x = keras.Input((None, 3), name="steps")
    model = varied(keras.Model(x, layer(x)))
    session, graph = lowered(traced(model, batch, {"steps": (1, None, 3)}))
    assert graph.inputs[0].shape_signature == (1 if batch else -1, -1, 3)
    for length in (1, 4, 11, 30):
        given = np.random.default_rng(length).normal(size=(3, length, 3)).astype("float32")
        np.testing.assert_allclose(
            session.run([given])[0], np.asarray(model(given)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_time_distributed_over_any_length(package: str, batch: int | None) -> None:
    """Keras 3 traces it wrongly for an open length; eagerly it is right."""
    keras = keras_of(package)
    layers = keras.layers
    x = keras.Input((None, 6, 6, 2), name="frames")
    y = layers.TimeDistributed(layers.Conv2D(3, 3))(x)
    y = layers.TimeDistributed(layers.Dropout(0.5))(layers.TimeDistributed(layers.Flatten())(y))
    model = varied(keras.Model(x, layers.GRU(4, return_sequences=True)(y)))
    found = traced(model, batch, {"frames": (1, None, 6, 6, 2)})
    session, _ = lowered(found)
    for length in (3, 8):
        given = np.random.default_rng(length).normal(size=(2, length, 6, 6, 2)).astype("float32")
        wanted = np.asarray(model(given))
        np.testing.assert_allclose(session.run([given])[0], wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.run([given])[0], wanted, rtol=1e-4, atol=1e-5)
