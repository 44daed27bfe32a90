"""What a pattern is: a small piece of graph that users meet, and the fewest ops it can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litesmith.graph import Graph, Tensor
from tests.support.graphs import Builder, const

Direct = Callable[[Builder], "Tensor | Sequence[Tensor]"]


@dataclass(frozen=True)
class Pattern:
    """One row of the table in docs/rewrites.md.

    Attributes:
        name: also of the Keras model in keras_models.py, where there is one.
        title: what users call it.
        ops: kinds of the ops that are left, as often as they occur.
        why: why it cannot be fewer.
        direct: makes the graph as the converter emits it.
    """

    name: str
    title: str
    ops: str
    why: str
    direct: Direct | None = None

    @property
    def minimum(self) -> Counter[str]:
        """What must be left."""
        return Counter(self.ops.split())

    def graph(self) -> Graph:
        """Return the graph as the converter emits it."""
        assert self.direct is not None
        b = Builder(sum(map(ord, self.name)))
        made = self.direct(b)
        return b.graph(*([made] if isinstance(made, Tensor) else made))

    def row(self) -> str:
        """Return the pattern as a row of a Markdown table."""
        left = ", ".join(
            f"{count} {kind}" if count > 1 else kind for kind, count in self.minimum.items()
        )
        return f"| {self.title} | {self.minimum.total()} | {left} | {self.why} |"


def reshape(b: Builder, x: Tensor, *shape: int) -> Tensor:
    return b.op("RESHAPE", x, const(list(shape)), new_shape=shape)  # type: ignore[no-any-return]


def transpose(b: Builder, x: Tensor, *order: int) -> Tensor:
    return b.op("TRANSPOSE", x, const(list(order)))  # type: ignore[no-any-return]


def number(b: Builder, kind: str, x: Tensor, value: float, **fields: int) -> Tensor:
    """Return kind(x, value) for one number."""
    return b.op(kind, x, const(float(value)), **fields)  # type: ignore[no-any-return]


def mean(b: Builder, x: Tensor, *axes: int, keep: bool = False) -> Tensor:
    return b.op("MEAN", x, const(list(axes)), keep_dims=keep)  # type: ignore[no-any-return]
