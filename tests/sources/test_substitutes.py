"""Every op that is written by others: the same values as TensorFlow's own kernel, a file of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litesmith.runtime import Session
from litesmith.sources.convert import convert
from litesmith.sources.substituted.elementwise import ELEMENTWISE
from litesmith.sources.substituted.structural import STRUCTURAL

pytestmark = pytest.mark.slow  # loads TensorFlow

Build = Callable[[Any, Any], Any]


def _pooled(name: str, padding: str, window: int = 3, step: int = 2) -> Build:
    def build(tf: Any, x: Any) -> Any:
        window_3d, steps = [1, 2, window, 2, 1], [1, 2, step, 1, 1]
        return getattr(tf.raw_ops, name)(input=x, ksize=window_3d, strides=steps, padding=padding)

    return build


def _resized(**options: Any) -> Build:
    return lambda tf, x: tf.image.resize(x, (9, 23), **options)


def _counted(**options: Any) -> Build:
    def build(tf: Any, x: Any) -> Any:
        numbers = tf.cast(tf.abs(x) * 4.0, tf.int32)
        return tf.cast(
            tf.math.bincount(numbers, minlength=6, maxlength=6, axis=-1, **options), tf.float32
        )

    return build


def _inside(function: str) -> Build:
    return lambda tf, x: getattr(tf.math, function)(0.9 * tf.tanh(x))


STRUCTURES: dict[str, tuple[str, Build, tuple[int, ...]]] = {
    "max same": ("MaxPool3D", _pooled("MaxPool3D", "SAME"), (5, 8, 7, 3)),
    "max valid": ("MaxPool3D", _pooled("MaxPool3D", "VALID"), (5, 8, 7, 3)),
    "average same": ("AvgPool3D", _pooled("AvgPool3D", "SAME"), (5, 8, 7, 3)),
    "average valid": ("AvgPool3D", _pooled("AvgPool3D", "VALID"), (5, 8, 7, 3)),
    "bicubic": ("ResizeBicubic", _resized(method="bicubic"), (14, 11, 3)),
    "area": ("ResizeArea", _resized(method="area"), (18, 23, 2)),
    "lanczos": (
        "ScaleAndTranslate",
        _resized(method="lanczos3", antialias=True),
        (24, 40, 3),
    ),
    "antialias": (
        "ScaleAndTranslate",
        _resized(method="bilinear", antialias=True),
        (24, 40, 1),
    ),
    "count": ("DenseBincount", _counted(), (7,)),
    "present": ("DenseBincount", _counted(binary_output=True), (7,)),
}
FUNCTIONS: dict[str, Build] = {
    "Erf": lambda tf, x: tf.math.erf(x),
    "Erfc": lambda tf, x: tf.math.erfc(x),
    "Atan": lambda tf, x: tf.atan(x),
    "Asin": _inside("asin"),
    "Acos": _inside("acos"),
    "Tan": lambda tf, x: tf.tan(0.3 * x),
    "Sinh": lambda tf, x: tf.sinh(x),
    "Cosh": lambda tf, x: tf.cosh(x),
    "Asinh": lambda tf, x: tf.asinh(x),
    "Acosh": lambda tf, x: tf.acosh(1.0 + tf.abs(x)),
    "Atanh": _inside("atanh"),
}


def _hold(build: Build, shape: tuple[int, ...], batch: int | None = 1) -> None:
    import tensorflow as tf

    function = tf.function(lambda x: build(tf, x)).get_concrete_function(
        tf.TensorSpec((batch, *shape), tf.float32)
    )
    x = np.random.default_rng(0).normal(0, 1.5, (4, *shape)).astype(np.float32)
    if batch is None:
        expected = function(tf.constant(x)).numpy()
    else:
        expected = np.concatenate([function(tf.constant(x[i : i + 1])) for i in range(4)])
    (actual,) = Session(convert(function, batch)).run([x], None if batch else 4)
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=2e-6 * np.abs(expected).max())
    assert np.std(actual) > 1e-3


def test_every_row_is_here() -> None:
    assert set(FUNCTIONS) == set(ELEMENTWISE)
    assert {kind for kind, _, _ in STRUCTURES.values()} == set(STRUCTURAL)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    _hold(FUNCTIONS[name], (5, 8))


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("batch", [1, None])
def test_structures(name: str, batch: int | None) -> None:
    _, build, shape = STRUCTURES[name]
    _hold(build, shape, batch)


def test_argmax_of_keras_3() -> None:
    """Before an argmax Keras 3 looks at the sign bits of zeros, by an op that has no kernel."""
    import keras

    _hold(lambda tf, x: tf.cast(keras.ops.argmax(x, axis=-1), tf.float32), (5, 8))


def test_an_op_that_is_fused_is_left_alone() -> None:
    """A GELU stays one op, whose Erf the converter knows."""
    import tensorflow as tf

    from litesmith.graph import read

    function = tf.function(lambda x: tf.nn.gelu(x, approximate=False)).get_concrete_function(
        tf.TensorSpec((1, 8), tf.float32)
    )
    assert [op.kind for op in read(convert(function)).ops] == ["GELU"]
