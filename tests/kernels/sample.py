"""Samples that are more than one op and its operands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litesmith.graph import Graph
from tests.conformance.sample import Sample


@dataclass(frozen=True, eq=False)
class GraphSample(Sample):
    """A graph around an op: with called graphs, with state, with quantized ends.

    Attributes:
        build: makes the graph.
    """

    build: Callable[[], Graph] | None = None

    @property
    def graph(self) -> Graph:
        assert self.build is not None
        return self.build()


def g(kind: str, name: str, build: Callable[[], Graph], **more: float) -> Sample:
    """Return a sample of a graph."""
    return GraphSample(kind, name, (), build=build, **more)  # type: ignore[arg-type]
