"""The steps of a run, one after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from litesmith import graph as graphs
from litesmith.data import Examples
from litesmith.forge import train
from litesmith.forge.ends import beside_states
from litesmith.forge.ledger import Ledger
from litesmith.forge.options import Listener, deaf
from litesmith.forge.original import Original
from litesmith.forge.train import Lesson
from litesmith.graph import Graph
from litesmith.graph.signatures import share_constants
from litesmith.graph.step import Outcome, Progress, silent
from litesmith.interface import ShapeInputs, ShapeOutputs
from litesmith.quantize import Quantize
from litesmith.recipe import step_options
from litesmith.report import StepFacts
from litesmith.rewrite import Rewrite
from litesmith.train.step import Train

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
    steps: tuple[Any, ...],
    graph: Graph,
    data: Examples | None,
    listen: Listener,
    ledger: Ledger,
    lesson: Lesson | None = None,
) -> Graph:
    """Return the graph that ships; a step that trains is carried out with the one before it."""
    calibration = None if data is None else data.take(CALIBRATION_EXAMPLES)
    for step in steps:
        if isinstance(step, Quantize):
            graph = _quantized(step, graph, calibration, listen, ledger, lesson)
        elif not isinstance(step, Train):
            graph = _step(step, graph, calibration, listen, ledger).graph
    return graph


@dataclass(frozen=True)
class Quantized:
    """What became of a graph that was quantized, and trained where there is a lesson.

    Attributes:
        outcome: of the step that quantizes; its notices are those of training too.
        facts: of the step, and of the one that trains.
    """

    outcome: Outcome
    facts: tuple[StepFacts, ...]


def quantized(
    step: Quantize,
    graph: Graph,
    data: Examples | None,
    lesson: Lesson | None,
    progress: Progress = silent,
) -> Quantized:
    """Return a float graph quantized, verified.

    Raises:
        LitesmithError: what the step and the training raise.
    """
    started = time.monotonic()
    if lesson is None:
        outcome = step(graph, data, progress)
        more: tuple[StepFacts, ...] = ()
    else:
        made = train.made(step, graph, data, lesson, progress)
        outcome = replace(made.outcome, notices=(*made.outcome.notices, *made.notices))
        more = (made.facts,)
    graphs.verify(outcome.graph)
    seconds = time.monotonic() - started - sum(one.seconds for one in more)
    return Quantized(outcome, (_facts(step, outcome, seconds), *more))


def _quantized(
    step: Quantize,
    graph: Graph,
    data: Examples | None,
    listen: Listener,
    ledger: Ledger,
    lesson: Lesson | None,
) -> Graph:
    listen("calibrate", 0.0)
    found = quantized(step, graph, data, lesson, lambda part: listen("calibrate", part))
    ledger.warn(found.outcome.notices)
    ledger.note(steps=(*ledger.report.steps, *found.facts))
    result = found.outcome.graph
    return share_constants(result) if result.siblings else result


def _facts(step: Any, outcome: Outcome, seconds: float) -> StepFacts:
    done = "done" if outcome.done else "declined"
    return StepFacts(step.name, step_options(step), done, outcome.why, seconds, outcome.explain)


def _step(step: Any, graph: Graph, data: Examples | None, listen: Listener, ledger: Ledger) -> Any:
    """Return the outcome of one step, its graph verified, its facts noted."""
    listen("calibrate", 0.0)
    started = time.monotonic()
    outcome = step(graph, data, lambda fraction: listen("calibrate", fraction))
    graphs.verify(outcome.graph)
    ledger.warn(outcome.notices)
    facts = _facts(step, outcome, time.monotonic() - started)
    ledger.note(steps=(*ledger.report.steps, facts))
    if not outcome.graph.siblings:
        return outcome
    return replace(outcome, graph=share_constants(outcome.graph))
