"""One change of one input: in the graph, in NumPy, and in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litesmith.data import Array, TensorSpec
from litesmith.graph import Graph, Op, Tensor
from litesmith.interface.ends import with_input

Wiring = tuple[Tensor, Tensor, tuple[Op, ...]]


@dataclass(frozen=True)
class Change:
    """What stands between what the application feeds and what was fed before.

    Attributes:
        why: what it does, for the report.
        fed: from what was fed before to what is fed now.
        feed: one batch (k, *example_shape) of what is fed now, as what was fed before.
        wire: from the old input to (the new input, what takes the old one's place, ops between).
    """

    why: str
    fed: Callable[[TensorSpec], TensorSpec]
    feed: Callable[[Array], Array]
    wire: Callable[[Tensor], Wiring]


def applied(graph: Graph, position: int, change: Change) -> Graph:
    """Return the graph with one input changed."""
    new, inner, ops = change.wire(graph.inputs[position])
    return with_input(graph, position, new, inner, ops)


def sized(tensor: Tensor, name: str, axes: dict[int, int]) -> Tensor:
    """Return a value like another one, with another name and other sizes along some axes."""
    signature = tensor.shape_signature
    return tensor.with_(
        name=name,
        shape=_replaced(tensor.shape, axes),
        shape_signature=None if signature is None else _replaced(signature, axes),
    )


def _replaced(shape: tuple[int, ...], axes: dict[int, int]) -> tuple[int, ...]:
    return tuple(axes.get(i, size) for i, size in enumerate(shape))
