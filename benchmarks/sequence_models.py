"""Recurrent nets on made-up words, for `recurrent`: loudness and nine coefficients per frame.

A word is three of eight sounds in an order of its own, each of some length, in noise, somewhere in
a second; as in MFCCs, the first coefficient is the loudness, ten times as wide as the others. Words
share sounds: only their order tells them apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FRAMES, COEFFICIENTS, WORDS, SOUNDS = 49, 10, 10, 8


def words(count: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Return float32[count, frames, coefficients] and the words' numbers."""
    rng = np.random.default_rng(11)
    sounds = rng.normal(0, 1, (SOUNDS, COEFFICIENTS)) * np.linspace(9, 3, COEFFICIENTS)
    orders = [rng.permutation(SOUNDS)[:3] for _ in range(WORDS // 2)]
    spelled = np.array([o for order in orders for o in (order, order[::-1])])
    x = rng.normal(0, 1, (count, FRAMES, COEFFICIENTS)) * np.linspace(3, 2, COEFFICIENTS)
    y = rng.integers(0, WORDS, count)
    x[:, :, 0] += rng.uniform(-95, -60, (count, 1))
    for row, word in zip(x, y, strict=True):
        lengths = rng.integers(5, 13, 3)
        start = rng.integers(0, FRAMES - lengths.sum() + 1)
        loudness = rng.uniform(-25, 15)
        for sound, length in zip(spelled[word], lengths, strict=True):
            part = row[start : start + length]
            part[:] = sounds[sound] + rng.normal(0, 13, part.shape)
            part[:, 0] += loudness
            start += length
    return x.astype(np.float32), y


def _net(keras: Any, train: tuple[np.ndarray, np.ndarray], *layers: Any) -> Any:
    scaled = keras.layers.Normalization()
    scaled.adapt(train[0])
    shape = keras.Input((FRAMES, COEFFICIENTS))
    last = keras.layers.Dense(WORDS, "softmax")
    return keras.Sequential([shape, scaled, *layers, last])


def bilstm(keras: Any, train: tuple[np.ndarray, np.ndarray]) -> Any:
    """Return a keyword net: a convolution, two bidirectional LSTMs, a dense layer."""
    layers = keras.layers
    return _net(
        keras,
        train,
        layers.Conv1D(32, 5, padding="same", activation="relu"),
        layers.MaxPooling1D(2),
        layers.Bidirectional(layers.LSTM(32, return_sequences=True)),
        layers.Bidirectional(layers.LSTM(32)),
        layers.Dense(32, "relu"),
    )


def lstm(keras: Any, train: tuple[np.ndarray, np.ndarray]) -> Any:
    """Return an LSTM on the frames."""
    return _net(keras, train, keras.layers.LSTM(64))


def gru(keras: Any, train: tuple[np.ndarray, np.ndarray]) -> Any:
    """Return a GRU on the frames."""
    return _net(keras, train, keras.layers.GRU(48))


def simple(keras: Any, train: tuple[np.ndarray, np.ndarray]) -> Any:
    """Return a convolution and a SimpleRNN."""
    layers = keras.layers
    conv = layers.Conv1D(24, 5, strides=2, activation="relu")
    return _net(keras, train, conv, layers.SimpleRNN(48))


# name → (model, epochs)
NETS = {"bilstm": (bilstm, 12), "lstm": (lstm, 12), "gru": (gru, 12), "simple": (simple, 12)}
