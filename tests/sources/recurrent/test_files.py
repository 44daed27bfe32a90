"""Recurrent models from files of every format, through the child."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.graph import read
from litesmith.runtime import Session
from litesmith.sources import LoadOptions, open_source
from tests.sources.recurrent.models import examples, fixed_input, keras_of, varied
from tests.sources.recurrent.test_state import stream

FORMATS = [("keras", "m.keras"), ("keras", "m.h5"), ("tf_keras", "m.h5"), ("tf_keras", "m.keras"),
           ("tf_keras", "saved")]  # fmt: skip


def _sequence(keras: Any) -> Any:
    x = keras.Input((None, 3), name="steps")
    y = keras.layers.LSTM(4, return_sequences=True)(keras.layers.Masking()(x))
    return varied(keras.Model(x, keras.layers.Bidirectional(keras.layers.GRU(3))(y)))


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name"), [*FORMATS, ("keras", "exported")])
def test_any_length_and_batch(package: str, name: str, tmp_path: Path) -> None:
    model, path = _sequence(keras_of(package)), tmp_path / name
    model.export(path, verbose=False) if name == "exported" else model.save(path)
    options = LoadOptions(input_shapes={"steps": (1, None, 3)}, batch=None)
    with open_source(path, options) as source:
        data = source.lower()
        assert source.info.inputs[0].shape == (None, None, 3)
        for length in (2, 9):
            given = np.random.default_rng(length).normal(size=(5, length, 3)).astype("float32")
            wanted = np.asarray(model(given))
            np.testing.assert_allclose(source.run([given])[0], wanted, rtol=1e-4, atol=1e-5)
            for size in (1, 2, 5):
                found = Session(data).run([given], size)[0]
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert read(data).inputs[0].shape_signature == (-1, -1, 3)


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name"), FORMATS)
def test_state(package: str, name: str, tmp_path: Path) -> None:
    keras = keras_of(package)
    x = fixed_input(keras, (1, 4, 3), "x")
    y = keras.layers.LSTM(4, stateful=True, return_sequences=True, name="lstm")(x)
    model = varied(keras.Model(x, keras.layers.GRU(2, stateful=True, name="gru")(y)))
    model.save(tmp_path / name)
    with open_source(tmp_path / name) as source:
        data = source.lower()
        states = source.info.states
        assert set(states) == {"lstm_state_h", "lstm_state_c", "gru_state_h"}
        given = examples(source.info.inputs, 3)
        for a, b in zip(source.run(given), Session(data).run(given), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    steps = [np.random.default_rng(i).normal(size=(1, 4, 3)).astype("float32") for i in range(4)]
    wanted = [np.asarray(model(step)) for step in steps]
    for a, b in zip(wanted, stream(Session(data), steps, 3), strict=True):
        np.testing.assert_allclose(b[0], a, rtol=1e-4, atol=1e-5)


def test_in_memory() -> None:
    model = _sequence(keras_of("keras"))
    options = LoadOptions(input_shapes={"steps": (1, None, 3)}, batch=None)
    with open_source(model, options) as source:
        session = Session(source.lower())
        given = np.random.default_rng(0).normal(size=(4, 6, 3)).astype("float32")
        np.testing.assert_allclose(
            session.run([given], 4)[0], np.asarray(model(given)), rtol=1e-4, atol=1e-5
        )


def test_state_in_memory() -> None:
    keras = keras_of("tf_keras")
    x = fixed_input(keras, (1, 4, 3), "x")
    model = varied(keras.Model(x, keras.layers.LSTM(4, stateful=True, name="lstm")(x)))
    with open_source(model) as source:
        session = Session(source.lower())
        assert source.info.states == ("lstm_state_h", "lstm_state_c")
    steps = [np.random.default_rng(i).normal(size=(1, 4, 3)).astype("float32") for i in range(4)]
    for a, b in zip([np.asarray(model(s)) for s in steps], stream(session, steps, 2), strict=True):
        np.testing.assert_allclose(b[0], a, rtol=1e-4, atol=1e-5)
