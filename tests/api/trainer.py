"""A trainer that is fake and fast, and what tests of training ask of a run."""

from __future__ import annotations

import numpy as np

from litesmith.train.learned import with_tensors
from litesmith.train.nouns import Point, State, Trained
from litesmith.train.process import Result
from litesmith.train.transport import state_to_bytes
from tests.api.fakes import features
from tests.support.graphs import Builder, named

X = features(128)
STATE = state_to_bytes(State(3, {"best/0/data": np.zeros(2)}), "somebody")


class Trainer:
    """Plays `litesmith.train.process.train`: it makes the first weights a little smaller."""

    def __init__(self, interrupted=False, done=True, steps=5, error=None):
        self.jobs, self.resumed = [], []
        self.interrupted, self.done, self.steps, self.error = interrupted, done, steps, error

    def __call__(self, job, ears, resume):
        self.jobs.append(job)
        self.resumed.append(resume)
        for step in range(1, self.steps + 1):
            ears.point(Point(step, 5, 1 / step, 0.9, 1 / step, 0.1 * step, 1.0))
        if self.steps:
            ears.state(STATE)
        if self.error:
            raise self.error
        trained = Trained(
            self._graph(job.student) if self.done else job.student, self.done,
            "as a test says", self.steps, (1.0, 0.2), (0.5, 0.9), 0.5, (),
        )  # fmt: skip
        curve = tuple(Point(s, 5, 1 / s, 0.9, 1 / s, 0.1, 1.0) for s in range(1, self.steps + 1))
        return Result(trained, len(job.examples), curve, self.interrupted)

    def _graph(self, student):
        old = next(t for t in student.tensors() if t.data is not None and t.data.ndim == 2)
        return with_tensors(student, {old: old.with_(data=old.data * np.float32(0.998))})


def wide():
    """Return x0 float32[1, 8] → y0 float32[1, 5], with weights large enough for every scheme."""
    b = Builder(4)
    relu = {"fused_activation_function": 1}
    x = b.op("FULLY_CONNECTED", b.input((1, 8)), b.weights(256, 8), b.weights(256), **relu)
    x = b.op("FULLY_CONNECTED", x, b.weights(64, 256, scale=0.1), b.weights(64), **relu)
    return named(b.graph(b.op("FULLY_CONNECTED", x, b.weights(5, 64), b.weights(5))))


def names(folder):
    """Return the names of the files in a folder."""
    return sorted(p.name for p in folder.iterdir())


def step_of(report, name="train"):
    """Return what a report tells of a step."""
    return next(s for s in report.steps if s.name == name)
