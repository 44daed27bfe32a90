"""A SavedModel's signature → `Loaded`, with the order of names that the format itself forgets."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError, LoadError
from litesmith.sources.loaded import Loaded, NamedTensors
from litesmith.sources.reasons import reason

_SERVING = "serving_default"


def from_saved_model(path: Path, key: str | None, tf: Any) -> Loaded:
    """Load a SavedModel directory.

    Raises:
        InputError: there is no such signature.
        LoadError: TensorFlow cannot load it, or it has no signature.
    """
    model = _load(path, tf)
    function = _signature(dict(model.signatures), key, path)
    keywords: dict[str, Any] = function.structured_input_signature[1]
    hint_in, hint_out = _declared_order(model, path)
    names = _ordered(list(keywords), hint_in)
    outputs = _ordered(list(function.structured_outputs), hint_out)
    for name, spec in keywords.items():
        if spec.shape.rank is None:
            raise ConversionError(f"The input '{name}' has no known number of dimensions.")
    inputs = tuple(
        TensorSpec(n, tuple(keywords[n].shape.as_list()), keywords[n].dtype.name) for n in names
    )

    def call(tensors: Sequence[Any]) -> NamedTensors:
        result = function(**dict(zip(names, tensors, strict=True)))
        return [(name, result[name]) for name in outputs]

    return Loaded(f"TensorFlow {tf.__version__}", inputs, call, model)


def _load(path: Path, tf: Any) -> Any:
    try:
        return tf.saved_model.load(str(path))
    except Exception as error:
        raise LoadError(
            f"{path} cannot be loaded as a SavedModel: {reason(error)}.",
            "Check that saved_model.pb and variables/ are complete.",
        ) from error


def _signature(signatures: dict[str, Any], key: str | None, path: Path) -> Any:
    if not signatures:
        raise LoadError(
            f"The SavedModel {path} has no signature to export.",
            "Save it with signatures=…, or export the Keras model it came from.",
        )
    known = ", ".join(sorted(signatures))
    if key is None:
        key = _SERVING if _SERVING in signatures or len(signatures) > 1 else next(iter(signatures))
    if key not in signatures:
        raise InputError(
            f"The SavedModel {path} has no signature '{key}'; it has: {known}.",
            "Choose one with --signature KEY.",
        )
    return signatures[key]


def _declared_order(model: Any, path: Path) -> tuple[list[str], list[str]]:
    """Return names of inputs and outputs in the author's order, as far as something tells."""
    inputs, outputs = _keras_metadata(path)
    if not inputs:
        for function in getattr(getattr(model, "serve", None), "concrete_functions", ()):
            return _positional(function.structured_input_signature[0]), []  # Keras 3's export
    return inputs, outputs


def _positional(arguments: Any) -> list[str]:
    """Return names of positional tensors; a stored dict comes back in a random order."""
    if isinstance(arguments, list | tuple):
        return [name for argument in arguments for name in _positional(argument)]
    return [str(arguments.name)] if hasattr(arguments, "name") else []


def _keras_metadata(path: Path) -> tuple[list[str], list[str]]:
    """Read the layer order that Keras 2 stores: the first JSON object is the model's."""
    file = path / "keras_metadata.pb"
    if not file.is_file():
        return [], []
    text = file.read_bytes().decode("utf-8", "ignore")
    try:
        config = json.JSONDecoder().raw_decode(text, text.index("{"))[0].get("config") or {}
    except ValueError:
        return [], []
    return _references(config.get("input_layers")), _references(config.get("output_layers"))


def _references(layers: Any) -> list[str]:
    if isinstance(layers, dict):
        return list(layers)
    return [item[0] for item in layers or [] if isinstance(item, list)]


def _ordered(names: list[str], declared: list[str]) -> list[str]:
    """Return `names` in declared order when that names them all, else in natural order."""
    if set(declared) >= set(names):
        return [name for name in dict.fromkeys(declared) if name in names]
    return sorted(names, key=_natural)


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key by which output_2 comes before output_10."""
    return [(0, int(p)) if p.isdigit() else (1, p) for p in re.split(r"(\d+)", name) if p]
