"""What every loader returns: a callable with named, ordered inputs and outputs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.options import Shape
from litesmith.sources.state import Named

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
        key: of the signature that the file gets.
        legacy: `call` imports a graph that may hold TF1 control flow, which `tf.function` breaks.
        original: the model as it was loaded, where `call` is a rewritten form of it: tensors in,
            the tensors of `call` out.
        states: once `call` was traced: names for variables that may be state between calls.
    """

    loader: str
    inputs: tuple[TensorSpec, ...]
    call: Callable[[Sequence[Any]], NamedTensors]
    owner: Any
    notes: tuple[str, ...] = ()
    key: str = "serving_default"
    legacy: bool = False
    original: Callable[..., list[Any]] | None = None
    states: Callable[[], Sequence[Named]] = tuple


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


def check_inputs(inputs: Sequence[TensorSpec], wanted: Mapping[str, Shape] | None = None) -> None:
    """Refuse inputs that cannot become tensors of a .tflite.

    Args:
        inputs: with the user's shapes filled in.
        wanted: those shapes; the dimensions that they say to keep open stay open.

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
    unsaid = [s for s in inputs if None in s.shape[1:] and None not in _said(s, wanted)[1:]]
    if unsaid:
        spec, one = unsaid[0], len(unsaid) == 1
        sizes = " ".join(f"--input-shape {s.name}={_suggestion(s.shape)}" for s in unsaid)
        kept = f"{spec.name}={dims((1, *spec.shape[1:]))}"
        raise InputError(
            f"The input '{spec.name}' has unknown dimensions: {dims(spec.shape)}."
            if one
            else "The inputs have unknown dimensions: "
            + ", ".join(f"{s.name} {dims(s.shape)}" for s in unsaid)
            + ".",
            f"Say {'its size' if one else 'their sizes'}: {sizes}, or let the application choose "
            f"{'it' if one else 'them'}: --input-shape {kept}{'' if one else ' …'}",
        )


def _said(spec: TensorSpec, wanted: Mapping[str, Shape] | None) -> Shape:
    return (wanted or {}).get(spec.name, ())


def batch_note(inputs: Sequence[TensorSpec]) -> tuple[str, ...]:
    """Say how a lone axis of unknown size is read: as the batch, not as a length."""
    return tuple(
        f"The input '{spec.name}' is one axis of any size, read as the batch: an example is one "
        f"number. If it is a length: --input-shape {spec.name}=16000"
        for spec in inputs
        if spec.shape == (None,) and spec.dtype == "float32" and len(inputs) == 1
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


def with_batch(spec: TensorSpec, batch: int | None) -> TensorSpec:
    """Return the spec with a batch of that size (None: any) where any number fits."""
    shape = (batch, *spec.shape[1:]) if spec.shape[:1] == (None,) else spec.shape
    return TensorSpec(spec.name, shape, spec.dtype)


def check_batch(inputs: Sequence[TensorSpec], batch: int | None) -> int | None:
    """Return the batch of the file; 1 where the model itself fixes the one that is wanted.

    Raises:
        InputError: an input has no batch axis, or one of another size.
    """
    if batch == 1:
        return 1
    fixed = next((spec for spec in inputs if spec.shape[:1] != (None,)), None)
    if fixed is None:
        return batch
    if batch is not None and all(spec.shape[:1] == (batch,) for spec in inputs):
        return 1
    raise InputError(
        f"The input '{fixed.name}' is {dims(fixed.shape)}: its first axis is not a batch of any "
        "size, which --batch needs.",
        "Leave --batch out, or build the model with a batch of None.",
    )


def some_size(spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape of one invocation, open dimensions of a middling size."""
    return tuple(64 if size is None else size for size in static(spec).shape)
