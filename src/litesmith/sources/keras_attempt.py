"""One way to open a Keras file: by one of the two Keras, as it is or as a repaired copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litesmith.data import load_python
from litesmith.errors import LitesmithError, LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.keras_packages import import_packages
from litesmith.sources.lambdas import proved_lambdas
from litesmith.sources.loaded import Loaded
from litesmith.sources.reasons import reason
from litesmith.sources.stored import Stored, saved_by_keras_3, shapes_differ
from litesmith.sources.tensorflow import Keras, import_tensorflow
from litesmith.sources.vetting import refuse_imports, waits_for_ever

if TYPE_CHECKING:
    from litesmith.sources.loaders import LoadRequest
    from litesmith.sources.repair.mend import Mended

_TITLES: dict[Keras, str] = {"keras": "Keras", "tf_keras": "tf_keras"}
_MIXED = "The model was trained in mixed precision; it is computed in float32."
_QUANTIZED = (
    "Keras quantized this model; its weights are expanded, and activations, which it rounds as it "
    "runs, stay float."
)


@dataclass(frozen=True)
class Attempt:
    """One way to open a Keras file.

    Attributes:
        keras: who loads it.
        request: what was asked; its path is that of the repaired copy where there is one.
        stored: what the user's file says.
        mended: what was repaired, None for the file as it is.
    """

    keras: Keras
    request: LoadRequest
    stored: Stored
    mended: Mended | None = None


def load_attempt(attempt: Attempt) -> Loaded:
    """Return the model, complete where it was repaired, with the inputs that the file declares.

    Raises:
        LoadError: this Keras cannot open it so.
    """
    from litesmith.sources.keras_model import (
        compute_in_float32,
        from_keras,
        half_precision_layers,
        keep_activations_float,
        other_precision,
    )

    request, stored = attempt.request, attempt.stored
    name = _TITLES[attempt.keras]
    request.progress(f"starting {name}")
    import_tensorflow(attempt.keras)
    package = _package(attempt.keras)
    title = f"{name} {package.__version__}"
    request.progress(f"loading {'a repaired copy ' if attempt.mended else ''}with {title}")
    objects = _objects(attempt, package)
    config = attempt.mended.config if attempt.mended else stored.config
    packages = import_packages(config, attempt.keras, title)
    known = {*objects, *package.utils.get_custom_objects()}
    refuse_imports(config, known, title, request.path, packages)
    _check_sound(attempt, title)
    try:
        model = _open(package, request, stored, objects)
        halves = half_precision_layers(model)
        compute_in_float32(halves)
        quantized = keep_activations_float(model)
        repairs = _after(attempt, title, model)
        loaded = from_keras(model, title, request.input_shapes)
    except LitesmithError:
        raise
    except Exception as error:  # the one adapter of both Keras
        raise LoadError(f"{title}: {reason(error)}") from error
    other = other_precision(model) if attempt.mended is None else ""
    if other:
        raise LoadError(f"{title}: its layers compute in {other}, for which there are no kernels")
    notes = (*((_MIXED,) if halves else ()), *((_QUANTIZED,) if quantized else ()), *repairs)
    loaded = replace(loaded, notes=notes)
    shapes = tuple(spec.shape for spec in loaded.inputs)
    if shapes_differ(stored.input_shapes, shapes):
        raise LoadError(f"{title}: loads inputs {shapes} where the file says {stored.input_shapes}")
    return loaded


def _check_sound(attempt: Attempt, title: str) -> None:
    config = attempt.mended.config if attempt.mended else attempt.stored.config
    stuck = waits_for_ever(config, from_one=True) if attempt.keras == "tf_keras" else None
    if stuck is not None:
        raise LoadError(f"{title}: no layer gives the inputs of the layer '{stuck}'")


def _objects(attempt: Attempt, package: Any) -> dict[str, Any]:
    """Return the classes and functions that the file names: well known ones and the user's."""
    from litesmith.sources.repair import known_functions
    from litesmith.sources.repair.tensorflow_ops import CLASS, op_layer

    newer = saved_by_keras_3(attempt.stored, attempt.request.form)
    config = attempt.mended.config if attempt.mended else attempt.stored.config
    objects = known_functions(config, package, saved_by_keras_3=newer)
    if attempt.mended is not None:
        objects[CLASS] = op_layer(package)
    return objects | _as_registered(config, dict(custom_objects(attempt.request.custom_objects)))


def _as_registered(config: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return the user's objects, also under the names by which the file has them registered.

    `my_package>Block` may come from a decorator that the code at hand does not have.
    """
    from litesmith.sources.repair.nodes import objects

    also = {
        node["registered_name"]: given[node["class_name"]]
        for node in objects(config)
        if node["class_name"] in given and isinstance(node.get("registered_name"), str)
    }
    return also | given


def _after(attempt: Attempt, title: str, model: Any) -> tuple[str, ...]:
    """Check that a repaired load is complete; return what was repaired."""
    if attempt.mended is None:
        return ()
    from litesmith.sources.repair import check_filled
    from litesmith.sources.repair.kernels import NOTE, flip_kernels
    from litesmith.sources.repair.weights import stored_weights

    weights = stored_weights(attempt.request.path, attempt.request.form)
    if weights is not None:
        check_filled(title, model, weights, rearranged=attempt.mended.rearranged)
    flipped = attempt.stored.backend == "theano" and flip_kernels(model)
    return (*attempt.mended.notes, *((NOTE,) if flipped else ()))


def _package(keras: Keras) -> Any:
    if keras == "keras":
        import keras as newer

        return newer
    import tf_keras

    return tf_keras


def _open(package: Any, request: LoadRequest, stored: Stored, objects: dict[str, Any]) -> Any:
    suffix = ".keras" if request.form is SourceFormat.KERAS else ".h5"
    path = str(_named(request, suffix))
    code = proved_lambdas(package, objects, stored.keras_version, trust=request.trust)
    if suffix == ".h5" and package.__name__ == "keras":
        from litesmith.sources.keras_operations import operations

        objects = {**operations(), **objects}
    with package.utils.custom_object_scope(objects), code:
        return package.models.load_model(path, compile=False, safe_mode=not request.trust)


def _named(request: LoadRequest, suffix: str) -> Path:
    """Return a link with the ending that Keras insists on, whatever the file is called."""
    if request.path.name.endswith(suffix):
        return request.path
    link = request.work / f"model{suffix}"
    if not link.exists():
        link.symlink_to(request.path.resolve())
    return link


def custom_objects(specs: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the names and objects of `--custom-objects`; all public ones of a file or module."""
    for spec in specs:
        spec = spec if spec.startswith("py:") else f"py:{spec}"
        if spec.endswith(".py") or ":" not in spec.removeprefix("py:"):
            module = load_python(f"{spec}:__dict__")
            yield from ((n, v) for n, v in module.items() if callable(v) and n[0] != "_")
        else:
            yield spec.rpartition(":")[2], load_python(spec)
