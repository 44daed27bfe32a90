"""A missed budget: ops get more bits, what buys most first, until the real file keeps it.

Which ops is decided on the representative examples alone; the verdict (the score on --eval, else
the agreement) is asked of each candidate as a whole, some three of them, and never picks an op.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from litesmith import graph as graphs
from litesmith.data import Examples
from litesmith.errors import ConversionError
from litesmith.forge.budget import Verdict
from litesmith.forge.ledger import Ledger
from litesmith.forge.options import Listener
from litesmith.forge.steps import CALIBRATION_EXAMPLES
from litesmith.graph import Graph, Op
from litesmith.graph.step import Outcome
from litesmith.quantize import Quantize, find_scheme
from litesmith.quantize.schemes import FLOAT_BITS
from litesmith.quantize.sensitivity import (
    Bits,
    Sensitivity,
    Subject,
    measure,
    names_of,
    raise_until,
    rungs,
)
from litesmith.quantize.step import Prepared
from litesmith.recipe import step_options
from litesmith.report import OpCost, Report, StepFacts

# What of the error on the examples a candidate must leave, as part of what the budget leaves of
# the loss: the first guess, and how much less after each miss.
_FIRST, _TIGHTER = 0.5, 0.2
_ATTEMPTS = 3
_LEAST_SHARE = 0.002
_MOST_FLOAT = 0.5  # of the ops; with more, a scheme with float activations serves better

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate(Generic[T]):
    """A file that was proved, and what was found.

    Attributes:
        proved: the file.
        steps: that made it from the float graph.
        verdict: on the budget.
        report: what was known when it had been proved.
    """

    proved: T
    steps: tuple[Any, ...]
    verdict: Verdict
    report: Report


@dataclass(frozen=True)
class Job(Generic[T]):
    """What repairing needs of a run.

    Attributes:
        steps: from `graph` to the file that missed the budget.
        graph: float graph.
        data: representative examples.
        prove: makes a file of a graph, loads it and notes how good it is in the ledger.
        judge: holds what the ledger says against the budget.
    """

    steps: tuple[Any, ...]
    graph: Graph
    data: Examples | None
    prove: Callable[[Graph], T]
    judge: Callable[[], Verdict]
    listen: Listener
    ledger: Ledger
    started: float = field(default_factory=time.monotonic)


def repaired(job: Job[T], first: T) -> tuple[T, tuple[Any, ...]]:
    """Return the file that keeps the budget and its steps; the best there is if none does.

    Args:
        job: the run.
        first: what was proved.
    """
    candidate = Candidate(first, job.steps, job.judge(), job.ledger.report)
    if candidate.verdict.kept:
        return first, job.steps
    step = next((s for s in job.steps if isinstance(s, Quantize)), None)
    if step is None or job.data is None or not find_scheme(step.scheme).integer:
        return first, job.steps
    job.listen("repair", None)
    graph = _before(job, step)
    prepared = step.prepared(graph, job.data.take(CALIBRATION_EXAMPLES))
    subject = step.subject(prepared)
    found = measure(subject)
    best, why = candidate, _no_choice(found)
    chosen: Bits = {}
    for share in _shares(candidate):
        more = raise_until(subject, found, share * found.error)
        if more is None:
            why = why or "no choice of ops brings the error on the examples down far enough"
            break
        if dict(more) == dict(chosen):
            continue
        if _floats(more) > _MOST_FLOAT * len(rungs(subject)):
            why = (
                f"{_floats(more)} of {len(rungs(subject))} ops would have to be float; then "
                "--quantize dynamic or float16 is smaller or faster"
            )
            break
        chosen = more
        found_one = _attempt(job, step, prepared, graph, chosen)
        if isinstance(found_one, str):
            why = found_one
            break
        best = min(best, found_one, key=lambda one: one.verdict.loss)
        if found_one.verdict.kept:
            best = found_one
            break
        why = f"with {_told(chosen)} {_clause(found_one.verdict)}"
    _restore(job.ledger, best.report)
    rows = _rows(found, chosen if best.verdict.kept else {})
    facts = _facts(job, candidate, best, chosen, found, why)
    job.ledger.note(steps=(*job.ledger.report.steps, facts), sensitivity=rows)
    return best.proved, best.steps


def _before(job: Job[T], step: Quantize) -> Graph:
    """Return the graph that the step was given."""
    graph = job.graph
    for other in job.steps[: job.steps.index(step)]:
        graph = other(graph).graph
    return graph


def _no_choice(found: Sensitivity) -> str:
    return "" if found.costs else "no op's precision can be tried on these outputs"


def _shares(candidate: Candidate[T]) -> Iterator[float]:
    """Yield what the error on the examples must come down to, as a part of what it is.

    A drop of the score grows with the squared error, disagreement and relative errors with its
    root, roughly; a candidate that misses makes the next one stricter.
    """
    verdict = candidate.verdict
    share = verdict.limit / verdict.loss if verdict.loss > 0 else 1.0
    share = _FIRST * (share if candidate.report.score is not None else share**2)
    for _ in range(_ATTEMPTS):
        yield max(share, _LEAST_SHARE)
        share *= _TIGHTER


def _attempt(
    job: Job[T], step: Quantize, prepared: Prepared, graph: Graph, chosen: Bits
) -> Candidate[T] | str:
    """Return a proved candidate, or why the target does not take it."""
    bits = (*step.bits, *names_of(chosen, graph.ops))
    new = replace(step, bits=bits)
    started = time.monotonic()
    steps = tuple(new if s is step else s for s in job.steps)
    try:
        outcome = new.finished(prepared)
        shipped = _after(job, step, outcome)
        facts = _replaced(job.ledger.report.steps, new, outcome, time.monotonic() - started)
        job.ledger.note(steps=facts)
        proved = job.prove(shipped)
    except ConversionError as error:
        return f"the file with {_told(chosen)} is refused: {error.message}"
    return Candidate(proved, steps, job.judge(), job.ledger.report)


def _after(job: Job[T], step: Quantize, outcome: Outcome) -> Graph:
    graph = outcome.graph
    graphs.verify(graph)
    for other in job.steps[job.steps.index(step) + 1 :]:
        graph = other(graph).graph
        graphs.verify(graph)
    return graph


def _replaced(
    facts: Sequence[StepFacts], step: Quantize, outcome: Outcome, seconds: float
) -> tuple[StepFacts, ...]:
    new = StepFacts(step.name, step_options(step), "done", outcome.why, seconds, outcome.explain)
    return tuple(new if one.name == step.name else one for one in facts)


def _restore(ledger: Ledger, report: Report) -> None:
    ledger.note(
        parity=report.parity,
        score=report.score,
        artifact=report.artifact,
        float_tflite=report.float_tflite,
        target=report.target,
        steps=report.steps,
    )


def _facts(
    job: Job[T],
    first: Candidate[T],
    best: Candidate[T],
    chosen: Bits,
    found: Sensitivity,
    why: str,
) -> StepFacts:
    done = best.verdict.kept
    basis = f"chosen on {found.examples} representative examples, judged on the whole file"
    said = f"{_told(chosen)}; {_fell(first.verdict, best.verdict)}; {basis}" if done else f"{why}"
    options: Mapping[str, Any] = {"raised": names_of(chosen, tuple(chosen))} if done else {}
    seconds = time.monotonic() - job.started
    return StepFacts("repair", options, "done" if done else "declined", said, seconds)


def _fell(first: Verdict, best: Verdict) -> str:
    what = best.what[0].lower() + best.what[1:]
    return f"{what} went from {first.loss:.4g} to {best.loss:.4g} (allowed {best.limit:.4g})"


def _clause(verdict: Verdict) -> str:
    sentence = verdict.sentence().rstrip(".")
    return sentence[0].lower() + sentence[1:]


_FORMS = {8: "int8", 16: "16 bits", FLOAT_BITS: "float"}


def _told(chosen: Bits) -> str:
    """Return "CONV_2D 'stem' and 2 more in float, 1 ADD in int8"."""
    parts = []
    for bits in sorted(set(chosen.values()), reverse=True):
        ops = [op for op, own in chosen.items() if own == bits]
        more = f" and {len(ops) - 1} more" if len(ops) > 1 else ""
        parts.append(f"{ops[0].kind} '{_place(ops[0])}'{more} in {_FORMS[bits]}")
    return ", ".join(parts)


def _place(op: Op) -> str:
    return op.origin[0] if op.origin else op.outputs[0].name


def _floats(chosen: Bits) -> int:
    return sum(bits == FLOAT_BITS for bits in chosen.values())


def _rows(found: Sensitivity, chosen: Bits) -> tuple[OpCost, ...]:
    return tuple(
        OpCost(
            op=cost.op.outputs[0].name,
            kind=cost.op.kind,
            layers=cost.op.origin,
            bits=cost.bits,
            output_error=cost.error,
            weights_bytes=cost.size,
            raised_to=chosen.get(cost.op),
        )
        for cost in found.costs
    )


def table(subject: Subject) -> tuple[OpCost, ...]:
    """Return what each op's precision costs, for a run that needs no repair."""
    return _rows(measure(subject), {})
