"""Loops and branches in integers: what is seen in them, how they are laid out, what they answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Op, Tensor, read, verify, write
from litesmith.graph.census import float_ops
from litesmith.graph.text import text
from litesmith.quantize import Quantize, calibrate, refusal
from litesmith.quantize.loop_forms import forms
from litesmith.quantize.loop_ranges import with_loops
from litesmith.quantize.loops import hindrance, rolled, unrolled
from litesmith.runtime import KERNELS, Session
from tests.rewrite.lstm_graphs import cell, loop, zeros
from tests.support.graphs import Array, Builder, const, examples, make, tensor


def lstm(every: bool = False, units: int = 8, steps: int = 6, seed: int = 0) -> Graph:
    """Return an LSTM as the converter's loop and a layer behind it."""
    b = Builder(seed)
    x = b.input((steps, 1, 4))
    ends = loop(b, x, cell(b, 4, units), every)
    flat = b.op("RESHAPE", ends[2], const([1, (steps if every else 1) * units]))
    return b.graph(b.op("FULLY_CONNECTED", flat, b.weights(3, flat.shape[1]), None))


def simple(steps: int = 7, units: int = 6) -> Graph:
    """Return h ← tanh(R·h + x[t]), whose state no arithmetic updates."""
    b = Builder(1)
    x = b.input((steps, 1, units))
    carried = (const(np.int32(0)), zeros(1, units), x)
    test, body = Builder(), Builder(2)
    more = [test.input(v.shape, v.dtype) for v in carried]
    condition = test.graph(test.op("LESS", more[0], const(np.int32(steps)), dtype=DType.BOOL))
    t, h, xs = (body.input(v.shape, v.dtype) for v in carried)
    r = body.op("FULLY_CONNECTED", h, body.weights(units, units, scale=0.4), None)
    new = body.op("TANH", body.op("ADD", body.op("GATHER", xs, t, axis=0), r))
    inner = body.graph(body.op("ADD", t, const(np.int32(1))), new, xs)
    ends = [tensor(f"end{i}", v.shape, v.dtype) for i, v in enumerate(carried)]
    b.ops.append(make("WHILE", carried, ends).with_(subgraphs=(condition, inner)))
    return b.graph(ends[1])


def branch() -> Graph:
    """Return relu(x·w₁) where the mean of x is above 0, tanh(x·w₂) elsewhere."""
    b = Builder(3)
    x = b.input((1, 6))
    total = b.op("MEAN", x, const([0, 1]))
    above = b.op("GREATER", total, const(np.float32(0)), dtype=DType.BOOL)
    sides = []
    for kind in ("RELU", "TANH"):
        s = Builder(len(sides))
        v = s.input((1, 6))
        dense = s.op("FULLY_CONNECTED", v, s.weights(4, 6), None)
        sides.append(s.graph(s.op(kind, dense)))
    y = tensor("y", (1, 4))
    b.ops.append(make("IF", [above, x], [y]).with_(subgraphs=tuple(sides)))
    return b.graph(b.op("ADD", y, const(np.float32(0.5))))


def loop_of(graph: Graph) -> Op:
    return next(op for op in graph.ops if op.subgraphs)


def fed(graph: Graph, count: int = 24, seed: int = 3) -> list[Array]:
    random = np.random.default_rng(seed)
    shapes = [t.shape[1:] if t.shape[0] == 1 else t.shape for t in graph.inputs]
    return [random.normal(0, 1, (count, *s)).astype(np.float32) for s in shapes]


def integer(graph: Graph, values: list[Array] | None = None) -> Graph:
    data = examples(graph, values or fed(graph))
    return Quantize("int8", integer_cells=True, integer_only=True)(graph, data).graph


def off(graph: Graph, other: Graph, kernels: str = "default") -> float:
    """Return the root mean square error over the largest answer."""
    x = fed(graph, 20, 7)
    wanted = Session(write(graph)).run(x)[0]
    found = Session(write(other), kernels=kernels).run(x)[0]
    return float(np.sqrt(np.mean(np.square(found - wanted))) / np.abs(wanted).max())


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("graph", [lstm(), lstm(True), simple(), branch()], ids=list("lesb"))
def test_answers_of_integer_loops(graph: Graph, kernels: str) -> None:
    found = integer(graph)
    assert not float_ops(found)
    verify(read(write(found)))
    assert off(graph, found, kernels) < 0.04


@settings(max_examples=12, deadline=None)
@given(st.booleans(), st.sampled_from([1, 5, 16]), st.sampled_from([1, 3, 11]), st.integers(0, 99))
def test_random_loops(every: bool, units: int, steps: int, seed: int) -> None:
    graph = lstm(every, units, steps, seed)
    assert off(graph, integer(graph)) < 0.08


def stepped(graph: Graph, rows: Array) -> dict[Tensor, tuple[float, float]]:
    """Return the extremes of what a loop's body computes: the body as a graph of its own, stepped.

    The first operand counts the steps and the last one is the sequence, as in `lstm`.
    """
    op = loop_of(graph)
    body = op.subgraphs[1]
    results = list(dict.fromkeys(t for o in body.ops for t in o.outputs if t.dtype.is_float))
    session = Session(write(body.with_(outputs=(*body.outputs, *results))))
    found: dict[Tensor, tuple[float, float]] = dict.fromkeys(results, (np.inf, -np.inf))
    for row in rows:
        values = [None if t is None else t.data for t in op.inputs]
        values[-1] = row
        for _ in range(len(row)):
            session.feed([v for v in values if v is not None])
            session.invoke()
            seen = session.fetch()
            values = list(seen[: len(values)])
            for t, v in zip(results, seen[len(values) :], strict=True):
                found[t] = min(found[t][0], float(v.min())), max(found[t][1], float(v.max()))
    return found


@pytest.mark.parametrize("every", [False, True])
def test_ranges_are_those_of_all_steps(every: bool) -> None:
    graph = lstm(every)
    x = fed(graph)
    data = examples(graph, x)
    found = with_loops(graph, calibrate(graph, data), data)
    for t, (low, high) in stepped(graph, x[0]).items():
        # What only moves values has the range of what it moves, with the 0 that a loop starts from.
        assert found.low[t] <= low + 1e-5 and found.high[t] >= high - 1e-5
        maker = next(o for o in loop_of(graph).subgraphs[1].ops if t in o.outputs)
        if maker.kind not in ("DYNAMIC_UPDATE_SLICE", "GATHER", "RESHAPE", "SPLIT"):
            assert found.low[t] == pytest.approx(low, abs=1e-5)
            assert found.high[t] == pytest.approx(high, abs=1e-5)


def test_a_branch_is_seen_on_the_examples_that_take_it() -> None:
    graph = branch()
    then, other = loop_of(graph).subgraphs
    x = fed(graph, 40)[0]
    data = examples(graph, [x])
    found = with_loops(graph, calibrate(graph, data), data)
    for side, rows in ((then, x[x.sum(1) > 0]), (other, x[x.sum(1) <= 0])):
        dense = side.ops[0].outputs[0]
        values = Session(write(side.with_(outputs=(dense,)))).run([rows])[0]
        assert found.low[dense] == pytest.approx(values.min(), abs=1e-5)
        assert found.high[dense] == pytest.approx(values.max(), abs=1e-5)
    never = with_loops(graph, calibrate(graph, data), examples(graph, [np.abs(x)]))
    assert (never.low[other.ops[0].outputs[0]], never.high[other.ops[0].outputs[0]]) == (0, 0)


@pytest.mark.parametrize("graph", [lstm(), lstm(True), simple(), branch()], ids=list("lesb"))
def test_what_is_laid_out_is_rolled_up_again(graph: Graph) -> None:
    laid = unrolled(graph, lambda _: None)
    assert loop_of(graph) not in laid.ops
    assert text(verify(rolled(laid))) == text(graph)


def test_carried_values_have_one_quantization() -> None:
    op = loop_of(integer(lstm(True)))
    condition, body = op.subgraphs
    for k, t in enumerate(body.inputs):
        same = (op.inputs[k], op.outputs[k], body.outputs[k], condition.inputs[k])
        for other in same:
            assert other is not None and other.dtype is t.dtype
            if t.dtype is not DType.INT32:
                assert t.quant is not None and other.quant is not None
                assert other.quant.scale == t.quant.scale
                assert other.quant.zero_point == t.quant.zero_point


def test_the_cell_state_is_int16_where_only_integers_will_do() -> None:
    graph = lstm(units=16, steps=30)
    found = integer(graph, [v * 4 for v in fed(graph)])
    types = {t.dtype for t in loop_of(found).subgraphs[1].inputs}
    assert types == {DType.INT32, DType.INT8, DType.INT16}


def test_what_a_loop_can_be() -> None:
    def refused(op: Op) -> str | None:
        return refusal(op)

    assert forms(lstm(units=24), refused, False) == ("int8", "float32", "")
    assert forms(lstm(), refused, False) == ()  # too few weights to be faster in integers
    assert forms(lstm(), refused, True) == ("int16", "int8")
    assert forms(simple(units=48), refused, False) == ("int8", "")
    assert forms(branch(), refused, True) == ("int8",)
    assert forms(simple(), lambda op: "no" if op.kind == "TANH" else None, False) == ()
    told = hindrance(loop_of(simple()), lambda op: "no" if op.kind == "TANH" else None)
    assert told == "TANH inside it cannot be one: no"


def test_on_a_cpu_float_loops_stay_where_integers_change_answers() -> None:
    graph = lstm(units=24, steps=30)
    x = [v * 4 for v in fed(graph)]
    outcome = Quantize("int8")(graph, examples(graph, x))
    whole = Quantize("int8", integer_cells=True)(graph, examples(graph, x)).graph
    kinds = {op.kind for op in float_ops(outcome.graph)}
    assert ("LOGISTIC" in kinds) == ("loops stay float" in outcome.why)
    if kinds:
        assert any("inside a loop" in n.message for n in outcome.notices)
        assert off(graph, outcome.graph) < off(graph, whole)


def test_a_shared_body_stays_float() -> None:
    graph = simple()
    op = loop_of(graph)
    again = [tensor(f"again{i}", t.shape, t.dtype) for i, t in enumerate(op.outputs)]
    second = op.with_(inputs=(op.inputs[0], op.outputs[1], op.inputs[2]), outputs=tuple(again))
    both = graph.with_(ops=(*graph.ops, second), outputs=(again[1],))
    assert sum(bool(o.subgraphs) for o in unrolled(both, lambda _: None).ops) == 2
    found = Quantize("int8")(both, examples(both, fed(both))).graph
    assert off(both, found) < 0.04
