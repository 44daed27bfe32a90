"""Random statistics: everything moves, outputs vary, a model that does not vary is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.applications_table import FAMILIES, available, build, preprocess
from benchmarks.common import natural_images
from benchmarks.random_statistics import assert_varies, randomize


def constant_weights(model: Any) -> list[str]:
    return [
        weight.path
        for weight in model.weights
        if len(weight.shape) and np.prod(weight.shape) > 3 and np.asarray(weight).std() == 0
    ]


def test_a_fresh_model_is_refused() -> None:
    import keras

    model = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3))
    images = preprocess(natural_images(4, 32), "tf")
    with pytest.raises(ValueError, match="outputs vary by"):
        assert_varies(model, images)


def test_every_statistic_moves_and_logits_have_unit_spread() -> None:
    model = build("MobileNetV2", 64)
    images = preprocess(natural_images(16, 64, seed=5), "tf")
    logits = np.asarray(model(images))
    assert constant_weights(model) == []
    assert 0.5 < logits.std(axis=0).mean() < 2
    assert len(set(logits.argmax(axis=1))) > 4


def test_the_same_seed_gives_the_same_model() -> None:
    first, second = (build("MobileNet", 32, seed=3).get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_nested_and_dense_models() -> None:
    import keras
    from keras import layers

    inner = keras.Sequential([layers.Input((6,)), layers.Dense(5, activation="relu")])
    outer = keras.Sequential([layers.Input((6,)), inner, layers.Dense(3, activation="softmax")])
    randomize(outer, np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32))
    assert constant_weights(outer) == []
    assert "call" not in vars(inner.layers[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAMILIES))
def test_every_family_varies(name: str) -> None:
    if name not in available():
        pytest.skip(f"this Keras has no {name}")
    family = FAMILIES[name]
    model = build(name, family.small)
    images = preprocess(natural_images(16, family.small, seed=5), family.preprocess)
    assert assert_varies(model, images) > 0.1
    assert constant_weights(model) == []
