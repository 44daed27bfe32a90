"""Keras models whose graphs hold more than one kind of layer at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def segmenter(keras: Any) -> Any:
    """A U-Net: halves, doubles and joins images, in every way that Keras has."""
    layers = keras.layers
    x = y = keras.Input((16, 24, 3), name="image")
    kept = []
    for filters in (4, 6):
        y = layers.Conv2D(filters, 3, padding="same", activation="relu")(y)
        kept.append(y)
        y = layers.MaxPooling2D()(y)
    y = layers.Conv2D(8, 3, padding="same", dilation_rate=2)(y)
    y = layers.Conv2D(8, 3, padding="same", groups=2, activation="relu")(y)
    for how, skip in zip(("nearest", "bilinear"), reversed(kept), strict=True):
        y = layers.UpSampling2D(interpolation=how)(y)
        y = layers.Conv2D(4, 3, padding="same")(layers.Concatenate()([y, skip]))
    y = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(y)
    return keras.Model(x, layers.Conv2D(2, 1, activation="softmax")(layers.Resizing(20, 30)(y)))


def transformer(keras: Any) -> Any:
    """Words, their places, attention, layer normalization."""
    layers = keras.layers
    x = keras.Input((6,), name="words", dtype="int32")
    y = layers.Embedding(9, 8)(x)
    y = y + layers.Embedding(6, 8)(keras.ops.arange(6))
    for _ in range(2):
        y = layers.LayerNormalization()(y + layers.MultiHeadAttention(2, 4)(y, y))
        y = layers.LayerNormalization()(y + layers.Dense(8)(layers.Dense(16, "gelu")(y)))
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(y)))


MODELS: dict[str, Callable[[Any], Any]] = {"segmenter": segmenter, "transformer": transformer}
