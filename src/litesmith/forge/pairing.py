"""Which input of one model goes with which of another, and what one example is for both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from litesmith.data import TensorSpec
from litesmith.errors import InputError
from litesmith.sources import SourceInfo, one_each

Specs = Sequence[TensorSpec]


@dataclass(frozen=True)
class Pairing:
    """Two models that take the same examples.

    Attributes:
        inputs: of one example, in the first model's order.
        order: per input of the second model, its position among `inputs`.
    """

    inputs: tuple[TensorSpec, ...]
    order: tuple[int, ...]


def pair(first: SourceInfo, second: SourceInfo) -> Pairing:
    """Match the inputs by name, else by position; files for N examples at a time with others.

    Raises:
        InputError: the models do not take the same examples.
    """
    if len(first.inputs) != len(second.inputs):
        raise InputError(
            f"The first model has {len(first.inputs)} inputs, the second {len(second.inputs)}."
        )
    names = [spec.name for spec in first.inputs]
    same = set(names) == {spec.name for spec in second.inputs}
    order = tuple(names.index(s.name) if same else i for i, s in enumerate(second.inputs))
    for a, b in _readings(first, second):
        if _misfit(a, b, order) is None:
            return Pairing(tuple(a), order)
    misfit = _misfit(first.inputs, second.inputs, order)
    assert misfit is not None
    raise misfit


def _readings(first: SourceInfo, second: SourceInfo) -> Iterator[tuple[Specs, Specs]]:
    """Yield what examples of the two may be, as they are declared first."""
    for b in _readings_of(second):
        for a in _readings_of(first):
            yield a, b


def _readings_of(info: SourceInfo) -> list[Specs]:
    """Return the inputs and, for a file that keeps N examples apart, those of one of the N."""
    single = one_each(info.inputs) if info.format == "tflite" else None
    several = one_each((*info.inputs, *info.outputs))
    return [info.inputs] if single is None or several is None else [info.inputs, single]


def _misfit(first: Specs, second: Specs, order: Sequence[int]) -> InputError | None:
    for place, spec in zip(order, second, strict=True):
        if not _fits(first[place].example_shape, spec.example_shape):
            return InputError(
                f"The first model's input '{first[place].name}' takes examples of shape "
                f"{first[place].example_shape}, the second's '{spec.name}' {spec.example_shape}."
            )
    return None


def _fits(a: Sequence[int | None], b: Sequence[int | None]) -> bool:
    return len(a) == len(b) and all(
        x is None or y is None or x == y for x, y in zip(a, b, strict=True)
    )
