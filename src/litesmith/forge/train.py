"""Training between annotating and lowering: what is trained, on what, and what is told of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from litesmith.data import Examples, Labelled
from litesmith.errors import InputError
from litesmith.forge.keeper import Keeper
from litesmith.forge.options import Listener
from litesmith.graph import Graph
from litesmith.graph.heads import heads
from litesmith.graph.step import Notice, Outcome
from litesmith.quantize import Quantize, find_scheme
from litesmith.quantize.annotate import carried
from litesmith.recipe import step_options
from litesmith.report import StepFacts, TrainingFacts, TrainingPoint
from litesmith.train.labels import fitted_labels
from litesmith.train.nouns import Point, Settings
from litesmith.train.process import Ears, Job, Result
from litesmith.train.process import train as in_a_child
from litesmith.train.step import Train, find_loss
from litesmith.train.transport import at_most

# Of all that is said of one training.
TRAINING_CODES = frozenset(
    {"untrained", "training_stopped", "frozen_ops", "state_not_kept", "training_no_gain"}
)


@dataclass(frozen=True)
class Lesson:
    """How the graph of a run is trained.

    Attributes:
        step: the options.
        examples: all representative examples.
        labelled: the same with labels, where a loss needs them.
        asked: the user asked for training, so that what makes it impossible is an error.
        keeper: of the state; None where a training cannot be gone on with.
        listen: told of the stage "train"; its method `training`, if any, of every `Point`.
    """

    step: Train
    examples: Examples
    labelled: Labelled | None
    asked: bool
    keeper: Keeper | None
    listen: Listener

    def again(self) -> Lesson:
        """Return the lesson for another form of the same graph: no state is kept, no refusal."""
        return replace(self, keeper=None, asked=False)


@dataclass(frozen=True)
class Made:
    """A graph that was quantized and trained.

    Attributes:
        outcome: of the step that quantizes.
        facts: of the step that trains.
        notices: what the user should know of it.
    """

    outcome: Outcome
    facts: StepFacts
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class _Subject:
    """What is trained: the teacher, the student, and what makes the final graph of it.

    `plain` is the outcome without training; `quantized` says whether anything is to be recovered.
    """

    teacher: Graph
    student: Graph
    plain: Callable[[], Outcome]
    finish: Callable[[Graph], Outcome]
    quantized: bool


def made(
    quantize: Quantize,
    graph: Graph,
    data: Examples | None,
    lesson: Lesson,
    progress: Callable[[float], None],
) -> Made:
    """Return a graph quantized by one step and trained in between.

    Args:
        quantize: the step.
        graph: float graph.
        data: examples to calibrate with.
        lesson: how to train.
        progress: of calibrating.

    Raises:
        InputError: training was asked for and cannot help.
        LitesmithError: what `quantize` and the training child raise.
    """
    subject = _subject(quantize, graph, data, progress)
    why = _idle(subject, lesson)
    if why:
        return _declined(subject, lesson, why)
    started = time.monotonic()
    result = _trained(subject, lesson)
    found = result.trained
    if not found.done and not found.steps and not result.interrupted:
        return _declined(subject, lesson, found.why)
    outcome = subject.finish(found.graph) if found.done else subject.plain()
    facts = StepFacts(
        lesson.step.name,
        step_options(lesson.step),
        "done" if found.done else "declined",
        _told(result),
        time.monotonic() - started,
        training=_facts(result, lesson),
    )
    return Made(outcome, facts, tuple(_notices(result, lesson)))


def _subject(
    quantize: Quantize, graph: Graph, data: Examples | None, progress: Callable[[float], None]
) -> _Subject:
    if not find_scheme(quantize.scheme).integer:
        student = quantize.weighted(graph)
        return _Subject(graph, student, lambda: quantize(graph), quantize, _annotated(student))
    prepared = quantize.prepared(graph, data, progress)
    annotated = quantize.annotated(prepared)
    return _Subject(
        prepared.draft.graph,
        annotated.graph,
        lambda: quantize.finished(prepared, annotated),
        lambda trained: quantize.finished(prepared, carried(annotated, trained)),
        bool(annotated.integer),
    )


def _annotated(graph: Graph) -> bool:
    return any(t.quant is not None for part in graph.graphs() for t in part.tensors())


def _idle(subject: _Subject, lesson: Lesson) -> str:
    """Return why there is nothing to train, "" when there is."""
    if not subject.quantized and lesson.labelled is None:
        return "nothing in this graph is quantized, so it answers as the float model already"
    if not any(head.tensor.dtype.is_float for head in heads(subject.teacher, votes=True)):
        return "all outputs are integers, from which nothing is learned"
    if subject.teacher.siblings:
        return "the file has several signatures, and what they share cannot learn from one alone"
    batches = {tensor.shape[:1] for tensor in subject.teacher.inputs}
    if len(batches) != 1 or batches == {()}:
        return "its inputs do not take the same number of examples at a time"
    if batches != {(1,)} and lesson.labelled is not None:
        return "labels are fitted by files that take one example at a time (--batch 1 or dynamic)"
    return ""


_WAYS = "Leave --train out, or read docs/training.md for what can be trained."


def _declined(subject: _Subject, lesson: Lesson, why: str) -> Made:
    if lesson.asked:
        raise InputError(f"--train cannot help here: {why}.", _WAYS)
    facts = StepFacts(lesson.step.name, step_options(lesson.step), "declined", why, 0.0)
    notice = Notice("untrained", f"The graph was not trained: {why}.", _WAYS)
    return Made(subject.plain(), facts, (notice,))


def _trained(subject: _Subject, lesson: Lesson) -> Result:
    step, examples, labels = lesson.step, lesson.examples, None
    loss = find_loss(step.loss) if step.loss else None
    if lesson.labelled is not None:
        labelled = lesson.labelled.take(at_most(subject.teacher.inputs))
        examples = labelled.examples
        compared = heads(subject.teacher, votes=True)
        scores = next(head.tensor for head in compared if head.tensor.dtype.is_float)
        labels = fitted_labels(loss or "", labelled.labels, scores)
    settings = Settings(
        steps=step.count,
        seed=step.seed,
        augment=step.augment,
        loss=loss,
        labels=labels,
    )
    lesson.listen("train", 0.0)
    keeper = lesson.keeper
    ears = Ears(
        point=lambda point: _show(lesson.listen, point),
        state=_ignored if keeper is None else keeper.keep,
        stopping=lambda: _say_stopping(lesson),
    )
    job = Job(subject.teacher, subject.student, examples, settings)
    return in_a_child(job, ears, None if keeper is None else keeper.resume)


def _ignored(content: bytes) -> None:
    """Keep no state."""


def _show(listen: Listener, point: Point) -> None:
    listen("train", point.fraction)
    detail = getattr(listen, "training", None)
    if detail is not None:
        detail(point)


def _say_stopping(lesson: Lesson) -> None:
    say = getattr(lesson.listen, "say", None)
    if say is not None:
        say("Stopping: the best state so far goes into the file. Ctrl-C again to write nothing.")


def _told(result: Result) -> str:
    """Return what was done, one clause."""
    trained = result.trained
    if not result.interrupted:
        return trained.why
    return f"stopped by an interrupt: {trained.why}"


def _facts(result: Result, lesson: Lesson) -> TrainingFacts:
    trained, keeper = result.trained, lesson.keeper
    planned = max(result.curve[-1].steps if result.curve else 0, trained.steps)
    ended = "early" if trained.steps < planned else "finished"
    return TrainingFacts(
        examples=result.examples,
        steps=trained.steps,
        planned=planned,
        loss_before=trained.loss[0],
        loss_after=trained.loss[1],
        agreement_before=trained.agreement[0],
        agreement_after=trained.agreement[1],
        seconds=trained.seconds,
        stopped="interrupted" if result.interrupted else ended,
        frozen=trained.frozen,
        curve=tuple(
            TrainingPoint(p.step, p.loss, p.agreement, p.seconds)
            for p in result.curve
            if math.isfinite(p.loss)
        ),
        state=str(keeper.path) if result.interrupted and keeper and keeper.kept else None,
    )


def _notices(result: Result, lesson: Lesson) -> Iterator[Notice]:
    trained, keeper = result.trained, lesson.keeper
    if result.interrupted:
        kept = keeper is not None and keeper.kept
        yield Notice(
            "training_stopped",
            f"Training was stopped at step {trained.steps}; the best state so far was kept.",
            "The same command with --resume goes on." if kept else "",
        )
    if trained.frozen:
        yield Notice(
            "frozen_ops",
            f"No gradient passes {', '.join(trained.frozen)}: what comes before was not trained.",
            "Ops without a differentiable form are run by LiteRT while training.",
        )
    if keeper is not None and keeper.failure:
        failure = keeper.failure.rstrip(".")
        yield Notice("state_not_kept", f"The state of training was not kept: {failure}.")
    if not trained.done and trained.steps:
        yield Notice(
            "training_no_gain",
            f"Training did not help: {trained.why}.",
            "More varied examples (--data) or more steps (--train N) may.",
        )
