"""Which loader opens which format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from litesmith.errors import InputError
from litesmith.sources import deadline
from litesmith.sources.detect import SourceFormat
from litesmith.sources.keras_file import load_keras_file
from litesmith.sources.loaded import Loaded, check_inputs, with_shapes
from litesmith.sources.options import Shape
from litesmith.sources.stored import Stored, read_stored
from litesmith.sources.tensorflow import import_tensorflow
from litesmith.sources.vetting import vet

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
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    allow_flex: bool = False
    batch: int | None = 1
    trust: bool = False

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
            inputs=tuple(args["inputs"]),
            outputs=tuple(args["outputs"]),
            cut=tuple(args["cut"]),
            allow_flex=args["allow_flex"],
            batch=args["batch"],
            trust=args.get("trust", False),
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
    from litesmith.sources.ends import refuse_text_outputs, with_ends
    from litesmith.sources.traced import TracedModel

    with deadline.structure():
        vet(request.path, request.form)
        stored = read_stored(request.path, request.form)
    if request.form is SourceFormat.SAVED_MODEL and "," in (request.signature or ""):
        return _load_several(request)
    loaded = _LOADERS[request.form](request, stored)
    request.progress("reading its inputs and outputs")
    own = request.form is SourceFormat.FROZEN_GRAPH  # that loader has seen to its ends
    loaded, shapes = with_ends(
        loaded,
        () if own else request.outputs,
        request.cut,
        request.input_shapes,
        allow_flex=request.allow_flex,
    )
    inputs = with_shapes(loaded.inputs, shapes)
    check_inputs(inputs, shapes)
    model = TracedModel(
        loaded, inputs, stored.keras_version, request.batch, allow_flex=request.allow_flex
    )
    refuse_text_outputs(model.outputs)
    return model


def _load_saved_model(request: LoadRequest, _: Stored) -> Loaded:
    from litesmith.sources.saved_model import from_saved_model

    request.progress("starting TensorFlow")
    tf = import_tensorflow(keras=None)
    request.progress("loading the SavedModel")
    return from_saved_model(request.path, request.signature, tf, request.input_shapes)


def _load_several(request: LoadRequest) -> Opened:
    """Open several signatures of a SavedModel, for one file.

    Raises:
        InputError: options that speak of one of them.
    """
    from litesmith.sources.saved_model import several_of_saved_model
    from litesmith.sources.several import models_of

    keys = list(dict.fromkeys(k.strip() for k in (request.signature or "").split(",") if k.strip()))
    for option, given in (
        ("--outputs", request.outputs), ("--input", request.cut)
    ):  # fmt: skip
        if given:
            raise InputError(
                f"{option} needs one signature, and --signature names {len(keys)}.",
                "Export them one by one.",
            )
    request.progress("starting TensorFlow")
    tf = import_tensorflow(keras=None)
    request.progress("loading the SavedModel")
    loaded = several_of_saved_model(request.path, keys, tf, request.input_shapes)
    return models_of(loaded, request.input_shapes, request.batch, allow_flex=request.allow_flex)


def _load_frozen_graph(request: LoadRequest, _: Stored) -> Loaded:
    from litesmith.sources.frozen_pb import Ends, from_frozen_pb

    request.progress("starting TensorFlow")
    tf = import_tensorflow(keras=None)
    request.progress("loading the frozen graph")
    ends = Ends(request.inputs, request.outputs, request.input_shapes)
    return from_frozen_pb(request.path, ends, tf)


_LOADERS: dict[SourceFormat, Callable[[LoadRequest, Stored], Loaded]] = {
    SourceFormat.KERAS: load_keras_file,
    SourceFormat.HDF5: load_keras_file,
    SourceFormat.SAVED_MODEL: _load_saved_model,
    SourceFormat.FROZEN_GRAPH: _load_frozen_graph,
}
