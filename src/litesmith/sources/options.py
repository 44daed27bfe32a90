"""What a caller may say about a source, and what a source says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from litesmith.data import TensorSpec

Shape = tuple[int | None, ...]


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True)
class LoadOptions:
    """How to load a model.

    Attributes:
        signature: key of the SavedModel or .tflite signature to export (None: the serving one);
            of a SavedModel also the name of a function, or "a,b" for several in one file.
        input_shapes: full shape per input name, batch axis included; fills unknown dimensions, None
            keeps one open.
        custom_objects: `py:file.py:Name` or `py:module:Name`, classes and functions that the file
            names but does not carry; without `:Name` everything public in the file.
        inputs, outputs: op or tensor names of a frozen graph's ends, () to guess; for other
            formats `outputs` chooses among the outputs, in this order.
        cut: layer, op or tensor names: the model is cut after them, and the application feeds what
            they would compute.
        allow_flex: keep ops that only TensorFlow's own kernels compute ("select TF ops").
        builder: `py:…:name` of a function that builds the model whose weights the file holds.
        batch: examples per invocation of the file, None when the application chooses.
        trust: run Python code that is inside the file (Lambda layers), in the child.
        time_limit_s: seconds that one request (load, lower, run) may take.
        on_progress: called with one short line per stage, from any thread.
    """

    signature: str | None = None
    input_shapes: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    custom_objects: tuple[str, ...] = ()
    builder: str | None = None
    batch: int | None = 1
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    allow_flex: bool = False
    trust: bool = False
    time_limit_s: float = 900.0
    on_progress: Callable[[str], None] = _silent


@dataclass(frozen=True)
class Sibling:
    """A further signature of the same file; inputs and outputs as in `SourceInfo`."""

    key: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class SourceInfo:
    """What was loaded.

    Attributes:
        path: as the user gave it; "" for a model in memory.
        format: a `SourceFormat` value: keras, hdf5, saved_model, frozen_graph, tflite or memory.
        loader: what loaded it, with its version ("Keras 3.15.1").
        keras_version: the version stored in the file, None when there is none.
        size_bytes: bytes on disk (all files of a directory); 0 for a model in memory.
        inputs, outputs: in declared order; an axis of None fits any number of examples.
        notes: sentences the user should read, usually none.
        states: names of the last inputs and outputs, which are state that the application carries.
        siblings: further signatures that go into the same file.
    """

    path: str
    format: str
    loader: str
    keras_version: str | None
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    notes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    siblings: tuple[Sibling, ...] = ()


def specs_to_json(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    """Return specs as the JSON contract writes them."""
    return [{"name": s.name, "shape": list(s.shape), "dtype": s.dtype} for s in specs]


def specs_from_json(items: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    """Invert `specs_to_json`."""
    return tuple(TensorSpec(i["name"], tuple(i["shape"]), i["dtype"]) for i in items)
