"""The fused op as a loop: the same answers in a stream of invocations, with resets and without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor, text, verify
from litesmith.rewrite import Rewrite, apply
from litesmith.rewrite.fuse_lstm import fuse_lstm
from litesmith.rewrite.lstm_forms import always, better_fused, better_looped, stays_loop
from litesmith.rewrite.lstm_layer import Lstm
from litesmith.rewrite.unfuse_lstm import unfuse_lstm
from tests.rewrite.lstm_graphs import ACTIVATIONS, cell, fused, loop, same_stream
from tests.support.graphs import Builder, const, tensor
from tests.support.rewriting import declined, kinds

FUSE = fuse_lstm(always)
LOOP = unfuse_lstm(always, always)
_GOLDEN = Path(__file__).parents[1] / "golden" / "rewrite_unfuse_lstm.txt"


def _cut(b: Builder, y: Tensor, time_major: bool, step: int) -> Tensor:
    axis = 0 if time_major else 1
    begin = [step if i == axis else 0 for i in range(3)]
    masks = 7 - (1 << axis)
    more = {"begin_mask": masks, "end_mask": masks, "shrink_axis_mask": 1 << axis}
    end = [v + 1 for v in begin] if step >= 0 else [0, 0, 0]
    return b.op("STRIDED_SLICE", y, const(begin), const(end), const([1, 1, 1]), **more)


@st.composite
def layers(draw: st.DrawFn) -> Graph:
    b = Builder(draw(st.integers(0, 99)))
    steps, batch, features = (draw(st.integers(1, n)) for n in (6, 3, 5))
    time_major = draw(st.booleans())
    y = b.input((steps, batch, features) if time_major else (batch, steps, features))
    outputs: list[Tensor] = []
    for _ in range(draw(st.integers(1, 2))):
        act = draw(st.sampled_from(sorted(ACTIVATIONS)))
        c = cell(b, y.shape[2], draw(st.integers(1, 9)), act)
        y, _, _ = fused(b, y, c, time_major, reset=draw(st.booleans()))
    step = draw(st.sampled_from([None, steps - 1, 0]))
    outputs.append(y if step is None else _cut(b, y, time_major, step))
    return b.graph(*outputs)


@settings(max_examples=50, deadline=None)
@given(layers(), st.sampled_from([(), (2,), (1, 2, 3)]))
def test_random_layers(graph: Graph, resets: tuple[int, ...]) -> None:
    after = verify(apply(graph, (LOOP,)).graph)
    assert not kinds(after)["UNIDIRECTIONAL_SEQUENCE_LSTM"]
    same_stream(graph, after, resets)
    again = verify(apply(after, (FUSE,)).graph)
    assert not kinds(again)["WHILE"]
    same_stream(graph, again, resets)


@settings(max_examples=20, deadline=None)
@given(layers(), st.sampled_from(["auto", "fused", "loop"]), st.sampled_from([(), (2,)]))
def test_with_all_families(graph: Graph, form: str, resets: tuple[int, ...]) -> None:
    same_stream(graph, verify(Rewrite(recurrent=form)(graph).graph), resets)


def _one(reset: bool = True, last: bool = False) -> Graph:
    b = Builder()
    y, _, _ = fused(b, b.input((1, 4, 3)), cell(b, 3, 2), time_major=False, reset=reset)
    return b.graph(_cut(b, y, False, 3) if last else y)


def test_kept_state_goes_on() -> None:
    """Two invocations differ without a reset, and the loop follows."""
    graph = _one(reset=False)
    after = apply(graph, (LOOP,)).graph
    assert sum(t.is_variable for op in after.ops for t in op.outputs) == 2
    same_stream(graph, after, resets=(2,))


def test_last_step_collects_nothing() -> None:
    after = apply(_one(last=True), (LOOP,)).graph
    body = next(op for op in after.ops if op.kind == "WHILE").subgraphs[1]
    assert not kinds(body)["DYNAMIC_UPDATE_SLICE"]
    same_stream(_one(last=True), after)


def test_step_before_the_last_is_collected() -> None:
    b = Builder()
    y, _, _ = fused(b, b.input((1, 4, 3)), cell(b, 3, 2), False, reset=True)
    graph = b.graph(_cut(b, y, False, 2), _cut(b, y, False, -1))
    same_stream(graph, apply(graph, (LOOP,)).graph)


def test_projection_leaves_the_loop() -> None:
    b = Builder()
    ends = loop(b, b.input((4, 2, 3)), cell(b, 3, 5), every=True)
    graph = b.graph(ends[2], ends[3], ends[4])
    after = apply(graph, (LOOP,)).graph
    body = next(op for op in after.ops if op.kind == "WHILE").subgraphs[1]
    assert kinds(body)["FULLY_CONNECTED"] == 1
    same_stream(graph, after)
    assert not apply(after, (LOOP,)).done


@pytest.mark.parametrize(
    ("places", "why"),
    [((9, 10, 11), "peepholes"), ((20, 21, 22, 23), "layer normalization")],
)
def test_richer_cells_are_declined(places: tuple[int, ...], why: str) -> None:
    graph = _one()
    op = graph.ops[-1]
    inputs = list(op.inputs)
    for i in places:
        inputs[i] = const([0.5, 0.5])
    assert why in declined(graph.with_(ops=(*graph.ops[:-1], op.with_(inputs=tuple(inputs)))), LOOP)


def test_projection_is_declined() -> None:
    graph = _one()
    op = graph.ops[-1]
    inputs = list(op.inputs)
    inputs[16] = const([[0.5, 0.5], [0.1, 0.2]])
    changed = graph.with_(ops=(*graph.ops[:-1], op.with_(inputs=tuple(inputs))))
    assert "a projection" in declined(changed, LOOP)


def test_coupled_gates_are_declined() -> None:
    graph = _one()
    op = graph.ops[-1]
    inputs = list(op.inputs)
    for i in (1, 5, 12):
        inputs[i] = None
    changed = graph.with_(ops=(*graph.ops[:-1], op.with_(inputs=tuple(inputs))))
    assert "coupled" in declined(changed, LOOP)


def test_clipping_is_declined() -> None:
    graph = _one()
    op = graph.ops[-1]
    assert op.options is not None
    clipped = op.with_(options=op.options.with_(cell_clip=1.0))
    assert "clips" in declined(graph.with_(ops=(*graph.ops[:-1], clipped)), LOOP)


def test_shared_state_is_declined() -> None:
    b = Builder()
    y, h, _ = fused(b, b.input((1, 4, 3)), cell(b, 3, 2), False, reset=True)
    graph = b.graph(y, b.op("NEG", h))
    assert "something else reads its states" in declined(graph, LOOP)


@given(
    st.integers(1, 512), st.integers(1, 400), st.integers(1, 512), st.integers(1, 4), st.booleans()
)
def test_no_layer_is_better_both_ways(
    units: int, steps: int, features: int, batch: int, every: bool
) -> None:
    """The two families do not undo each other."""
    x, state = tensor("x", (steps, batch, features)), tensor("h", (batch, units))
    wide = const([0.0]).data
    assert wide is not None
    w = wide.reshape(1, 1).repeat(units, axis=1)
    lstm = Lstm(x, True, w, w, wide, 4, state, state)
    assert not (better_fused(lstm, every) and better_looped(lstm, every))
    assert stays_loop(lstm, every) is not better_fused(lstm, every)


def test_golden() -> None:
    cases = {"every step, state kept": _one(reset=False), "last step, state set": _one(last=True)}
    found = "\n".join(
        f"# {title}\n{text(graph)}# becomes\n{text(apply(graph, (LOOP,)).graph)}"
        for title, graph in cases.items()
    )
    if os.environ.get("UPDATE_GOLDEN"):
        _GOLDEN.write_text(found, encoding="utf-8")
    assert found == _GOLDEN.read_text(encoding="utf-8")
