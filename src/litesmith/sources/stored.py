"""What a Keras file says about itself, read without Keras: version, backend, input shapes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litesmith.errors import LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.options import Shape
from litesmith.sources.reasons import reason

# What reading a damaged file raises.
_DAMAGE = (
    *(OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError),
    zipfile.BadZipFile,
)
_SHAPE_KEYS = ("batch_input_shape", "batch_shape")


@dataclass(frozen=True)
class Stored:
    """The stored facts.

    Attributes:
        keras_version: None when the file does not say.
        config: the model's configuration, None when the file holds weights only.
        input_shapes: per declared input, None when the configuration does not tell.
        backend: on which it was trained (Keras 1 and 2 ran on others than TensorFlow).
    """

    keras_version: str | None = None
    config: dict[str, Any] | None = None
    input_shapes: tuple[Shape, ...] | None = None
    backend: str | None = None


def read_stored(path: Path, form: SourceFormat) -> Stored:
    """Return what the file says; nothing for formats without a Keras configuration.

    Raises:
        LoadError: the file is damaged.
    """
    reader = {SourceFormat.KERAS: _read_archive, SourceFormat.HDF5: _read_hdf5}.get(form)
    if reader is None:
        return Stored()
    try:
        version, backend, config = reader(path)
        plain = Stored(version, backend=backend)
        return plain if config is None else described(config, plain)
    except _DAMAGE as error:
        raise LoadError(f"{path} is damaged: {reason(error)}.", "Copy or save it again.") from error


def saved_by_keras_3(stored: Stored, form: SourceFormat) -> bool:
    """Return True for files of Keras 3; old HDF5 does not say its version, and is Keras 2's."""
    default = "2" if form is SourceFormat.HDF5 else "3"
    return (stored.keras_version or default).startswith("3")


def described(config: dict[str, Any], file: Stored) -> Stored:
    """Return what is known about a file of weights with the configuration of its model."""
    if not isinstance(config, dict):
        raise ValueError("its configuration is not that of a model")
    version = file.keras_version or _text(config.get("keras_version"))
    backend = file.backend or _text(config.get("backend"))
    try:
        shapes = input_shapes(config)
    except (AttributeError, KeyError, TypeError, IndexError):  # no configuration of a model
        shapes = None
    return Stored(version, config, shapes, backend)


def _read_archive(path: Path) -> tuple[str | None, str | None, dict[str, Any] | None]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in names else {}
        return _text(metadata.get("keras_version")), None, json.loads(archive.read("config.json"))


def _read_hdf5(path: Path) -> tuple[str | None, str | None, dict[str, Any] | None]:
    import h5py

    with h5py.File(path, "r") as file:
        weights = file.get("model_weights")
        places = (file.attrs, weights.attrs if weights is not None else {})
        version, backend = (
            next((_text(p[key]) for p in places if key in p), None)
            for key in ("keras_version", "backend")
        )
        config = file.attrs.get("model_config")
        return version, backend, json.loads(_text(config) or "null")


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return None if value is None else str(value)


def input_shapes(model: Any) -> tuple[Shape, ...] | None:
    """Return the input shapes that a model's configuration declares, in declared order."""
    config = model.get("config") if isinstance(model, dict) else None
    if isinstance(config, list):  # Sequential of Keras 1 and 2.0
        config = {"layers": config}
    if not isinstance(config, dict) or not config.get("layers"):
        return None
    layers = config["layers"]
    if model.get("class_name") == "Sequential":
        shape = _layer_shape(layers[0])
        return (shape,) if shape else input_shapes(layers[0])
    named = {layer.get("name") or layer["config"].get("name"): layer for layer in layers}
    names = list(_layer_names(config.get("input_layers")))
    shapes = [_layer_shape(named[name]) if name in named else None for name in names]
    return tuple(s for s in shapes if s) if names and all(shapes) else None


def _layer_shape(layer: Any) -> Shape | None:
    config = layer.get("config") or {}
    if not isinstance(config, dict):
        return None
    for key in _SHAPE_KEYS:
        shape = config.get(key)
        if isinstance(shape, dict):
            shape = shape.get("items")
        if isinstance(shape, list):
            return tuple(shape)
    return None


def _layer_names(references: Any) -> Iterator[str]:
    """Yield layer names out of `[name, node, tensor]` references in any nesting."""
    if isinstance(references, dict):
        references = list(references.values())
    if not isinstance(references, list):
        return
    if len(references) == 3 and isinstance(references[0], str):
        yield references[0]
        return
    for reference in references:
        yield from _layer_names(reference)


def shapes_differ(stored: tuple[Shape, ...] | None, loaded: tuple[Shape, ...]) -> bool:
    """Return True when loaded inputs cannot be the stored ones (the batch axis is not compared)."""
    if stored is None:
        return False
    return len(stored) != len(loaded) or any(
        len(a) != len(b) or tuple(a[1:]) != tuple(b[1:])
        for a, b in zip(stored, loaded, strict=True)
    )
