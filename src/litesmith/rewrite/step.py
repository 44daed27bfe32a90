"""The steps that run families of rules."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litesmith.errors import InputError
from litesmith.graph import Graph
from litesmith.graph.edit import map_graphs
from litesmith.graph.step import Outcome, Progress, silent
from litesmith.rewrite.engine import Family, Log, run
from litesmith.rewrite.families import FAMILIES, INTEGER_FAMILIES, RECURRENT, selected
from litesmith.rewrite.shared_constants import torn, united


@dataclass(frozen=True)
class Rewrite:
    """Fuse and simplify a float graph as far as its meaning allows.

    Attributes:
        without: names of families to leave out.
        recurrent: the form of recurrent layers: "loop", "fused" (targets that need the one op), or
            "auto", what is faster on a CPU; by default what the target needs.
    """

    without: tuple[str, ...] = ()
    recurrent: str = "auto"
    name: str = "rewrite"

    def __post_init__(self) -> None:
        if self.recurrent not in RECURRENT:
            raise InputError(
                f"Recurrent layers have no form '{self.recurrent}'.",
                f"Forms: {', '.join(RECURRENT)}.",
            )
        known = [family.name for family in FAMILIES]
        for name in self.without:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"Did you mean '{near[0]}'? " if near else ""
                raise InputError(
                    f"There is no rewrite '{name}'.", f"{hint}Rewrites: {', '.join(known)}."
                )

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Outcome:
        """Return the simplified graph; `data` is not needed."""
        return apply(graph, [f for f in selected(self.recurrent) if f.name not in self.without])


@dataclass(frozen=True)
class IntegerForms:
    """Write ops without an integer kernel as ops that have one."""

    name: str = "integer_forms"

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Outcome:
        """Return the graph in forms that have integer kernels; `data` is not needed."""
        return apply(graph, INTEGER_FAMILIES)


def apply(graph: Graph, families: Sequence[Family]) -> Outcome:
    """Run families on a graph, and on every graph it calls, to a fixed point."""
    log, result = _run(graph, families, frozenset())
    if shared := torn(graph, result):
        log, result = _run(graph, families, shared)
    declined = tuple(
        f"{family} at '{_place(decline.op.origin)}' ({decline.op.kind}): {decline.why}"
        for family, decline in log.declined
    )
    if not log.fired:
        return Outcome(graph, False, "nothing to simplify", explain=declined)
    before, after = (sum(len(part.ops) for part in g.graphs()) for g in (graph, result))
    fired = ", ".join(f"{count} {name}" for name, count in log.fired.most_common())
    return Outcome(result, True, f"{before} ops became {after}: {fired}", explain=declined)


def _run(graph: Graph, families: Sequence[Family], shared: frozenset[int]) -> tuple[Log, Graph]:
    log = Log()
    result = map_graphs(graph, lambda part: run(part, families, log, shared))
    return log, united(result) if log.fired else graph


def _place(origin: tuple[str, ...]) -> str:
    return origin[0] if origin else "?"
