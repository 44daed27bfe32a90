"""Which tensor of the annotated graph is a form of which tensor of the float graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from litesmith.errors import InputError
from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.facts import FACTS

_MATCHED = frozenset({"ADD", "MEAN", "BATCH_MATMUL"})


@dataclass(frozen=True)
class Pair:
    """The same op in both graphs."""

    teacher: Op
    student: Op

    @property
    def linear(self) -> bool:
        """True for ops with weights."""
        row = FACTS.get(self.student.kind)
        return row is not None and row.weights is not None

    @property
    def matched(self) -> bool:
        """True where the student's result should be the teacher's, the output apart."""
        return self.linear or self.student.kind in _MATCHED

    def tensors(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (teacher's, student's) results."""
        return zip(self.teacher.outputs, self.student.outputs, strict=True)


def pairs(teacher: Graph, student: Graph) -> tuple[Pair, ...]:
    """Return the ops of both graphs side by side; QUANTIZE marks stand in the student alone.

    Raises:
        InputError: the graphs are not the same.
    """
    ours = [op for op in student.ops if op.kind != "QUANTIZE"]
    theirs = [op for op in teacher.ops if op.kind != "QUANTIZE"]
    if [op.kind for op in ours] != [op.kind for op in theirs]:
        raise InputError("The graph to train and the one that teaches are not the same network.")
    return tuple(Pair(a, b) for a, b in zip(theirs, ours, strict=True))
