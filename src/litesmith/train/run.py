"""A run of training: start, steps, looks at held-out examples, the best state."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.errors import InputError
from litesmith.graph import Array, Graph
from litesmith.kernels.frozen import frozen_ops
from litesmith.train import augment
from litesmith.train.learned import changes, with_tensors
from litesmith.train.lesson import Lesson, Parts
from litesmith.train.nouns import Progress, Settings, State, Trained
from litesmith.train.schedule import pace_at, plan
from litesmith.train.start import starts
from litesmith.train.trainer import KEPT, Trainer

_SAME = 1e-9  # variance of answers that do not depend on the example
_LOST = 1.5  # times the best loss: what the steps since then have cost
_EARLY = 0.6  # of the steps; later the rate falls anyway
_LEAST_FACTOR = 1 / 8
_PERFECT = 1e-6  # loss from which there is nothing left to learn
# Part by which held-out losses differ by chance. Of states that are as good the last one is kept:
# its steps were the smallest.
_TIE = 0.1


@dataclass
class _Best:
    """The best vector so far, how it does, and the least loss of any."""

    vector: Array
    loss: float
    agreement: float
    least: float


class Run:
    """Everything that one call of `distill` holds.

    Args:
        teacher, student, settings, on_progress, should_stop: as `distill` takes them.
        examples: one array (n, *graph shape) per input.
    """

    def __init__(
        self,
        teacher: Graph,
        student: Graph,
        examples: Sequence[Array],
        settings: Settings,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._began = time.monotonic()
        self._graph, self._settings = student, settings
        self._tell, self._stops = on_progress, should_stop
        self._lesson = Lesson(teacher, student, settings.loss)
        network = self._lesson.student
        self._plan = plan(student, network.weights, len(examples[0]), settings)
        order = np.random.default_rng(settings.seed).permutation(len(examples[0]))
        taught = order[: len(order) - self._plan.held]
        # A few that are as mixed as all: data may be sorted by class.
        self._few = np.sort(taught[: self._plan.few])
        held = np.sort(order[len(taught) :]) if self._plan.held else self._few
        # Examples may lie in files: batches of them are read as they are needed.
        self._arrays = [*examples] if settings.labels is None else [*examples, settings.labels]
        self._rows = np.sort(taught)
        self._held = [x[held] for x in self._arrays]
        self._inputs = len(examples)
        self._factor = 1.0  # of the planned rate
        self._frozen = tuple(sorted({op.kind for op in frozen_ops(student)}))

    def done(self, resume: State | None) -> Trained:
        """Train to the end, or until the user stops it."""
        some = [x[self._few] for x in self._arrays[: self._inputs]]
        if max(self._lesson.measure(some), default=0.0) <= _SAME:
            return self._declined("the float model answers all examples alike")
        given = self._lesson.student.start()
        self._trainer = Trainer(self._lesson, given, Parts(label=self._settings.label_weight))
        first = self._look(given)
        self._best = _Best(given, *first, first[0])
        step = 0
        if resume is None:
            self._begin(some)
        else:
            step = self._resumed(resume)
        self._varied = self._variations(some)
        step = self._steps(step)
        return self._result(step, first)

    def _begin(self, some: Sequence[Array]) -> None:
        """Start from the best of what needs no gradient."""
        found = starts(self._lesson, some)
        looks = {name: self._look(vector) for name, vector in found.items()}
        name = min(looks, key=lambda n: looks[n][0])
        self._keep(found[name], *looks[name])
        self._trainer.restart(found[name])

    def _look(self, vector: Array) -> tuple[float, float]:
        return self._trainer.look(vector, self._held, self._plan.part)

    def _keep(self, vector: Array, loss: float, agreement: float) -> None:
        least = self._best.least
        if loss < (1 + _TIE) * least or not np.isfinite(least):
            self._best = _Best(vector, loss, agreement, float(np.fmin(loss, least)))

    def _variations(self, some: Sequence[Array]) -> augment.Varied:
        if not self._settings.augment:
            return ()
        return augment.chosen(some, self._lesson.constancy, self._settings.seed)

    def _batch(self, step: int) -> list[Array]:
        """Return the batch of a step: the same for a seed, whatever ran before."""
        count, batch, seed = len(self._rows), self._plan.batch, self._settings.seed
        per_pass = max(count // batch, 1)
        order = np.random.default_rng((seed, step // per_pass)).permutation(count)
        at = (step % per_pass) * batch
        rows = self._rows[order[at : at + batch]]
        found = [x[rows] for x in self._arrays]
        random = np.random.default_rng((seed, step, 1))
        found[: self._inputs] = augment.varied(found[: self._inputs], self._varied, random)
        return found

    def _steps(self, step: int) -> int:
        plan = self._plan
        since, from_step = time.monotonic(), step
        while step < plan.steps and self._best.loss > _PERFECT and not self._stops():
            self._trainer.step(self._batch(step), pace_at(plan, step, self._factor), plan.part)
            step += 1
            if step % plan.look_every == 0 or step == plan.steps:
                self._keep_and_tell(step, (time.monotonic() - since) / (step - from_step))
        return step

    def _keep_and_tell(self, step: int, pace: float) -> None:
        vector = self._trainer.vector
        loss, agreement = self._look(vector)
        self._keep(vector, loss, agreement)
        early = step < _EARLY * self._plan.steps
        if early and loss > _LOST * self._best.loss and self._factor > _LEAST_FACTOR:
            # The rate makes more noise than it teaches: back to the best, at half of it.
            self._factor /= 2
            self._trainer.restart(self._best.vector)
        seconds = time.monotonic() - self._began
        left = pace * (self._plan.steps - step)
        self._tell(
            Progress(
                step, self._plan.steps, loss, agreement, self._best.loss, seconds, left,
                lambda: self._state(step),
            )
        )  # fmt: skip

    def _state(self, step: int) -> State:
        swap = self._lesson.student.trained(self._best.vector)
        arrays = self._trainer.arrays()
        arrays["factor"] = np.asarray(self._factor)
        arrays["best_vector"] = self._best.vector
        arrays["best_look"] = np.asarray([self._best.loss, self._best.agreement, self._best.least])
        return State(step, {**arrays, **changes(self._graph, swap)})

    def _resumed(self, state: State) -> int:
        size = self._lesson.student.start().size
        given = state.arrays.get("best_vector")
        whole = state.arrays.keys() >= {*KEPT, "factor", "best_look"}
        if given is None or not whole or given.size != size or state.step > self._plan.steps:
            raise InputError("The saved state of training belongs to another model or scheme.")
        self._trainer.resume(state.arrays)
        self._factor = float(state.arrays["factor"])
        self._best = _Best(given, *(float(v) for v in state.arrays["best_look"]))
        return state.step

    def _declined(self, why: str) -> Trained:
        return Trained(self._graph, False, why, frozen=self._frozen)

    def _result(self, step: int, first: tuple[float, float]) -> Trained:
        better = self._best.loss < first[0]
        seconds = time.monotonic() - self._began
        graph = self._graph
        why = "nothing better was found than what quantizing gave"
        if better:
            graph = with_tensors(graph, self._lesson.student.trained(self._best.vector))
            count = len(self._rows)
            why = f"{step} steps on {count} examples, taught by the float model"
        looks = zip(first, (self._best.loss, self._best.agreement), strict=True)
        (loss, agreement) = looks
        return Trained(
            graph, better, why, step, loss, agreement, seconds, self._frozen, self._state(step)
        )
