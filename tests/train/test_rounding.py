"""Rounding one weight after the other loses less of what an op answers than rounding each alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.train import rounding
from litesmith.train.lesson import Lesson
from litesmith.train.network import Network
from litesmith.train.parameters import Weight, levels
from litesmith.train.start import starts
from tests.support.graphs import tensor
from tests.train.networks import lesson


def made_weight(rows: np.ndarray, bits: int) -> Weight:
    return Weight(tensor("w", rows.shape), bits, np.ones((len(rows), 1), np.float32), 1.0, rows)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 3, 4]), st.integers(2, 24))
def test_answers_are_nearer_than_rounding_each_weight_alone(seed, bits, inputs):
    random = np.random.default_rng(seed)
    mix = random.normal(size=(inputs, inputs)) + 2 * random.normal(size=(inputs, 1))
    x = random.normal(size=(400, inputs)) @ mix
    top = max(1, 2 ** (bits - 1) - 1)
    rows = random.normal(0, top / 2, (16, inputs))
    weight = made_weight(rows.astype(np.float32), bits)
    found = rounding._compensated(rows, x.T @ x / len(x), weight)
    assert np.array_equal(levels(found.astype(np.float32), weight), np.rint(found))
    lost = [np.square((w - rows) @ x.T).sum() for w in (found, levels(weight.start, weight))]
    assert lost[0] <= 1.05 * lost[1]


@pytest.mark.parametrize("scheme", ["int4", "int3", "ternary", "binary"])
def test_matched_channels_have_the_teachers_moments(scheme):
    made = lesson(scheme)
    both = Lesson(made.teacher, made.student)
    x = made.x.reshape(len(made.x), 1, 8, 8, 3)
    found = starts(both, [x])
    assert ("rounded" in found) == (scheme != "binary")  # a sign leaves nothing to choose
    pair = [p for p in both.pairs if p.linear][1]
    theirs, ours = pair.teacher.outputs[0], pair.student.outputs[0]
    feeds = both.feeds([x])
    wanted = _channels(both.teacher, {}, feeds[0], theirs)
    student = both.student
    errors = [
        np.abs(_channels(student, student.constants(v), feeds[1], ours) - wanted).mean()
        for v in (found["given"], found["matched"])
    ]
    assert errors[1] < errors[0]


def _channels(network: Network, constants, feeds, of) -> np.ndarray:
    """Return the mean of each channel, behind activation and rounding."""
    value = np.asarray(network.run(constants, feeds, [of])[of])
    return value.reshape(-1, value.shape[-1]).mean(0)
