"""Variations keep shapes and types, and stay only where the teacher's answers do."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.train.augment import VARIATIONS, chosen, varied

IMAGES = np.float32(np.random.default_rng(0).uniform(0, 255, (6, 1, 16, 20, 3)))
TABLE = np.float32(np.random.default_rng(0).normal(size=(6, 1, 7)))


@pytest.mark.parametrize(
    ("examples", "names"),
    [(IMAGES, {"flip", "shift"}), (TABLE, {"noise", "mix"}), (np.int32(TABLE * 9), set())],
)
def test_what_fits_the_kind_of_data(examples, names):
    found = chosen([examples], lambda plain, other: 1.0, 0)
    assert {variation.name for _, variation in found} == names
    for step in range(3):
        (other,) = varied([examples], found, np.random.default_rng(step))
        assert other.shape == examples.shape and other.dtype == examples.dtype
        assert bool(names) != np.array_equal(other, examples)


def test_what_the_teacher_answers_otherwise_is_left_out():
    def agreement(plain, other):
        return 1.0 if np.array_equal(plain[0][:, :, :, ::-1].sum(-2), other[0].sum(-2)) else 0.2

    found = chosen([IMAGES], agreement, 0)
    assert found == ()


def test_a_flip_is_a_mirror_and_a_shift_repeats_the_edge():
    flip, shift = (next(v for v in VARIATIONS if v.name == n) for n in ("flip", "shift"))
    x = IMAGES[:, 0]
    flipped = flip.vary(x, np.random.default_rng(0))
    for before, after in zip(x, flipped, strict=True):
        assert np.array_equal(after, before) or np.array_equal(after, before[:, ::-1])
    moved = shift.vary(x, np.random.default_rng(0))
    assert {float(v) for v in moved.reshape(-1)} <= {float(v) for v in x.reshape(-1)}
