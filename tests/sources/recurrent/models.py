"""Recurrent models of both Keras, small, with weights that make outputs vary."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from litesmith.data import TensorSpec
from litesmith.graph import Graph, read
from litesmith.runtime import Session
from litesmith.sources.keras_model import from_keras
from litesmith.sources.loaded import check_inputs, with_shapes
from litesmith.sources.traced import TracedModel

STEPS, FEATURES = 7, 3


def keras_of(name: str) -> Any:
    """Import "keras" or "tf_keras" and seed it."""
    package = importlib.import_module(name)
    package.utils.set_random_seed(3)
    return package


def fixed_input(keras: Any, shape: tuple[int, ...], name: str) -> Any:
    """An input with a fixed batch, however this Keras calls that."""
    return keras.Input(batch_shape=shape, name=name)


def _over_time(layer: Callable[[Any], Any], shape: tuple[int | None, ...]) -> Callable[[Any], Any]:
    def build(keras: Any) -> Any:
        x = keras.Input(shape, name="steps")
        return keras.Model(x, layer(keras.layers)(x))

    return build


def _masked(keras: Any) -> Any:
    x = keras.Input((STEPS, FEATURES), name="steps")
    y = keras.layers.Masking()(x)
    y = keras.layers.LSTM(4, return_sequences=True)(y)
    return keras.Model(x, keras.layers.GRU(3)(y))


def _embedded(keras: Any) -> Any:
    x = keras.Input((STEPS,), name="words", dtype="int32")
    y = keras.layers.Embedding(9, 4, mask_zero=True)(x)
    return keras.Model(x, keras.layers.Bidirectional(keras.layers.LSTM(3))(y))


def _with_states(keras: Any) -> Any:
    x = keras.Input((STEPS, FEATURES), name="steps")
    y, h, c = keras.layers.LSTM(4, return_sequences=True, return_state=True, name="lstm")(x)
    z, g = keras.layers.GRU(3, return_state=True, name="gru")(y)
    return keras.Model(x, [z, c, h, g])


def _from_state(keras: Any) -> Any:
    x = keras.Input((STEPS, FEATURES), name="steps")
    h, c = keras.Input((4,), name="h"), keras.Input((4,), name="c")
    y, h2, c2 = keras.layers.LSTM(4, return_state=True)(x, initial_state=[h, c])
    return keras.Model([x, h, c], [y, h2, c2])


def _stacked(keras: Any) -> Any:
    layers = keras.layers
    cells = [layers.LSTMCell(4), layers.GRUCell(3)]
    x = keras.Input((STEPS, FEATURES), name="steps")
    y = layers.RNN(cells, return_sequences=True)(x)
    return keras.Model(x, layers.SimpleRNN(2, go_backwards=True)(y))


_TIME = (STEPS, FEATURES)
KINDS: dict[str, Callable[[Any], Any]] = {
    "lstm": _over_time(lambda layers: layers.LSTM(4), _TIME),
    "lstm_sequences": _over_time(lambda layers: layers.LSTM(4, return_sequences=True), _TIME),
    "gru": _over_time(lambda layers: layers.GRU(4), _TIME),
    "gru_v1": _over_time(lambda layers: layers.GRU(4, reset_after=False), _TIME),
    "simple": _over_time(lambda layers: layers.SimpleRNN(4, return_sequences=True), _TIME),
    "bidirectional": _over_time(
        lambda layers: layers.Bidirectional(layers.LSTM(4, return_sequences=True)), _TIME
    ),
    "conv1d": _over_time(lambda layers: layers.ConvLSTM1D(2, 3), (STEPS, 6, FEATURES)),
    "conv2d": _over_time(
        lambda layers: layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True),
        (STEPS, 5, 6, FEATURES),
    ),
    "time_distributed": _over_time(lambda layers: layers.TimeDistributed(layers.Dense(2)), _TIME),
    "masked": _masked,
    "embedded": _embedded,
    "with_states": _with_states,
    "from_state": _from_state,
    "stacked": _stacked,
}


def varied(model: Any, seed: int = 0) -> Any:
    """Give every weight, biases included, a value of its own."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        values = random.normal(0, 0.5, tuple(variable.shape))
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.name else values)
    return model


def traced(
    model: Any, batch: int | None = 1, shapes: dict[str, tuple[int | None, ...]] | None = None
) -> TracedModel:
    """Return the model as the child holds it."""
    loaded = from_keras(model, "test", shapes)
    inputs = with_shapes(loaded.inputs, shapes or {})
    check_inputs(inputs, shapes)
    return TracedModel(loaded, inputs, batch=batch)


def lowered(found: TracedModel) -> tuple[Session, Graph]:
    """Return the file, loaded and read."""
    data = found.lower(lambda line: None)
    return Session(data), read(data)


def examples(specs: Sequence[TensorSpec], count: int, seed: int = 1) -> list[Any]:
    """Return inputs, (count, *example_shape); sequences that are masked end in zeros."""
    random = np.random.default_rng(seed)
    made = []
    for spec in specs:
        shape = (count, *(size or 1 for size in spec.example_shape))
        if spec.dtype == "int32":
            values = random.integers(1, 9, shape)
        else:
            values = random.normal(size=shape)
        for i in range(count):
            if len(shape) > 1 and shape[1] == STEPS:
                values[i, STEPS - i % 3 :] = 0
        made.append(values.astype(spec.dtype))
    return made
