"""Keras files (.keras, HDF5): tried as they are by both Keras, then repaired; or built by code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litesmith.data import load_python, user_code
from litesmith.errors import InputError, LitesmithError, LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.lambdas import check_lambdas, proved_lambdas
from litesmith.sources.loaded import Loaded
from litesmith.sources.reasons import advice, advised, reason
from litesmith.sources.stored import Stored, described, shapes_differ
from litesmith.sources.tensorflow import Keras, import_tensorflow
from litesmith.sources.vetting import refuse_dangerous, refuse_endless, refuse_imports

if TYPE_CHECKING:
    from litesmith.sources.loaders import LoadRequest
    from litesmith.sources.repair.mend import Mended

_TITLES: dict[Keras, str] = {"keras": "Keras", "tf_keras": "tf_keras"}
_MIXED = "The model was trained in mixed precision; it is computed in float32."
_MOST_ROUNDS = 12  # of dropping arguments that a loader calls unknown, a few at a time


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


def load_keras_file(request: LoadRequest, stored: Stored) -> Loaded:
    """Return the model of a `.keras` or HDF5 file.

    Raises:
        LoadError: no loader can open it, repaired or not; one line per loader.
        InputError: the user's code does not do what its option says.
    """
    if request.builder is not None:
        return _build(request, request.builder, stored)
    beside = None
    if stored.config is None:
        stored, beside = _with_architecture(request.path, stored)
    _refuse(request.path, stored)
    lambdas = _lambdas(request, stored)
    return _with_notes(_first_that_loads(request, stored, beside), (*_said(beside), *lambdas))


def _first_that_loads(request: LoadRequest, stored: Stored, beside: str | None) -> Loaded:
    failures: dict[Keras, LoadError] = {}
    if beside is None and not _misread(stored):
        for keras in order(stored, request.form):
            try:
                return _attempt(Attempt(keras, request, stored))
            except LoadError as error:
                failures[keras] = error
    for keras in order(stored, request.form):
        try:
            return _attempt_repaired(keras, request, stored, failures)
        except LoadError as error:
            failures[keras] = error
    lines = [failure.message for failure in failures.values()]
    raise LoadError(
        f"No loader can open {request.path}:\n" + "\n".join(f"  {advised(line)}" for line in lines),
        advice(lines),
    ) from next(iter(failures.values()))


def _misread(stored: Stored) -> bool:
    """Return True when loaders take the file as it is and get another model, or a dead one."""
    from litesmith.sources.repair.nodes import nodes

    kinds = {node["class_name"] for node in nodes(stored.config)}
    return stored.backend == "theano" or any(kind.startswith("CuDNN") for kind in kinds)


def order(stored: Stored, form: SourceFormat) -> tuple[Keras, Keras]:
    """Return the loaders, the one of the stored version first (old HDF5 does not say: Keras 2)."""
    newer = _saved_by_keras_3(stored, form)
    return ("keras", "tf_keras") if newer else ("tf_keras", "keras")


def _saved_by_keras_3(stored: Stored, form: SourceFormat) -> bool:
    default = "2" if form is SourceFormat.HDF5 else "3"
    return (stored.keras_version or default).startswith("3")


def _with_architecture(path: Path, stored: Stored) -> tuple[Stored, str | None]:
    from litesmith.sources.repair import architecture_beside

    found = architecture_beside(path)
    if found is None:
        return stored, None
    where, config = found
    described_by = described(config, stored)
    return described_by, f"The architecture was read from {where.name}, beside the weights."


def _said(note: str | None) -> tuple[str, ...]:
    return () if note is None else (note,)


def _with_notes(loaded: Loaded, notes: tuple[str, ...]) -> Loaded:
    return replace(loaded, notes=(*notes, *loaded.notes))


def _refuse(path: Path, stored: Stored) -> None:
    if stored.config is None:
        raise LoadError(
            f"{path} holds weights only, not the model they belong to.",
            "Put the model's JSON (model.to_json()) beside it as "
            f"{path.stem.removesuffix('.weights')}.json, or say how to build it: "
            "--builder py:file.py:function.",
        )
    refuse_dangerous(stored.config, path)
    refuse_endless(stored.config, path)


def _lambdas(request: LoadRequest, stored: Stored) -> tuple[str, ...]:
    """Refuse Lambdas that nobody vouches for; return what the others compute."""
    check = partial(
        check_lambdas, stored.config, request.path, stored.keras_version, trust=request.trust
    )
    if not request.custom_objects:
        return check(given={})
    try:
        return check(given={})
    except LoadError:  # the user's code may help; it imports Keras, the right one first
        import_tensorflow(order(stored, request.form)[0])
        return check(given=dict(_custom_objects(request.custom_objects)))


def _attempt_repaired(
    keras: Keras, request: LoadRequest, stored: Stored, failures: dict[Keras, LoadError]
) -> Loaded:
    """Open a repaired copy; arguments that the loader then calls unknown are dropped in rounds."""
    from litesmith.sources.repair import REPAIRS, drop_unknown
    from litesmith.sources.repair.mend import mend, moved_keys

    assert stored.config is not None
    last = failures.get(keras)
    try:
        mended = mend(stored.config, REPAIRS, keras, stored.keras_version)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        damaged = LoadError(f"{request.path} holds a configuration that is no model's.")
        raise last or damaged from error
    try:
        moved = moved_keys(request.path, request.form)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise LoadError(f"{request.path} is damaged: {reason(error)}.") from error
    if last is not None and not mended.notes and not moved:
        note = drop_unknown(str(last.__cause__), mended.config)
        if note is None:
            raise last
        mended.notes.append(note)
    for _ in range(_MOST_ROUNDS):
        try:
            copied = _written(keras, request, mended)
            return _attempt(Attempt(keras, copied, stored, mended))
        except LoadError as error:
            last = error
        note = drop_unknown(str(last.__cause__), mended.config)
        if note is None:
            break
        mended.notes.append(note)
    assert last is not None
    raise last


def _written(keras: Keras, request: LoadRequest, mended: Mended) -> LoadRequest:
    """Return the request for a repaired copy; HDF5 only for the layout that goes by layer names."""
    from litesmith.sources.repair.mend import by_layer_name, write_archive, write_hdf5

    try:
        legacy = request.form is SourceFormat.HDF5 and by_layer_name(request.path)
        form = SourceFormat.HDF5 if legacy else SourceFormat.KERAS
        target = request.work / f"repaired-{keras}{'.h5' if legacy else '.keras'}"
        if legacy:
            write_hdf5(request.path, mended, target)
        else:
            write_archive(request.path, request.form, mended, target)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise LoadError(f"{request.path} is damaged: {reason(error)}.") from error
    return replace(request, path=target, form=form)


def _attempt(attempt: Attempt) -> Loaded:
    from litesmith.sources.keras_model import (
        compute_in_float32,
        from_keras,
        half_precision_layers,
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
    refuse_imports(config, objects, title, request.path)
    _check_sound(attempt, title)
    try:
        model = _open(package, request, stored, objects)
        halves = half_precision_layers(model)
        compute_in_float32(halves)
        repairs = _after(attempt, title, model)
        loaded = from_keras(model, title, request.input_shapes)
    except LitesmithError:
        raise
    except Exception as error:  # the one adapter of both Keras
        raise LoadError(f"{title}: {reason(error)}") from error
    loaded = replace(loaded, notes=(*((_MIXED,) if halves else ()), *repairs))
    shapes = tuple(spec.shape for spec in loaded.inputs)
    if shapes_differ(stored.input_shapes, shapes):
        raise LoadError(f"{title}: loads inputs {shapes} where the file says {stored.input_shapes}")
    return loaded


def _check_sound(attempt: Attempt, title: str) -> None:
    from litesmith.sources.repair.sound import waits_for_ever

    config = attempt.mended.config if attempt.mended else attempt.stored.config
    stuck = waits_for_ever(config) if attempt.keras == "tf_keras" else None
    if stuck is not None:
        raise LoadError(f"{title}: no layer gives the inputs of the layer '{stuck}'")


def _objects(attempt: Attempt, package: Any) -> dict[str, Any]:
    """Return the classes and functions that the file names: well known ones and the user's."""
    from litesmith.sources.repair import known_functions
    from litesmith.sources.repair.tensorflow_ops import CLASS, op_layer

    newer = _saved_by_keras_3(attempt.stored, attempt.request.form)
    config = attempt.mended.config if attempt.mended else attempt.stored.config
    objects = known_functions(config, package, saved_by_keras_3=newer)
    if attempt.mended is not None:
        objects[CLASS] = op_layer(package)
    return objects | dict(_custom_objects(attempt.request.custom_objects))


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
    try:
        notes = _fill(model, request)
    except LitesmithError:
        raise
    except Exception as error:  # the adapter of both Keras
        raise LoadError(
            f"The weights of {request.path} do not fit the model of {builder}: {reason(error)}",
            "Build exactly the model whose weights were saved.",
        ) from error
    return replace(from_keras(model, title, request.input_shapes), notes=notes)


def _fill(model: Any, request: LoadRequest) -> tuple[str, ...]:
    """Load a file's weights, in either layout, into a model; return what was repaired."""
    from litesmith.sources.repair import check_filled
    from litesmith.sources.repair.mend import extract_weights
    from litesmith.sources.repair.weights import stored_weights

    path, notes = extract_weights(request.path, request.form, request.work)
    model.load_weights(str(path))
    weights = stored_weights(path, SourceFormat.HDF5)
    if weights is not None:
        check_filled("The builder's model", model, weights, rearranged=True)
    return notes


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
