"""What every step that turns a graph into a graph looks like, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from litesmith.graph.model import Graph


@dataclass(frozen=True)
class Notice:
    """Something the user should know although the work went on.

    Attributes:
        code: stable identifier, e.g. "float_op".
        message: one sentence.
        hint: the way on.
    """

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a step did.

    Attributes:
        graph: the result; the input graph itself when the step declined.
        done: False when the step declined.
        why: what was done, or the reason for declining; one clause.
        notices: warnings that belong in the report.
        explain: what the step would have done but for a reason, for `--explain`.
    """

    graph: Graph
    done: bool
    why: str
    notices: tuple[Notice, ...] = ()
    explain: tuple[str, ...] = ()


def silent(fraction: float) -> None:
    """Progress sink that shows nothing."""


Progress = Callable[[float], None]


class Step(Protocol):
    """A frozen dataclass whose fields are its options; calling it maps a graph to a graph."""

    @property
    def name(self) -> str:
        """Name used in reports and recipes."""
        ...

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Outcome:
        """Return the result of the step; `data` are representative examples or None."""
        ...
