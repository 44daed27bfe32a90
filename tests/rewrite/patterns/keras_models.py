"""The patterns as users write them: one small Keras model each, lowered as `litesmith export` does.

Usage: python -m tests.rewrite.patterns.keras_models FOLDER [NAME …]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.rewrite.patterns import keras_blocks, keras_chains  # noqa: F401 - they register
from tests.rewrite.patterns.keras_registry import MODELS


def _set_weights(model: Any, random: np.random.Generator) -> None:
    """Give every variable a value that is not trivial; factors stay positive."""
    for layer in model._flatten_layers(include_self=False):
        for weight in [*layer._trainable_variables, *layer._non_trainable_variables]:
            name, shape = weight.name, weight.shape
            if "seed" in name or not str(weight.dtype).startswith("float"):
                continue
            if "variance" in name or name in ("gamma", "scale"):
                weight.assign(random.uniform(0.5, 1.5, shape))
            elif name == "moving_mean" and getattr(layer, "zero_mean", False):
                continue
            else:
                weight.assign(random.normal(0, 0.4, shape))
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()


def lowered(name: str) -> bytes:
    """Return a model's float .tflite, as the converter emits it."""
    import keras

    from litesmith.sources.keras_model import from_keras
    from litesmith.sources.traced import TracedModel

    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = MODELS[name](keras, keras.ops)
    _set_weights(model, np.random.default_rng(3))
    loaded = from_keras(model, "Keras", None)
    return TracedModel(loaded, loaded.inputs, batch=1, allow_flex=False).lower(lambda _: None)


def main(folder: Path, names: list[str]) -> None:
    """Write NAME.tflite for each model."""
    for name in names or MODELS:
        (folder / f"{name}.tflite").write_bytes(lowered(name))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
