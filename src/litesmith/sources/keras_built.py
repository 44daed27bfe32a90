"""A model that the user's code builds (`--builder`), with the weights of a Keras file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litesmith.data import load_python, user_code
from litesmith.errors import InputError, LitesmithError, LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.loaded import Loaded
from litesmith.sources.reasons import reason
from litesmith.sources.stored import Stored
from litesmith.sources.tensorflow import import_tensorflow

if TYPE_CHECKING:
    from litesmith.sources.loaders import LoadRequest


def load_built(request: LoadRequest, builder: str, stored: Stored) -> Loaded:
    """Return the model that the user's function builds, with the file's weights.

    Raises:
        InputError: the function returns no model.
        LoadError: the weights are not that model's.
    """
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
