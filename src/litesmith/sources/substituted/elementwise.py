"""Functions of one number that .tflite lacks, by those that it has.

atan2, sin, cos, exp, log and sqrt have kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# erf(x) = x P(x²)/Q(x²) on [-4, 4], highest power first: the minimax quotient of Eigen's and XLA's
# float32 kernels (a few units in the last place).
_ERF_P = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
    -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
)  # fmt: skip
_ERF_Q = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
    -1.42647390514189e-02,
)  # fmt: skip


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def _erf(tf: Any, x: Any) -> Any:
    x = tf.clip_by_value(x, -4.0, 4.0)
    square = x * x
    return x * _polynomial(square, _ERF_P) / _polynomial(square, _ERF_Q)


def _erfc(tf: Any, x: Any) -> Any:
    return 1.0 - _erf(tf, x)


def _atan(tf: Any, x: Any) -> Any:
    return tf.math.atan2(x, tf.ones_like(x))


def _asin(tf: Any, x: Any) -> Any:
    return tf.math.atan2(x, tf.sqrt((1.0 - x) * (1.0 + x)))


def _acos(tf: Any, x: Any) -> Any:
    return tf.math.atan2(tf.sqrt((1.0 - x) * (1.0 + x)), x)


def _tan(tf: Any, x: Any) -> Any:
    return tf.sin(x) / tf.cos(x)


def _sinh(tf: Any, x: Any) -> Any:
    return 0.5 * (tf.exp(x) - tf.exp(-x))


def _cosh(tf: Any, x: Any) -> Any:
    return 0.5 * (tf.exp(x) + tf.exp(-x))


def _asinh(tf: Any, x: Any) -> Any:
    size = tf.abs(x)
    return tf.sign(x) * tf.math.log(size + tf.sqrt(size * size + 1.0))


def _acosh(tf: Any, x: Any) -> Any:
    return tf.math.log(x + tf.sqrt((x - 1.0) * (x + 1.0)))


def _atanh(tf: Any, x: Any) -> Any:
    return 0.5 * tf.math.log((1.0 + x) / (1.0 - x))


def _of_tensors(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def make(_: Any, x: Any) -> Any:
        import tensorflow as tf

        return function(tf, x)

    return make


ELEMENTWISE: dict[str, Callable[[Any, Any], Any]] = {
    name: _of_tensors(function)
    for name, function in {
        "Erf": _erf,
        "Erfc": _erfc,
        "Atan": _atan,
        "Asin": _asin,
        "Acos": _acos,
        "Tan": _tan,
        "Sinh": _sinh,
        "Cosh": _cosh,
        "Asinh": _asinh,
        "Acosh": _acosh,
        "Atanh": _atanh,
    }.items()
}
