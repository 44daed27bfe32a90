"""Steps of Adam: what ships is the mean of where they went, and inner results fade out."""

from __future__ import annotations

import numpy as np

from litesmith.train.lesson import Lesson, Parts
from litesmith.train.schedule import Pace
from litesmith.train.trainer import KEPT, Trainer
from tests.train.networks import lesson


def trainer(inner: float = 2.0) -> tuple[Trainer, list[np.ndarray]]:
    made = lesson("int4")
    batch = [made.x[:, np.newaxis]]
    taught = Lesson(made.teacher, made.student)
    taught.measure(batch)
    return Trainer(taught, taught.student.start(), Parts(inner=inner)), batch


def test_the_mean_follows_the_steps():
    one, batch = trainer()
    start, mean = one.vector, one.vector
    for _ in range(4):
        one.step(batch, Pace(0.02, follow=0.25), 96)
        mean = mean + np.float32(0.25) * (one.arrays()["vector"] - mean)
    np.testing.assert_allclose(one.vector, mean, atol=1e-6)
    assert not np.allclose(one.vector, start) and one.arrays().keys() == set(KEPT)
    one.restart(start)
    assert np.array_equal(one.vector, start) and np.array_equal(one.arrays()["vector"], start)


def test_a_mean_that_follows_at_once_is_the_last_step():
    one, batch = trainer()
    for _ in range(3):
        one.step(batch, Pace(0.02), 96)
    np.testing.assert_allclose(one.vector, one.arrays()["vector"], atol=1e-6)


def test_inner_results_that_have_faded_teach_nothing():
    faded, without, full = (trainer(inner)[0] for inner in (2.0, 0.0, 2.0))
    batch = trainer()[1]
    faded.step(batch, Pace(0.01, inner=0.0), 96)
    without.step(batch, Pace(0.01), 96)
    full.step(batch, Pace(0.01), 96)
    np.testing.assert_allclose(faded.vector, without.vector, atol=1e-5)
    assert np.abs(full.vector - without.vector).max() > 1e-3


def test_parts_of_a_batch_fade_alike():
    whole, parts = trainer()[0], trainer()[0]
    batch = trainer()[1]
    whole.step(batch, Pace(0.01, inner=0.5), 96)
    parts.step(batch, Pace(0.01, inner=0.5), 24)
    first, other = (one.arrays()["first"] for one in (whole, parts))
    assert np.abs(first - other).max() < 0.05 * np.abs(first).max()
