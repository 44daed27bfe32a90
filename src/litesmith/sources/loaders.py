"""Which loader opens which format, in which order, and what is said when none does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from litesmith.data import load_python, user_code
from litesmith.errors import InputError, LitesmithError, LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.loaded import Loaded, check_inputs, with_shapes
from litesmith.sources.options import Shape
from litesmith.sources.reasons import reason
from litesmith.sources.stored import Stored, read_stored, shapes_differ
from litesmith.sources.tensorflow import Keras, import_tensorflow

Progress = Callable[[str], None]
_TITLES: dict[Keras, str] = {"keras": "Keras", "tf_keras": "tf_keras"}
_MIXED = "The model was trained in mixed precision; it is computed in float32."
_UNKNOWN = re.compile(
    r"Unknown (?:layer|object|[\w ]*function)[^'\"]*['\"]([\w>.]+)['\"]"
    r"|Could not locate (?:class|function) ['\"]([\w>.]+)['\"]"
)


class Opened(Protocol):
    """A model in the child, whatever its format."""

    def info(self) -> dict[str, Any]:
        """Return loader, inputs and outputs as JSON."""

    def lower(self, progress: Progress) -> bytes:
        """Return the float .tflite."""

    def run(self, batch: list[Any]) -> list[Any]:
        """Return the original outputs for a batch."""


@dataclass(frozen=True)
class LoadRequest:
    """What the child is asked to open; the fields are those of `LoadOptions`."""

    path: Path
    form: SourceFormat
    signature: str | None
    input_shapes: dict[str, Shape]
    custom_objects: tuple[str, ...]
    builder: str | None
    work: Path
    progress: Progress

    @classmethod
    def from_json(cls, args: dict[str, Any], work: Path, progress: Progress) -> LoadRequest:
        """Build the request from a protocol message."""
        return cls(
            path=Path(args["path"]),
            form=SourceFormat(args["form"]),
            signature=args["signature"],
            input_shapes={n: tuple(s) for n, s in args["input_shapes"].items()},
            custom_objects=tuple(args["custom_objects"]),
            builder=args["builder"],
            work=work,
            progress=progress,
        )


def load(request: LoadRequest) -> Opened:
    """Open a model.

    Raises:
        LoadError: no loader can; one line per loader.
        InputError: an option does not fit the model.
        ConversionError: an input is of a kind that no .tflite can have.
    """
    if request.form is SourceFormat.TFLITE:
        from litesmith.sources.tflite_model import TFLiteModel

        return TFLiteModel(request.path.read_bytes(), request.signature)
    from litesmith.sources.traced import TracedModel

    stored = read_stored(request.path, request.form)
    loaded = _LOADERS[request.form](request, stored)
    inputs = with_shapes(loaded.inputs, request.input_shapes)
    check_inputs(inputs)
    request.progress("reading its inputs and outputs")
    return TracedModel(loaded, inputs, stored.keras_version)


def _load_saved_model(request: LoadRequest, _: Stored) -> Loaded:
    from litesmith.sources.saved_model import from_saved_model

    request.progress("starting TensorFlow")
    tf = import_tensorflow(keras=None)
    request.progress("loading the SavedModel")
    return from_saved_model(request.path, request.signature, tf)


def _load_keras_file(request: LoadRequest, stored: Stored) -> Loaded:
    if request.builder is not None:
        return _build(request, request.builder, stored)
    _refuse(request.path, stored)
    failures: list[LoadError] = []
    for keras in order(stored, request.form):
        try:
            return _attempt(keras, request, stored)
        except LoadError as error:
            failures.append(error)
    lines = [failure.message for failure in failures]
    raise LoadError(
        f"No loader can open {request.path}:\n" + "\n".join(f"  {line}" for line in lines),
        _hint(lines),
    ) from failures[0]


_LOADERS: dict[SourceFormat, Callable[[LoadRequest, Stored], Loaded]] = {
    SourceFormat.KERAS: _load_keras_file,
    SourceFormat.HDF5: _load_keras_file,
    SourceFormat.SAVED_MODEL: _load_saved_model,
}


def order(stored: Stored, form: SourceFormat) -> tuple[Keras, Keras]:
    """Return the loaders, the one of the stored version first (old HDF5 does not say: Keras 2)."""
    default = "2" if form is SourceFormat.HDF5 else "3"
    newer = (stored.keras_version or default).startswith("3")
    return ("keras", "tf_keras") if newer else ("tf_keras", "keras")


def _refuse(path: Path, stored: Stored) -> None:
    if stored.config is None:
        raise LoadError(
            f"{path} holds weights only, not the model they belong to.",
            "Say how to build the model: --builder py:file.py:function.",
        )
    if stored.lambdas:
        raise LoadError(
            f"The Lambda layer '{stored.lambdas[0]}' of {path} is Python code inside the file, "
            "which is not run.",
            "Rebuild the model in code (--builder py:file.py:function takes the file's weights), "
            "or replace the Lambda by layers.",
        )


def _attempt(keras: Keras, request: LoadRequest, stored: Stored) -> Loaded:
    from litesmith.sources.keras_model import (
        compute_in_float32,
        from_keras,
        half_precision_layers,
    )

    request.progress(f"starting {_TITLES[keras]}")
    import_tensorflow(keras)
    package = _package(keras)
    title = f"{_TITLES[keras]} {package.__version__}"
    request.progress(f"loading with {title}")
    objects = dict(_custom_objects(request.custom_objects))
    try:
        model = _open(package, request, objects)
        halves = half_precision_layers(model)
        compute_in_float32(halves)
        loaded = from_keras(model, title, request.input_shapes)
    except LitesmithError:
        raise
    except Exception as error:  # the one adapter of both Keras
        raise LoadError(f"{title}: {reason(error)}") from error
    if halves:
        loaded = replace(loaded, notes=(_MIXED,))
    shapes = tuple(spec.shape for spec in loaded.inputs)
    if shapes_differ(stored.input_shapes, shapes):
        raise LoadError(f"{title}: loads inputs {shapes} where the file says {stored.input_shapes}")
    return loaded


def _package(keras: Keras) -> Any:
    if keras == "keras":
        import keras as newer

        return newer
    import tf_keras

    return tf_keras


def _open(package: Any, request: LoadRequest, objects: dict[str, Any]) -> Any:
    suffix = ".keras" if request.form is SourceFormat.KERAS else ".h5"
    path = str(_named(request, suffix))
    with package.utils.custom_object_scope(objects):
        return package.models.load_model(path, compile=False, safe_mode=True)


def _build(request: LoadRequest, builder: str, stored: Stored) -> Loaded:
    """Return the model that the user's function builds, with the file's weights."""
    from litesmith.sources.keras_model import from_keras
    from litesmith.sources.memory import model_title

    request.progress("starting Keras")
    old = stored.keras_version is not None and not stored.keras_version.startswith("3")
    import_tensorflow("tf_keras" if old else "keras")
    request.progress(f"building the model with {builder}")
    with user_code(f"The builder {builder}"):
        model = load_python(builder)()
    title = model_title(model)
    if title is None:
        raise InputError(f"The builder {builder} returned a {type(model).__name__}, not a model.")
    suffix = ".keras" if request.form is SourceFormat.KERAS else ".h5" if old else ".weights.h5"
    try:
        model.load_weights(str(_named(request, suffix)))
    except Exception as error:  # the adapter of both Keras
        raise LoadError(
            f"The weights of {request.path} do not fit the model of {builder}: {reason(error)}",
            "Build exactly the model whose weights were saved.",
        ) from error
    return from_keras(model, title, request.input_shapes)


def _named(request: LoadRequest, suffix: str) -> Path:
    """Return a link with the ending that Keras insists on, whatever the file is called."""
    if request.path.name.endswith(suffix):
        return request.path
    link = request.work / f"model{suffix}"
    if not link.exists():
        link.symlink_to(request.path.resolve())
    return link


def _custom_objects(specs: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for spec in specs:
        spec = spec if spec.startswith("py:") else f"py:{spec}"
        if spec.endswith(".py"):
            module = load_python(f"{spec}:__dict__")
            yield from ((n, v) for n, v in module.items() if callable(v) and n[0] != "_")
        else:
            yield spec.rpartition(":")[2], load_python(spec)


def _hint(reasons: list[str]) -> str:
    for line in reasons:
        found = _UNKNOWN.search(line)
        if found:
            name = (found[1] or found[2]).split(">")[-1]
            return f"Give its code: --custom-objects py:file.py:{name}"
    return (
        "If its layers are your own code: --custom-objects py:file.py:Name; "
        "a model built in code: --builder py:file.py:function; or export it as a SavedModel."
    )
