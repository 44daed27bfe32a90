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
from litesmith.graph.step import Notice, Outcome
from litesmith.quantize import Quantize, find_scheme
from litesmith.quantize.schemes import FLOAT_BITS
from litesmith.quantize.sensitivity import (
    Bits,
    Sensitivity,
    Subject,
    all_raised,
    measure,
    names_of,
    raise_until,
    rungs,
)
from litesmith.recipe import step_options
from litesmith.report import OpCost, Report, StepFacts

_FOUR, _EIGHT = 4, 8
_TIGHTER = 0.7  # the share that a candidate gets behind one that missed, beside what it missed by
_ATTEMPTS = 4
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
        chosen: ops that were raised.
        notices: of the step that quantized.
    """

    proved: T
    steps: tuple[Any, ...]
    verdict: Verdict
    report: Report
    chosen: Bits = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


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
    search = _Search(job, step, candidate)
    best = search.run()
    _restore(job.ledger, best.report)
    if best is not candidate:
        job.ledger.withdraw(search.notices)
        job.ledger.warn(best.notices)
    rows = _rows(search.found, best.chosen if best.verdict.kept else {})
    facts = _facts(job, candidate, best, search)
    job.ledger.note(steps=(*job.ledger.report.steps, facts), sensitivity=rows)
    return best.proved, best.steps


class _Search(Generic[T]):
    """The candidates of one run, one after the other.

    Args:
        job: the run.
        step: whose bits are raised.
        first: what missed the budget.
    """

    def __init__(self, job: Job[T], step: Quantize, first: Candidate[T]) -> None:
        self._job, self._step, self._first = job, step, first
        self._graph = _before(job, step)
        assert job.data is not None
        self._prepared = step.prepared(self._graph, job.data.take(CALIBRATION_EXAMPLES))
        self._subject = step.subject(self._prepared)
        self.notices = step.finished(self._prepared).notices
        self.found = measure(self._subject)
        self._best = first
        self._tried: list[Bits] = []
        self.why = "" if self.found.costs else "no op's precision can be tried on these outputs"

    def run(self) -> Candidate[T]:
        """Return the candidate that keeps the budget, or the one that misses it least."""
        for subject in self._stages():
            self._stage(subject)
            if self._best.verdict.kept or self.why.startswith("the file"):
                break
        return self._best

    def _stages(self) -> Iterator[Subject]:
        """Yield int4 → int8 first, since int8 costs bytes alone; then what may be float."""
        if not self.found.costs:
            return
        if any(cost.bits == _FOUR for cost in self.found.costs):
            yield replace(self._subject, top=_EIGHT)
        yield self._subject

    def _stage(self, subject: Subject) -> None:
        share = _share(self._first)
        for _ in range(_ATTEMPTS):
            more = raise_until(subject, self.found, max(share, _LEAST_SHARE) * self.found.error)
            if more is None and subject.top == _EIGHT:
                more = all_raised(subject)
            refusal = self._refusal(more)
            if more is None or refusal:
                self.why = refusal
                return
            if dict(more) in self._tried:
                share *= _TIGHTER
                continue
            one = self._attempt(more)
            if one is None or one.verdict.kept or more == all_raised(subject):
                return
            share *= _TIGHTER * _share(one)

    def _refusal(self, chosen: Bits | None) -> str:
        if chosen is None:
            return "no choice of ops brings the error on the examples down far enough"
        floats, ops = _floats(chosen), len(rungs(self._subject))
        if floats <= _MOST_FLOAT * ops:
            return ""
        return (
            f"{floats} of {ops} ops would have to be float; then --quantize dynamic or float16 is "
            "smaller or faster"
        )

    def _attempt(self, chosen: Bits) -> Candidate[T] | None:
        """Return a proved candidate, None when the target does not take it."""
        self._tried.append(chosen)
        job, bits = self._job, (*self._step.bits, *names_of(chosen, self._graph.ops))
        new = replace(self._step, bits=bits)
        started = time.monotonic()
        try:
            outcome = new.finished(self._prepared)
            shipped = _after(job, self._step, outcome)
            facts = _replaced(job.ledger.report.steps, new, outcome, time.monotonic() - started)
            job.ledger.note(steps=facts)
            proved = job.prove(shipped)
        except ConversionError as error:
            self.why = f"the file with {_told(chosen)} is refused: {error.message}"
            return None
        steps = tuple(new if s is self._step else s for s in job.steps)
        one = Candidate(proved, steps, job.judge(), job.ledger.report, chosen, outcome.notices)
        self.why = f"with {_told(chosen)} {_clause(one.verdict)}"
        if one.verdict.loss < self._best.verdict.loss or one.verdict.kept:
            self._best = one
        return one


def _before(job: Job[T], step: Quantize) -> Graph:
    """Return the graph that the step was given."""
    graph = job.graph
    for other in job.steps[: job.steps.index(step)]:
        graph = other(graph).graph
    return graph


def _share(candidate: Candidate[T]) -> float:
    """Return what of the error on the examples may be left, as a guess from what the budget leaves.

    A drop of the score grows with the squared error, disagreement and relative errors with its
    root, roughly.
    """
    verdict = candidate.verdict
    left = verdict.limit / verdict.loss if verdict.loss > 0 else 1.0
    return min(left if candidate.report.score is not None else left**2, 1.0)


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


def _facts(job: Job[T], first: Candidate[T], best: Candidate[T], search: _Search[T]) -> StepFacts:
    done, count = best.verdict.kept, search.found.examples
    basis = f"chosen on {count} representative examples, judged on the whole file"
    fell = _fell(first.verdict, best.verdict)
    said = f"{_told(best.chosen)}; {fell}; {basis}" if done else search.why
    raised = names_of(best.chosen, tuple(best.chosen)) if done else ()
    options: Mapping[str, Any] = {"raised": raised} if done else {}
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


def explained(job: Job[T]) -> None:
    """Note what each op's precision costs, for a run that needed no repair."""
    step = next((s for s in job.steps if isinstance(s, Quantize)), None)
    if step is None or job.data is None or not find_scheme(step.scheme).integer:
        return
    if job.ledger.report.sensitivity:
        return
    job.listen("sensitivity", None)
    prepared = step.prepared(_before(job, step), job.data.take(CALIBRATION_EXAMPLES))
    job.ledger.note(sensitivity=_rows(measure(step.subject(prepared)), {}))
