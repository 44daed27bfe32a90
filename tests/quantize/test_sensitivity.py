from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Op
from litesmith.quantize import calibrate
from litesmith.quantize.allocate import Limit, allocate, least
from litesmith.quantize.choose import Precisions, choose
from litesmith.quantize.op_latency import op_latencies
from litesmith.quantize.sensitivity import (
    Cost,
    Subject,
    built,
    ladder,
    measure,
    names_of,
    raise_until,
    rungs,
)
from litesmith.quantize.trials import Trials
from tests.support.graphs import Builder, examples, named


def collapsing(outlier: float = 3000.0) -> Graph:
    """Return x → four layers; the second makes one channel so large that 8 bits hold no other."""
    b = Builder(3)
    x = b.input((1, 16))
    for step in range(4):
        weights = b.weights(16, 16, scale=0.3, name=f"w{step}")
        if step == 1:
            weights.data[0] *= outlier
        if step == 2:
            weights.data[:, 0] /= outlier
        x = b.op("FULLY_CONNECTED", x, weights, None, fused_activation_function=int(step < 3))
    return named(b.graph(b.op("SOFTMAX", x, beta=1.0)))


def subject(graph: Graph, bits: int = 8, **more) -> Subject:
    x = np.random.default_rng(0).normal(0, 1, (64, *graph.inputs[0].shape[1:])).astype(np.float32)
    ranges = calibrate(graph, examples(graph, [x]))
    return Subject(graph, ranges, Precisions(bits), **more)


def test_both_ends_of_a_value_that_8_bits_cannot_hold_cost_most():
    graph = collapsing()
    found = measure(subject(graph))
    assert {cost.op for cost in found.costs[:2]} == {graph.ops[1], graph.ops[2]}
    assert found.costs[1].error > 20 * found.costs[2].error
    assert found.examples == 64


def test_few_ops_are_raised_and_the_rest_stays():
    whole = subject(collapsing())
    found = measure(whole)
    chosen = raise_until(whole, found, found.error / 20)
    assert chosen is not None
    assert chosen == dict.fromkeys(whole.graph.ops[1:3], 32)
    trials = Trials(whole.graph, whole.ranges.sample)
    assert trials.error(built(whole, chosen)) <= found.error / 20


def test_four_bits_become_eight_before_they_become_float():
    whole = subject(collapsing(1.0), bits=4)
    found = measure(whole)
    chosen = raise_until(whole, found, found.error / 3)
    assert chosen is not None
    assert set(chosen.values()) == {8}
    assert len(chosen) < 4


def test_without_floats_ops_that_have_8_bits_already_are_not_raised():
    whole = subject(collapsing(1.0), bits=4)
    steps = rungs(replace(whole, top=8))
    assert set(steps.values()) == {(4, 8)}
    assert "SOFTMAX" not in {op.kind for op in steps}


def test_where_floats_are_not_allowed_16_bits_are_the_most():
    whole = subject(collapsing(), top=16)
    found = measure(whole)
    chosen = raise_until(whole, found, found.error / 5)
    assert chosen is not None
    assert set(chosen.values()) == {16}


def test_what_no_set_reaches_is_declined():
    whole = subject(collapsing())
    assert raise_until(whole, measure(whole), -1.0) is None


def test_ops_that_the_user_named_keep_their_bits():
    graph = collapsing()
    named_op = graph.ops[1]
    whole = subject(graph)
    kept = Subject(graph, whole.ranges, Precisions(8, {named_op: 8}))
    assert named_op not in rungs(kept)
    assert named_op not in {op for op, _ in ladder(kept, measure(kept))}


def test_the_table_is_the_same_every_time():
    first, second = (measure(subject(collapsing())) for _ in range(2))
    assert [c.error for c in first.costs] == [c.error for c in second.costs]


def test_names_choose_the_ops_again():
    graph = collapsing()
    chosen = {graph.ops[1]: 32, graph.ops[3]: 8}
    again = choose(graph, 4, names_of(chosen, graph.ops))
    assert again.own == chosen


COSTS = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from([4, 8, 32]), st.floats(0, 10), st.integers(0, 900)
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda row: row[:2],
)


@given(
    rows=COSTS,
    limits=st.tuples(st.integers(0, 3000), st.integers(0, 30)),
    times=st.lists(st.integers(1, 9), min_size=9, max_size=9),
)
@settings(max_examples=60, deadline=None)
def test_the_allocation_is_the_best_there_is(rows, limits, times):
    ops = [Op("RELU", (), ()) for _ in range(4)]
    costs = [Cost(ops[i], bits, error, size) for i, bits, error, size in rows]
    taken = dict(zip(map(id, costs), times, strict=False))
    by_op = [[c for c in costs if c.op is op] for op in ops]

    def fits(combination):
        size, time = sum(c.size for c in combination), sum(taken[id(c)] for c in combination)
        return size <= limits[0] and time <= limits[1]

    legal = [one for one in itertools.product(*filter(None, by_op)) if fits(one)]
    each = [c.size for c in costs], [taken[id(c)] for c in costs]
    found = allocate(costs, [Limit(*pair) for pair in zip(each, limits, strict=True)])
    if not legal:
        assert found is None
        return
    assert found is not None
    chosen = [c for c in costs if found[c.op] == c.bits]
    best = min(sum(c.error for c in combination) for combination in legal)
    assert fits(chosen)
    assert sum(c.error for c in chosen) == pytest.approx(best, rel=1e-4, abs=1e-4)


def test_least_is_what_takes_least():
    op = Op("RELU", (), ())
    costs = [Cost(op, 4, 1.0, 10), Cost(op, 8, 0.0, 20)]
    assert least(costs, [10, 20]) == {op: 4}
    assert least(costs, [2.0, 1.0]) == {op: 8}


def test_ops_are_timed_at_each_precision():
    whole = subject(collapsing())
    choices = [(op, bits) for op in whole.graph.ops[:4] for bits in (4, 8, 16)]
    found = op_latencies(whole, choices)
    assert set(found) == set(choices)
    assert all(0 < ms < 1000 for ms in found.values())
    # Equal ops are timed once.
    assert found[whole.graph.ops[0], 8] == found[whole.graph.ops[1], 8]


def test_answers_that_change_are_counted():
    found = measure(subject(collapsing()))
    worst, least_ = found.costs[0], found.costs[-1]
    assert worst.changed is not None and worst.changed > 0.2
    assert least_.changed == pytest.approx(0, abs=0.05)
    b = Builder()
    plain = b.graph(b.op("FULLY_CONNECTED", b.input((1, 16)), b.weights(4, 16), None))
    assert {cost.changed for cost in measure(subject(plain)).costs} == {None}
