"""Keras files (.keras, HDF5): tried as they are by both Keras, then repaired; or built by code."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from litesmith.errors import LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.keras_attempt import Attempt, custom_objects, load_attempt
from litesmith.sources.keras_built import load_built
from litesmith.sources.keras_repaired import load_repaired
from litesmith.sources.lambdas import check_lambdas
from litesmith.sources.loaded import Loaded
from litesmith.sources.reasons import advice, advised
from litesmith.sources.stored import Stored, described, saved_by_keras_3
from litesmith.sources.tensorflow import Keras, import_tensorflow
from litesmith.sources.vetting import refuse_dangerous, refuse_endless

if TYPE_CHECKING:
    from litesmith.sources.loaders import LoadRequest


def load_keras_file(request: LoadRequest, stored: Stored) -> Loaded:
    """Return the model of a `.keras` or HDF5 file.

    Raises:
        LoadError: no loader can open it, repaired or not; one line per loader.
        InputError: the user's code does not do what its option says.
    """
    if request.builder is not None:
        return load_built(request, request.builder, stored)
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
                return load_attempt(Attempt(keras, request, stored))
            except LoadError as error:
                failures[keras] = error
    for keras in order(stored, request.form):
        try:
            return load_repaired(keras, request, stored, failures)
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
    newer = saved_by_keras_3(stored, form)
    return ("keras", "tf_keras") if newer else ("tf_keras", "keras")


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
        return check(given=dict(custom_objects(request.custom_objects)))
