"""Dimensions that stay open: fully convolutional models at several sizes, batches, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litesmith.errors import InputError
from tests.sources.recurrent.models import keras_of, lowered, traced, varied

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _fully_convolutional(keras: Any, shape: tuple[int | None, ...] = (None, None, 3)) -> Any:
    layers = keras.layers
    x = keras.Input(shape, name="image")
    y = layers.Conv2D(4, 3, activation="relu")(x)
    y = layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2, padding="same")(y))
    y = layers.UpSampling2D(2)(layers.MaxPooling2D(2)(y))
    return varied(keras.Model(x, layers.Conv2DTranspose(2, 3, strides=2, padding="same")(y)))


def _same(session: Any, model: Any, given: Any, size: int | None = None) -> None:
    np.testing.assert_allclose(
        session.run([given], size)[0], np.asarray(model(given)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_any_size(package: str, batch: int | None) -> None:
    model = _fully_convolutional(keras_of(package))
    session, graph = lowered(traced(model, batch, {"image": (1, None, None, 3)}))
    assert graph.inputs[0].shape_signature == (batch or -1, -1, -1, 3)
    assert min(graph.inputs[0].shape[1:3]) > 8  # loads without being resized first
    for height, width in ((9, 12), (40, 21), (64, 64)):
        given = np.random.default_rng(height).normal(size=(2, height, width, 3)).astype("float32")
        _same(session, model, given, None if batch else 2)


def test_one_side_fixed() -> None:
    model = _fully_convolutional(keras_of("keras"), (None, 20, 3))
    session, graph = lowered(traced(model, shapes={"image": (1, None, 20, 3)}))
    assert graph.inputs[0].shape_signature == (1, -1, 20, 3)
    _same(session, model, np.random.default_rng(0).normal(size=(2, 33, 20, 3)).astype("float32"))


def test_a_size_that_is_said() -> None:
    model = _fully_convolutional(keras_of("keras"))
    session, graph = lowered(traced(model, 2, {"image": (1, 12, 16, 3)}))
    assert graph.inputs[0].shape == (2, 12, 16, 3)
    _same(session, model, np.random.default_rng(0).normal(size=(3, 12, 16, 3)).astype("float32"))


def test_multiples_of_the_stride_are_found() -> None:
    keras = keras_of("keras")
    x = keras.Input((None, None, 1), name="image")
    down = keras.layers.Conv2D(2, 3, strides=16, padding="same")(x)
    up = keras.layers.Conv2DTranspose(1, 3, strides=16, padding="same")(down)
    model = varied(keras.Model(x, keras.layers.Add()([x, up])))  # only multiples of 16 add up
    session, _ = lowered(traced(model, shapes={"image": (1, None, None, 1)}))
    _same(session, model, np.random.default_rng(0).normal(size=(2, 80, 32, 1)).astype("float32"))


def test_both_ways_out_are_said() -> None:
    with pytest.raises(InputError, match="unknown dimensions") as caught:
        traced(_fully_convolutional(keras_of("keras")))
    assert "image=1x224x224x3" in caught.value.hint
    assert "image=1x?x?x3" in caught.value.hint


def test_a_fixed_dimension_cannot_be_opened_or_changed() -> None:
    model = _fully_convolutional(keras_of("keras"), (20, 20, 3))
    _, graph = lowered(traced(model, shapes={"image": (1, None, 20, 3)}))
    assert graph.inputs[0].shape == (1, 20, 20, 3)
    with pytest.raises(InputError, match="cannot be"):
        traced(model, shapes={"image": (1, 24, 20, 3)})


def _flattens(keras: Any) -> Any:
    x = keras.Input((6, 5, 2), name="image")
    y = keras.layers.Conv2D(3, 2)(x)
    y = keras.layers.Reshape((5, 12))(y)
    y = keras.layers.Dense(4)(keras.layers.Flatten()(keras.layers.Permute((2, 1))(y)))
    return varied(keras.Model(x, keras.layers.Softmax()(y)))


@pytest.mark.parametrize("batch", [1, 4, None])
@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_batches(package: str, batch: int | None) -> None:
    model = _flattens(keras_of(package))
    session, graph = lowered(traced(model, batch))
    first = graph.inputs[0]
    assert (first.shape_signature or first.shape)[0] == (-1 if batch is None else batch)
    given = np.random.default_rng(0).normal(size=(6, 6, 5, 2)).astype("float32")
    for size in (1, 2, 5) if batch is None else (None,):
        _same(session, model, given, size)


def test_a_batch_that_the_model_fixes() -> None:
    keras = keras_of("keras")
    x = keras.Input(batch_shape=(4, 3), name="x")
    model = varied(keras.Model(x, keras.layers.Dense(2)(x)))
    for batch in (1, 4):
        _, graph = lowered(traced(model, batch))
        assert graph.inputs[0].shape == (4, 3)
    for other in (2, None):
        with pytest.raises(InputError, match="'x' is 4x3"):
            traced(model, other)
