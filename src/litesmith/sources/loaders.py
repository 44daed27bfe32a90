"""Which loader opens which format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from litesmith.sources.detect import SourceFormat
from litesmith.sources.keras_file import load_keras_file
from litesmith.sources.loaded import Loaded, check_inputs, with_shapes
from litesmith.sources.options import Shape
from litesmith.sources.stored import Stored, read_stored
from litesmith.sources.tensorflow import import_tensorflow

Progress = Callable[[str], None]


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
    return from_saved_model(request.path, request.signature, tf, request.input_shapes)


_LOADERS: dict[SourceFormat, Callable[[LoadRequest, Stored], Loaded]] = {
    SourceFormat.KERAS: load_keras_file,
    SourceFormat.HDF5: load_keras_file,
    SourceFormat.SAVED_MODEL: _load_saved_model,
}
