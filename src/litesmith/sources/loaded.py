"""What every loader returns: a callable with named, ordered inputs and outputs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.options import Shape

NamedTensors = list[tuple[str, Any]]


@dataclass(frozen=True)
class Loaded:
    """A model in TensorFlow.

    Attributes:
        loader: who loaded it, with version.
        inputs: in declared order; unknown dimensions are None.
        call: (one tensor per input) → (name, tensor) per output in declared order; traceable.
        owner: object that keeps the variables alive.
        notes: sentences the user should read.
    """

    loader: str
    inputs: tuple[TensorSpec, ...]
    call: Callable[[Sequence[Any]], NamedTensors]
    owner: Any
    notes: tuple[str, ...] = ()


def with_shapes(
    inputs: Sequence[TensorSpec], wanted: Mapping[str, Shape]
) -> tuple[TensorSpec, ...]:
    """Return the inputs with the user's shapes filled in.

    The batch axis of a wanted shape replaces the model's only when it says more than 1.

    Raises:
        InputError: an unknown name, another rank, or a size that the model fixes otherwise.
    """
    names = [spec.name for spec in inputs]
    for name in wanted:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            hint = f"Did you mean '{close[0]}'?" if close else f"It has: {', '.join(names)}."
            raise InputError(f"The model has no input '{name}' (--input-shape).", hint)
    return tuple(_fill(spec, wanted[spec.name]) if spec.name in wanted else spec for spec in inputs)


def _fill(spec: TensorSpec, wanted: Shape) -> TensorSpec:
    fits = len(wanted) == len(spec.shape) and all(
        have is None or want is None or have == want
        for have, want in zip(spec.shape[1:], wanted[1:], strict=True)
    )
    if not fits:
        raise InputError(
            f"The input '{spec.name}' is {dims(spec.shape)}; it cannot be {dims(wanted)}.",
            "Give the whole shape with the batch axis, as in --input-shape NAME=1x224x224x3.",
        )
    batch = spec.shape[:1] if wanted[:1] in ((1,), (None,)) else wanted[:1]
    rest = (w if have is None else have for have, w in zip(spec.shape[1:], wanted[1:], strict=True))
    return TensorSpec(spec.name, (*batch, *rest), spec.dtype)


def check_inputs(inputs: Sequence[TensorSpec]) -> None:
    """Refuse inputs that cannot become static tensors of a .tflite.

    Raises:
        InputError: a dimension besides the batch is unknown.
        ConversionError: an element type has no .tflite counterpart.
    """
    for spec in inputs:
        if spec.dtype in ("string", "resource", "variant"):
            raise ConversionError(
                f"The input '{spec.name}' holds {spec.dtype}s, which .tflite kernels cannot read.",
                "Export the part of the model behind the text processing.",
            )
        if None in spec.shape[1:]:
            raise InputError(
                f"The input '{spec.name}' has unknown dimensions: {dims(spec.shape)}.",
                f"Say its size: --input-shape {spec.name}={_suggestion(spec.shape)}",
            )


def dims(shape: Shape) -> str:
    """Return a shape as the command line writes it; ? for any size."""
    return "x".join("?" if size is None else str(size) for size in shape) or "a scalar"


def _suggestion(shape: Shape) -> str:
    usual = 224 if len(shape) == 4 else 128
    return dims((1, *(usual if size is None else size for size in shape[1:])))


def static(spec: TensorSpec) -> TensorSpec:
    """Return the spec of one invocation: a batch of one where any number fits."""
    return (
        TensorSpec(spec.name, (1, *spec.shape[1:]), spec.dtype)
        if spec.shape[:1] == (None,)
        else spec
    )
