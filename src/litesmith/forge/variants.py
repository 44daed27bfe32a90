"""Files of one float graph that differ in the bits of single ops, each proved as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Generic, TypeVar

from litesmith import graph as graphs
from litesmith.data import Examples
from litesmith.errors import ConversionError
from litesmith.forge.budget import Verdict
from litesmith.forge.ledger import Ledger
from litesmith.forge.options import Listener
from litesmith.forge.steps import CALIBRATION_EXAMPLES, quantized
from litesmith.forge.train import TRAINING_CODES, Lesson
from litesmith.graph import Graph
from litesmith.graph.step import Notice, Outcome
from litesmith.quantize import Quantize, find_scheme
from litesmith.quantize.notices import place
from litesmith.quantize.schemes import FLOAT_BITS
from litesmith.quantize.sensitivity import Bits, Sensitivity, measure, names_of
from litesmith.report import Latency, OpCost, Report, StepFacts
from litesmith.train.step import Train

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate(Generic[T]):
    """A file that was proved, and what was found.

    Attributes:
        proved: the file.
        steps: that made it from the float graph.
        verdict: on the budget, if there is one.
        report: what was known when it had been proved.
        chosen: ops that were given other bits.
        notices: of the step that quantized.
    """

    proved: T
    steps: tuple[Any, ...]
    verdict: Verdict | None
    report: Report
    chosen: Bits = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        assert self.report.artifact is not None
        return self.report.artifact.size_bytes


@dataclass(frozen=True)
class Job(Generic[T]):
    """What trying other bits needs of a run.

    Attributes:
        steps: from `graph` to the file that was proved first.
        graph: float graph.
        data: representative examples.
        prove: makes a file of a graph, loads it and notes how good it is in the ledger.
        judge: holds what the ledger says against the budget, if there is one.
        lesson: how the graph is trained, if it is; another choice of bits is trained anew, so that
            a recipe with these bits makes the same file.
        clock: times a file beside the float one, None where that is impossible.
    """

    steps: tuple[Any, ...]
    graph: Graph
    data: Examples | None
    prove: Callable[[Graph], T]
    judge: Callable[[], Verdict | None]
    listen: Listener
    ledger: Ledger
    lesson: Lesson | None = None
    clock: Callable[[T], Latency | None] | None = None
    started: float = field(default_factory=monotonic)

    @property
    def interrupted(self) -> bool:
        """True when the user put an end to a training."""
        facts = (step.training for step in self.ledger.report.steps)
        return any(one is not None and one.stopped == "interrupted" for one in facts)

    def step(self) -> Quantize | None:
        """Return the step whose bits may be changed, None where activations are float."""
        step = next((s for s in self.steps if isinstance(s, Quantize)), None)
        if step is None or self.data is None or not find_scheme(step.scheme).integer:
            return None
        return step

    def first(self, proved: T) -> Candidate[T]:
        """Return what was proved before anything was changed."""
        return Candidate(proved, self.steps, self.judge(), self.ledger.report)


class Variants(Generic[T]):
    """Makes and proves files with other bits.

    Args:
        job: the run.
        step: whose bits are changed.
    """

    def __init__(self, job: Job[T], step: Quantize) -> None:
        assert job.data is not None
        self._job, self._step = job, step
        self._data = job.data.take(CALIBRATION_EXAMPLES)
        self._graph = job.graph
        for other in job.steps[: job.steps.index(step)]:
            self._graph = other(self._graph).graph
        prepared = step.prepared(self._graph, self._data)
        self.subject = step.subject(prepared)
        self._notices = step.finished(prepared).notices
        self.refusal = ""

    def attempt(self, chosen: Bits, taught: bool = True) -> Candidate[T] | None:
        """Return a proved file, None when the target does not take it (see `refusal`).

        Args:
            chosen: ops that get other bits.
            taught: train it, in a run that trains.
        """
        job, bits = self._job, (*self._step.bits, *names_of(chosen, self._graph.ops))
        new = replace(self._step, bits=bits)
        lesson = job.lesson.again() if job.lesson is not None and taught else None
        try:
            # From the start, so that a recipe with these bits makes the same file.
            found = quantized(new, self._graph, self._data, lesson)
            shipped = self._after(found.outcome)
            job.ledger.note(steps=_replaced(job.ledger.report.steps, found.facts))
            proved = job.prove(shipped)
        except ConversionError as error:
            self.refusal = f"the file with {told(chosen)} is refused: {error.message}"
            return None
        steps = tuple(new if s is self._step else s for s in job.steps)
        report = job.ledger.report
        if job.interrupted:
            self.refusal = "training was stopped by an interrupt"
        return Candidate(proved, steps, job.judge(), report, chosen, found.outcome.notices)

    def _after(self, outcome: Outcome) -> Graph:
        graph = outcome.graph
        graphs.verify(graph)
        for other in self._job.steps[self._job.steps.index(self._step) + 1 :]:
            if isinstance(other, Train):
                continue
            graph = other(graph).graph
            graphs.verify(graph)
        return graph

    def settle(self, best: Candidate[T], facts: StepFacts, rows: tuple[OpCost, ...]) -> None:
        """Let the ledger tell of one candidate, and of how it was found."""
        ledger, report = self._job.ledger, best.report
        ledger.note(
            parity=report.parity,
            score=report.score,
            artifact=report.artifact,
            float_tflite=report.float_tflite,
            target=report.target,
            steps=(*report.steps, facts),
            sensitivity=rows,
        )
        if best.chosen:
            ledger.withdraw(self._notices)
            ledger.forget(TRAINING_CODES)
            ledger.warn(best.notices)


def explained(job: Job[T]) -> None:
    """Note what each op's precision costs, for a run that changed none."""
    step = job.step()
    if step is None or job.ledger.report.sensitivity:
        return
    job.listen("sensitivity", None)
    job.ledger.note(sensitivity=rows_of(measure(Variants(job, step).subject), {}))


def facts_of(name: str, job: Job[T], done: bool, why: str, chosen: Bits) -> StepFacts:
    """Return what a search did, as a step."""
    options: Mapping[str, Any] = {"bits": names_of(chosen, tuple(chosen))} if done else {}
    seconds = monotonic() - job.started
    return StepFacts(name, options, "done" if done else "declined", why, seconds)


def _replaced(facts: Sequence[StepFacts], new: Sequence[StepFacts]) -> tuple[StepFacts, ...]:
    """Return the facts with those of quantizing and training replaced."""
    place = next(i for i, one in enumerate(facts) if one.name == Quantize.name)
    behind = [one for one in facts[place + 1 :] if one.name != Train.name]
    return (*facts[:place], *new, *behind)


_FORMS = {4: "int4", 8: "int8", 16: "16 bits", FLOAT_BITS: "float"}


def told(chosen: Bits) -> str:
    """Return a choice in words: "CONV_2D 'stem' and 2 more in float, ADD 'sum' in int8"."""
    parts = []
    for bits in sorted(set(chosen.values()), reverse=True):
        ops = [op for op, own in chosen.items() if own == bits]
        more = f" and {len(ops) - 1} more" if len(ops) > 1 else ""
        parts.append(f"{ops[0].kind} '{place(ops[0])}'{more} in {_FORMS[bits]}")
    return ", ".join(parts)


def rows_of(found: Sensitivity, chosen: Bits) -> tuple[OpCost, ...]:
    """Return the ranked costs as the report has them."""
    return tuple(
        OpCost(
            op=cost.op.outputs[0].name,
            kind=cost.op.kind,
            layers=cost.op.origin,
            bits=cost.bits,
            output_error=cost.error,
            weights_bytes=cost.size,
            chosen_bits=chosen.get(cost.op),
            answers_changed=cost.changed,
        )
        for cost in found.costs
    )
