"""Proved Lambdas as layers of either Keras, and the loading scope that puts them in place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from litesmith.sources.lambdas.body import BodyError
from litesmith.sources.lambdas.evaluate import compute
from litesmith.sources.lambdas.functions import resolver
from litesmith.sources.lambdas.proof import Proof, prove, stored_lambda
from litesmith.sources.lambdas.trust import function_of

_NOTHING: Mapping[str, Any] = MappingProxyType({})
# Of the layer itself; the rest of a Lambda's configuration is its function.
_KEPT = ("name", "trainable", "dtype")


def replacement(
    config: Mapping[str, Any],
    package: Any,
    given: Mapping[str, Any] = _NOTHING,
    keras_version: str | None = None,
) -> tuple[Any | None, str]:
    """Return a layer that computes what a Lambda computes, and how that reads.

    Args:
        config: the Lambda's stored `config`.
        package: the module `keras` or `tf_keras`.
        given: the user's objects by name.
        keras_version: as stored in the file.

    Returns:
        (layer, its body as text), or (None, why nothing was proved).
    """
    try:
        proof = prove(config, given, keras_version)
    except BodyError as error:
        return None, str(error)
    return _layer(proof, config, package, given), proof.text


def _layer(proof: Proof, config: Mapping[str, Any], package: Any, given: Mapping[str, Any]) -> Any:
    kept = {key: config[key] for key in _KEPT if config.get(key) is not None}
    if package.__name__ == "tf_keras" and config.get("batch_input_shape"):
        kept["batch_input_shape"] = tuple(config["batch_input_shape"])
    find = resolver(package, given)

    class ProvedLambda(package.layers.Layer):  # type: ignore[misc]
        """A layer without weights whose body was read out of a Lambda."""

        def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
            return compute(proof.body, inputs, find)

        def compute_mask(self, inputs: Any, mask: Any = None) -> None:
            return None  # as Lambda: a mask ends here

    return ProvedLambda(**kept)


@contextlib.contextmanager
def proved_lambdas(
    package: Any,
    given: Mapping[str, Any] = _NOTHING,
    keras_version: str | None = None,
    *,
    trust: bool = False,
) -> Iterator[None]:
    """Let Lambdas that are loaded inside become layers with their proved bodies.

    Those that cannot be proved are left to Keras, which refuses them in safe mode.

    Args:
        package: the module `keras` or `tf_keras`.
        given: the user's objects by name.
        keras_version: as stored in the file.
        trust: run the byte code of the others.
    """
    original = package.layers.Lambda.__dict__["from_config"]

    def from_config(cls: Any, config: Any, *more: Any, **options: Any) -> Any:
        layer, _ = replacement(config, package, given, keras_version)
        if layer is None and trust:
            layer = trusted(config, package, given)
        return layer if layer is not None else original.__func__(cls, config, *more, **options)

    package.layers.Lambda.from_config = classmethod(from_config)
    try:
        yield
    finally:
        package.layers.Lambda.from_config = original


def trusted(config: Mapping[str, Any], package: Any, given: Mapping[str, Any]) -> Any | None:
    """Return a Lambda that runs its stored byte code; None when its function is only named."""
    stored = stored_lambda(config)
    if stored.code is None:
        return None
    kept = {key: config[key] for key in _KEPT if config.get(key) is not None}
    function = function_of(stored, package, given)
    return package.layers.Lambda(function, arguments=dict(stored.arguments), **kept)
