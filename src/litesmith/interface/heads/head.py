"""The nouns: a head, and what it makes of one output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litesmith.data import Array, TensorSpec
from litesmith.graph import Graph, Op, Tensor
from litesmith.interface.translation import Batch


def as_read(spec: TensorSpec) -> tuple[TensorSpec, ...]:
    """Return the one output as it was."""
    return (spec,)


def as_answered(values: Array) -> list[Array]:
    """Return the one output's values as they are."""
    return [values]


def as_seen(answers: Batch, values: Array) -> list[Array]:
    """Return the file's values as they are."""
    return list(answers)


@dataclass(frozen=True)
class Reading:
    """What a head means, in NumPy alone: the oracle of the ops.

    Attributes:
        read: spec of the output → specs of the new ones.
        answer: the original's values (k, *example_shape) → the values of the new outputs.
        seen: (the file's values of the new outputs, the original's values) → the file's values in
            the form in which they are compared with `answer`'s.
    """

    read: Callable[[TensorSpec], tuple[TensorSpec, ...]] = as_read
    answer: Callable[[Array], list[Array]] = as_answered
    seen: Callable[[Batch, Array], list[Array]] = as_seen


@dataclass(frozen=True)
class Made:
    """What a head puts in place of an output.

    Attributes:
        outputs: (suffix of the name, tensor) each; the suffix "" keeps the name.
        ops: that compute them.
        why: what was done, one clause; "" for nothing.
        reading: the same, said independently.
    """

    outputs: tuple[tuple[str, Tensor], ...]
    ops: tuple[Op, ...] = ()
    why: str = ""
    reading: Reading = Reading()


@dataclass(frozen=True)
class Head:
    """What the application reads of one output.

    Attributes:
        name: as in `--head`.
        argument: letter of what is written behind "=", "" for none.
        summary: one line for help.
        make: (graph, output tensor, argument) → what stands in its place. Raises ConversionError
            where the head does not fit the tensor.
    """

    name: str
    argument: str
    summary: str
    make: Callable[[Graph, Tensor, float], Made]
