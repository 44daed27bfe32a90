"""A repaired copy of a Keras file, opened by one of the two Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from litesmith.errors import LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.keras_attempt import Attempt, load_attempt
from litesmith.sources.loaded import Loaded
from litesmith.sources.reasons import reason
from litesmith.sources.stored import Stored
from litesmith.sources.tensorflow import Keras

if TYPE_CHECKING:
    from litesmith.sources.loaders import LoadRequest
    from litesmith.sources.repair.mend import Mended

_MOST_ROUNDS = 12  # of dropping arguments that a loader calls unknown, a few at a time


def load_repaired(
    keras: Keras, request: LoadRequest, stored: Stored, failures: Mapping[Keras, LoadError]
) -> Loaded:
    """Open a repaired copy; arguments that the loader then calls unknown are dropped in rounds.

    Args:
        keras: who loads it.
        request: what was asked.
        stored: what the file says; it has a configuration.
        failures: why each Keras refused the file as it is.

    Raises:
        LoadError: this Keras opens no repaired copy either.
    """
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
            return load_attempt(Attempt(keras, copied, stored, mended))
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
