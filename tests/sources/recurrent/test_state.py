"""State becomes inputs and outputs, checked over a stream of steps against the stateful model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litesmith.errors import ConversionError, InputError
from litesmith.runtime import Session
from tests.sources.recurrent.models import fixed_input, keras_of, lowered, traced, varied

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

PACKAGES = ["keras", "tf_keras"]


def _stateful(keras: Any, name: str) -> Any:
    layers = keras.layers
    x = fixed_input(keras, (1, 4, 3), "x")
    if name == "lstm":
        y = layers.LSTM(4, stateful=True, name="lstm")(x)
    elif name == "gru":
        y = layers.GRU(4, stateful=True, return_sequences=True, name="gru")(x)
    elif name == "two":
        y = layers.LSTM(4, stateful=True, return_sequences=True, name="first")(x)
        y = layers.Dense(2)(layers.GRU(3, stateful=True, name="second")(y))
    elif name == "bidirectional":
        y = layers.Bidirectional(layers.LSTM(2, stateful=True, name="both"))(x)
    else:
        x = fixed_input(keras, (1, 3, 6, 2), "x")
        y = layers.ConvLSTM1D(2, 3, stateful=True, name="conv")(x)
    return varied(keras.Model(x, y))


NAMES: dict[str, list[str]] = {
    "lstm": ["lstm_state_h", "lstm_state_c"],
    "gru": ["gru_state_h"],
    "two": ["first_state_h", "first_state_c", "second_state_h"],
    "bidirectional": [
        "forward_both_state_h",
        "forward_both_state_c",
        "backward_both_state_h",
        "backward_both_state_c",
    ],
    "conv": ["conv_state_h", "conv_state_c"],
}


def _reset(model: Any) -> None:
    for layer in model._flatten_layers():
        for reset in ("reset_state", "reset_states"):
            if getattr(layer, "stateful", False) and hasattr(layer, reset) and layer is not model:
                getattr(layer, reset)()
                break


def stream(session: Session, steps: list[Any], states: int) -> list[list[Any]]:
    """Run the file as an application does: zeros first, then what came out."""
    carried = [np.zeros((1, *port.example_shape), port.dtype) for port in session.inputs[-states:]]
    answers = []
    for step in steps:
        out = session.run([step, *carried])
        carried = out[-states:]
        answers.append(out)
    return answers


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("package", PACKAGES)
def test_stateful_layers(package: str, name: str) -> None:
    model = _stateful(keras_of(package), name)
    found = traced(model)
    session, graph = lowered(found)
    assert list(graph.input_names()) == ["x", *NAMES[name]]
    assert list(graph.output_names())[1:] == NAMES[name]
    assert list(found.states) == NAMES[name]
    assert "zeros" in found.notes[0]
    steps = [
        np.random.default_rng(i).normal(size=model.inputs[0].shape).astype("float32")
        for i in range(5)
    ]
    _reset(model)
    wanted = [np.asarray(model(step)) for step in steps]
    for a, b in zip(wanted, stream(session, steps, len(NAMES[name])), strict=True):
        np.testing.assert_allclose(b[0], a, rtol=1e-4, atol=1e-5)
    assert not np.allclose(wanted[0], session.run([steps[0], *_ones(session)])[0], atol=1e-3)


def _ones(session: Session) -> list[Any]:
    return [np.ones((1, *port.example_shape), port.dtype) for port in session.inputs[1:]]


def _states(model: Any) -> list[Any]:
    found = (s for layer in model.layers for s in getattr(layer, "states", None) or [])
    return [np.asarray(state).copy() for state in found]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_original_keeps_its_own_state(package: str) -> None:
    model = _stateful(keras_of(package), "gru")
    x = np.ones((1, 4, 3), "float32")
    model(x)
    before = _states(model)
    assert np.abs(before[0]).max() > 0
    traced(model).lower(lambda line: None)
    after = _states(model)
    np.testing.assert_array_equal(before, after)


class TestStreaming:
    """A layer of the user's own that keeps the last frames."""

    @staticmethod
    def _model(start: float = 0.0, *, loop: bool = False) -> Any:
        import tensorflow as tf

        keras = keras_of("keras")

        class Buffer(keras.layers.Layer):
            def build(self, shape: Any) -> None:
                self.frames = self.add_weight(
                    shape=(1, 3, 2),
                    initializer=keras.initializers.Constant(start),
                    trainable=False,
                    name="frames",
                )
                self.calls = self.add_weight(
                    shape=(), dtype="int32", initializer="zeros", trainable=False, name="calls"
                )

            def call(self, x: Any) -> Any:
                self.calls.assign_add(1)
                frames = tf.concat([self.frames[:, 1:], x[:, None]], axis=1)
                if loop:
                    tf.cond(tf.reduce_sum(x) > 0, lambda: self._keep(frames), lambda: 0)
                else:
                    self.frames.assign(frames)
                return frames

            def _keep(self, frames: Any) -> Any:
                self.frames.value.assign(frames)
                return 0

        x = fixed_input(keras, (1, 2), "x")
        y = keras.layers.Flatten()(Buffer(name="buffer")(x))
        return varied_dense(keras, x, keras.layers.Dense(2, name="scores")(y))

    @pytest.mark.parametrize("start", [0.0, 0.75])
    def test_values(self, start: float) -> None:
        model = self._model(start)
        found = traced(model)
        session, graph = lowered(found)
        # The counter changes nothing that anybody sees, so that it is left out.
        assert list(graph.input_names()) == ["x", "buffer_frames"]
        steps = [np.random.default_rng(i).normal(size=(1, 2)).astype("float32") for i in range(6)]
        wanted = [np.asarray(model(step)) for step in steps]
        for a, b in zip(wanted, stream(session, steps, 1), strict=True):
            np.testing.assert_allclose(b[0], a, rtol=1e-4, atol=1e-5)

    def test_a_state_changed_in_a_branch_is_refused(self) -> None:
        with pytest.raises(ConversionError, match="inside a loop or a branch"):
            traced(self._model(loop=True))


def varied_dense(keras: Any, x: Any, y: Any) -> Any:
    model = keras.Model(x, y)
    dense = model.get_layer("scores")
    random = np.random.default_rng(2)
    dense.set_weights([random.normal(size=w.shape).astype("float32") for w in dense.get_weights()])
    return model


def test_a_state_of_a_scalar_and_integers() -> None:
    import tensorflow as tf

    keras = keras_of("keras")

    class Every(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", name="n")

        def call(self, x: Any) -> Any:
            self.count.assign_add(1)
            return x * tf.cast(self.count % 3, "float32")

    x = fixed_input(keras, (1, 2), "x")
    model = keras.Model(x, Every(name="every")(x))
    session, graph = lowered(traced(model))
    assert list(graph.input_names()) == ["x", "every_n"]
    assert graph.inputs[1].shape == ()
    found = stream(session, [np.ones((1, 2), "float32")] * 5, 1)
    assert [float(y[0][0, 0]) for y in found] == [1, 2, 0, 1, 2]


def test_random_layers_are_refused() -> None:
    keras = keras_of("keras")
    x = keras.Input((4,), name="x")

    class Noise(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seeds = keras.random.SeedGenerator(1)

        def call(self, x: Any) -> Any:
            return x + keras.random.normal((1, 4), seed=self.seeds)

    with pytest.raises(ConversionError, match="random"):
        traced(keras.Model(x, Noise()(x)))


def test_state_has_the_batch_of_the_model() -> None:
    model = _stateful(keras_of("keras"), "gru")
    with pytest.raises(InputError, match="not a batch of any size"):
        traced(model, batch=3)
