"""Functions that files name and that the loading Keras lacks, or gives another meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def _relu6(tf: Any, x: Any) -> Any:
    return tf.nn.relu6(x)


def _hard_swish(tf: Any, x: Any) -> Any:
    return x * tf.nn.relu6(x + 3.0) / 6.0


def _swish(tf: Any, x: Any) -> Any:
    return x * tf.sigmoid(x)


def _mish(tf: Any, x: Any) -> Any:
    return x * tf.tanh(tf.math.softplus(x))


def _hard_sigmoid_2(tf: Any, x: Any) -> Any:
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sigmoid_3(tf: Any, x: Any) -> Any:
    return tf.nn.relu6(x + 3.0) / 6.0


# Everyone who defined a function of this name meant this.
_KNOWN: dict[str, Callable[[Any, Any], Any]] = {
    "relu6": _relu6,
    "hard_swish": _hard_swish,
    "hswish": _hard_swish,
    "h_swish": _hard_swish,
    "Hswish": _hard_swish,
    "swish": _swish,
    "Swish": _swish,
    "silu": _swish,
    "mish": _mish,
    "Mish": _mish,
}


def known_functions(config: Any, package: Any, *, saved_by_keras_3: bool) -> dict[str, Any]:
    """Return what this Keras needs to be told: name → function, of those that the file names.

    `hard_sigmoid` is 0.2 x + 0.5 in Keras 1 and 2 and x/6 + 0.5 in Keras 3: who saved decides.
    """
    import tensorflow as tf

    named = set(_strings(config))
    needed = {n: f for n, f in _KNOWN.items() if n in named and not _has(package, n)}
    loads_with_keras_3 = package.__name__ == "keras"
    if "hard_sigmoid" in named and loads_with_keras_3 != saved_by_keras_3:
        needed["hard_sigmoid"] = _hard_sigmoid_3 if saved_by_keras_3 else _hard_sigmoid_2
    return {name: _bound(name, meaning, tf) for name, meaning in needed.items()}


def _bound(name: str, meaning: Callable[[Any, Any], Any], tf: Any) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        return meaning(tf, x)

    function.__name__ = name
    return function


def _has(package: Any, name: str) -> bool:
    try:
        return callable(package.activations.get(name))
    except (ValueError, TypeError):
        return False


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
