"""The steps of a run, one after the other."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from litesmith import graph as graphs
from litesmith.data import Examples
from litesmith.forge.ends import beside_states
from litesmith.forge.ledger import Ledger
from litesmith.forge.options import Listener, deaf
from litesmith.forge.original import Original
from litesmith.graph import Graph
from litesmith.graph.signatures import share_constants
from litesmith.interface import ShapeInputs, ShapeOutputs
from litesmith.recipe import step_options
from litesmith.report import StepFacts
from litesmith.rewrite import Rewrite

CALIBRATION_EXAMPLES = 1000


def split(steps: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the leading steps that keep every value exact, and the rest."""
    exact = (Rewrite, ShapeInputs, ShapeOutputs)
    count = next((i for i, step in enumerate(steps) if not isinstance(step, exact)), len(steps))
    return steps[:count], steps[count:]


def lead(
    steps: tuple[Any, ...], graph: Graph, original: Original, ledger: Ledger
) -> tuple[Graph, Original]:
    """Return the float graph that is proved, and the original as that graph is read."""
    for step in steps:
        outcome = _step(beside_states(step, original), graph, None, deaf, ledger)
        if isinstance(step, ShapeOutputs):
            original = original.reading(*outcome.readings)
        graph = outcome.graph
    return graph, original


def apply(
    steps: tuple[Any, ...], graph: Graph, data: Examples | None, listen: Listener, ledger: Ledger
) -> Graph:
    """Return the graph that ships."""
    calibration = None if data is None else data.take(CALIBRATION_EXAMPLES)
    for step in steps:
        graph = _step(step, graph, calibration, listen, ledger).graph
    return graph


def _step(step: Any, graph: Graph, data: Examples | None, listen: Listener, ledger: Ledger) -> Any:
    """Return the outcome of one step, its graph verified, its facts noted."""
    listen("calibrate", 0.0)
    started = time.monotonic()
    outcome = step(graph, data, lambda fraction: listen("calibrate", fraction))
    graphs.verify(outcome.graph)
    ledger.warn(outcome.notices)
    facts = StepFacts(
        step.name,
        step_options(step),
        "done" if outcome.done else "declined",
        outcome.why,
        time.monotonic() - started,
        outcome.explain,
    )
    ledger.note(steps=(*ledger.report.steps, facts))
    if not outcome.graph.siblings:
        return outcome
    return replace(outcome, graph=share_constants(outcome.graph))
