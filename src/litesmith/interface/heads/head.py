"""The noun: a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litesmith.data import Array, TensorSpec
from litesmith.graph import Graph, Op, Tensor


@dataclass(frozen=True)
class Made:
    """What a head puts in place of an output.

    Attributes:
        outputs: (suffix of the name, tensor) each; the suffix "" keeps the name.
        ops: that compute them.
        why: what was done, one clause.
    """

    outputs: tuple[tuple[str, Tensor], ...]
    ops: tuple[Op, ...]
    why: str


@dataclass(frozen=True)
class Head:
    """What the application reads of one output.

    Attributes:
        name: as in `--head`.
        argument: letter of what is written behind "=", "" for none.
        summary: one line for help.
        make: (graph, output tensor, argument) → the new outputs. Raises ConversionError where the
            head does not fit the tensor.
        read: (spec, argument) → specs of the new outputs, in `make`'s order.
        answer: (values (k, *example_shape), argument) → the new outputs' values; NumPy alone.
        seen: the file's values of the new outputs in the form that is compared with `answer`'s.
    """

    name: str
    argument: str
    summary: str
    make: Callable[[Graph, Tensor, float], Made]
    read: Callable[[TensorSpec, float], tuple[TensorSpec, ...]]
    answer: Callable[[Array, float], list[Array]]
    seen: Callable[[Sequence[Array]], list[Array]] = list
