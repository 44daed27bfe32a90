"""Where Keras models register by the name of their pattern."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Build = Callable[[Any, Any], Any]
MODELS: dict[str, Build] = {}


def model(name: str) -> Callable[[Build], Build]:
    def kept(build: Build) -> Build:
        MODELS[name] = build
        return build

    return kept


def chain(name: str, shape: tuple[int, ...], layers: Callable[[Any], list[Any]]) -> None:
    """Add a model that is a chain of layers."""

    def build(keras: Any, ops: Any) -> Any:
        return keras.Sequential([keras.Input(shape), *layers(keras.layers)])

    MODELS[name] = build


IMAGE, WIDE, VECTOR, SEQUENCE = (8, 8, 4), (8, 8, 8), (12,), (10, 6)


def bn(layers: Any, **more: Any) -> Any:
    return layers.BatchNormalization(**more)
