"""Steps and batches follow from bits, examples and size; parts of a batch fit the memory."""

from __future__ import annotations

import pytest

from litesmith.train.nouns import Settings
from litesmith.train.parameters import parameters
from litesmith.train.schedule import macs, pace_at, plan
from tests.train.networks import cnn, lesson


def planned(scheme="int4", count=1000, **settings):
    graph = lesson(scheme).student
    return plan(graph, parameters(graph)[0], count, Settings(**settings))


def test_fewer_bits_take_more_steps():
    # The middle layer of three is the one without 8 bits, and half of all weights.
    steps = [planned(s).steps for s in ("int8", "int4", "int3", "ternary", "binary")]
    assert steps == sorted(steps) and steps[0] < steps[1] < steps[2] < steps[3]


def test_what_the_user_says_counts():
    found = planned(steps=7, batch=5)
    assert (found.steps, found.batch) == (7, 5)


@pytest.mark.parametrize(("count", "held"), [(20, 0), (64, 7), (1000, 100), (100_000, 256)])
def test_a_tenth_is_held_out(count, held):
    found = planned(count=count)
    assert found.held == held and found.batch <= count - held


def test_parts_shrink_with_memory_and_make_up_the_batch():
    whole, parts = (planned(count=5000, batch=512, memory_mb=mb) for mb in (2048, 1))
    assert whole.part == whole.batch == parts.batch and 1 <= parts.part < parts.batch


def test_rate_and_inner_results_fall_to_nothing():
    found = planned(steps=100)
    paces = [pace_at(found, step) for step in range(101)]
    rates, inner = ([getattr(p, name) for p in paces] for name in ("rate", "inner"))
    assert rates[0] == found.rate and rates == sorted(rates, reverse=True) and rates[-1] < 1e-9
    assert inner[0] == 1 and inner == sorted(inner, reverse=True) and inner[-1] < 1e-9
    assert pace_at(found, 30, 0.5).rate == rates[30] / 2


@pytest.mark.parametrize(("steps", "follow"), [(3, 1.0), (20, 1.0), (200, 0.1), (2000, 0.01)])
def test_the_mean_reaches_back_a_twentieth_of_all_steps(steps, follow):
    assert pace_at(planned(steps=steps), 0).follow == pytest.approx(follow)


def test_multiply_accumulates():
    # 8·8·8 results of 3·3·3, 4·4·8 of 3·3·8, 4 of 8.
    assert macs(cnn()) == 512 * 27 + 128 * 72 + 4 * 8
