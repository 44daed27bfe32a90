"""Loops that are LSTMs are fused, whatever their size and writing; others say why not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.errors import InputError
from litesmith.graph import Graph, Tensor, text, verify
from litesmith.rewrite import FAMILIES, Rewrite, apply
from litesmith.rewrite.fuse_lstm import fuse_lstm
from litesmith.rewrite.lstm_forms import always, never
from litesmith.rewrite.unfuse_lstm import unfuse_lstm
from litesmith.targets import TARGETS
from tests.rewrite.lstm_graphs import ACTIVATIONS, cell, fused, loop, same_stream
from tests.support.graphs import Builder, const
from tests.support.rewriting import declined, kinds

FUSE = fuse_lstm(always)
LOOP = unfuse_lstm(always, always)
_GOLDEN = Path(__file__).parents[1] / "golden" / "rewrite_fuse_lstm.txt"


@st.composite
def layers(draw: st.DrawFn) -> Graph:
    """One or two layers, each way round, as the converter writes them."""
    b = Builder(draw(st.integers(0, 99)))
    steps, batch, features = (draw(st.integers(1, n)) for n in (6, 3, 5))
    x = b.input((batch, steps, features))
    swap = b.op("TRANSPOSE", x, const([1, 0, 2])) if batch > 1 else None
    x = swap if swap is not None else b.op("RESHAPE", x, const([steps, 1, features]))
    outputs: list[Tensor] = []
    for _ in range(draw(st.integers(1, 2))):
        backwards, every = draw(st.booleans()), draw(st.booleans())
        act = draw(st.sampled_from(sorted(ACTIVATIONS)))
        c = cell(b, x.shape[2], draw(st.integers(1, 9)), act)
        fed = b.op("REVERSE_V2", x, const([0])) if backwards else x
        states = None
        if draw(st.booleans()):
            states = (b.input((batch, c.units)), b.op("TANH", b.input((batch, c.units))))
        ends = loop(b, fed, c, every, states, draw(st.booleans()))
        outputs.append(ends[3] if draw(st.booleans()) else b.op("NEG", ends[2]))
        if every:
            x = ends[2]
    return b.graph(*outputs)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_random_layers(graph: Graph) -> None:
    after = verify(apply(graph, (FUSE,)).graph)
    assert not kinds(after)["WHILE"]
    same_stream(graph, after)


@settings(max_examples=25, deadline=None)
@given(layers())
def test_there_and_back(graph: Graph) -> None:
    once = apply(graph, (FUSE,)).graph
    looped = verify(apply(once, (LOOP,)).graph)
    assert not kinds(looped)["UNIDIRECTIONAL_SEQUENCE_LSTM"]
    same_stream(once, looped)
    again = verify(apply(looped, (FUSE,)).graph)
    same_stream(once, again)
    counts = [kinds(g)["UNIDIRECTIONAL_SEQUENCE_LSTM"] for g in (once, again)]
    assert counts[0] == counts[1]
    assert apply(again, (FUSE,)).graph is again


@settings(max_examples=15, deadline=None)
@given(layers(), st.sampled_from(["auto", "fused", "loop"]))
def test_with_all_families(graph: Graph, form: str) -> None:
    after = verify(Rewrite(recurrent=form)(graph).graph)
    same_stream(graph, after)


def _last(every: bool = False, **more: bool) -> Graph:
    b = Builder()
    x = b.op("RESHAPE", b.input((1, 4, 3)), const([4, 1, 3]))
    ends = loop(b, x, cell(b, 3, 2), every, **more)
    return b.graph(b.op("RESHAPE", ends[2], const([1, 4, 2] if every else [1, 2])))


def test_state_is_set_in_the_graph() -> None:
    """No family takes the ops away that set it: they equal constants, and each other."""
    graph = apply(_last(), (*(f for f in FAMILIES if "lstm" not in f.name), FUSE)).graph
    assert kinds(graph)["ZEROS_LIKE"] == 2
    same_stream(_last(), graph)


def test_masked_steps_are_declined() -> None:
    assert "masked" in declined(_last(masked=True), FUSE)


def test_cell_state_behind_the_loop_is_declined() -> None:
    b = Builder()
    ends = loop(b, b.input((4, 1, 3)), cell(b, 3, 2), every=False)
    assert "cell state" in declined(b.graph(ends[3], ends[4]), FUSE)


def test_open_batch_is_declined() -> None:
    b = Builder()
    x = b.input((4, 1, 3))
    opened = x.with_(shape_signature=(4, -1, 3))
    ends = loop(b, x, cell(b, 3, 2), every=False)
    ops = [op.with_(inputs=tuple(opened if t is x else t for t in op.inputs)) for op in b.ops]
    assert "open" in declined(Graph((opened,), (ends[3],), tuple(ops)), FUSE)


@pytest.mark.parametrize("layer", ["GRU", "SimpleRNN"])
def test_one_state_is_declined(layer: str) -> None:
    b = Builder()
    ends = loop(b, b.input((4, 1, 3)), cell(b, 3, 2), every=False)
    while_op = b.ops[-1]
    body = while_op.subgraphs[1]
    # The cell state is carried unchanged, and the output is no gate times it.
    kept = {3, 4}
    outputs = [body.inputs[4] if k == 4 else t for k, t in enumerate(body.outputs)]
    assert kept <= set(range(len(outputs)))
    ops = body.ops
    if layer == "SimpleRNN":
        ops = tuple(op.with_(kind="TANH") if op.kind == "LOGISTIC" else op for op in ops)
    changed = body.with_(outputs=tuple(outputs), ops=ops)
    b.ops[-1] = while_op.with_(subgraphs=(while_op.subgraphs[0], changed))
    assert layer in declined(b.graph(ends[3]), FUSE)


def test_two_different_activations_are_declined() -> None:
    b = Builder()
    ends = loop(b, b.input((4, 1, 3)), cell(b, 3, 2), every=False)
    while_op = b.ops[-1]
    body = while_op.subgraphs[1]
    first = next(op for op in body.ops if op.kind == "TANH")
    changed = [op.with_(kind="RELU") if op is first else op for op in body.ops]
    new = body.with_(ops=tuple(changed))
    b.ops[-1] = while_op.with_(subgraphs=(while_op.subgraphs[0], new))
    assert "something else" in declined(b.graph(ends[3]), FUSE)


def test_loop_that_is_no_layer_is_left_alone() -> None:
    b = Builder()
    ends = loop(b, b.input((4, 1, 3)), cell(b, 3, 2), every=False)
    while_op = b.ops[-1]
    counting = while_op.subgraphs[1]
    bare = counting.with_(outputs=(*counting.outputs[:2], *counting.inputs[2:]))
    b.ops[-1] = while_op.with_(subgraphs=(while_op.subgraphs[0], bare))
    outcome = apply(b.graph(ends[3]), (FUSE,))
    assert not outcome.done
    assert all("LSTM's cell" in why or "one state" in why for why in outcome.explain)


@pytest.mark.parametrize("drop", ["fuse_lstm", "unfuse_lstm"])
def test_both_can_be_left_out(drop: str) -> None:
    form = {"fuse_lstm": "fused", "unfuse_lstm": "loop"}[drop]
    after = Rewrite(without=(drop,), recurrent=form)(_last()).graph
    assert kinds(after)["WHILE"] == 1
    assert not kinds(after)["FULLY_CONNECTED"]


def test_unknown_form() -> None:
    with pytest.raises(InputError, match="no form 'both'"):
        Rewrite(recurrent="both")


def test_targets_say_which_form_they_need() -> None:
    forms = {name: target.recurrent for name, target in TARGETS.items()}
    assert forms["cpu"] == "auto"
    assert {forms["micro"], forms["ethos-u55-128"], forms["edgetpu"]} == {"fused"}


@pytest.mark.parametrize("form", ["fused", "auto"])
def test_targets_kernels_know_tanh_alone(form: str) -> None:
    b = Builder()
    ends = loop(b, b.input((4, 1, 3)), cell(b, 3, 2, "RELU"), every=False)
    outcome = Rewrite(recurrent=form)(b.graph(ends[3]))
    assert kinds(outcome.graph)["WHILE"] == (form == "fused")
    assert any("not tanh" in why for why in outcome.explain) is (form == "fused")


def test_layer_without_activation_is_declined() -> None:
    b = Builder()
    ends = loop(b, b.input((4, 1, 3)), cell(b, 3, 2, "NONE"), every=False)
    graph = b.graph(ends[3])
    assert "no activation" in declined(graph, FUSE)
    same_stream(graph, apply(graph, (LOOP,)).graph)


def test_never() -> None:
    assert not apply(_last(), (fuse_lstm(never),)).done


def test_golden() -> None:
    cases = {"last step": _last(), "every step": _last(every=True)}
    found = "\n".join(
        f"# {title}\n{text(graph)}# becomes\n{text(apply(graph, (FUSE,)).graph)}"
        for title, graph in cases.items()
    )
    if os.environ.get("UPDATE_GOLDEN"):
        _GOLDEN.write_text(found, encoding="utf-8")
    assert found == _GOLDEN.read_text(encoding="utf-8")


def test_time_major_or_not_fused_alike() -> None:
    b = Builder(3)
    c = cell(b, 3, 2)
    x = b.input((2, 4, 3))
    y, _, _ = fused(b, x, c, time_major=False, reset=True)
    flat = b.graph(y)
    b2 = Builder(3)
    x2 = b2.input((2, 4, 3))
    ends = loop(b2, b2.op("TRANSPOSE", x2, const([1, 0, 2])), c, every=True)
    major = b2.graph(b2.op("TRANSPOSE", ends[2], const([1, 0, 2])))
    after = Rewrite(recurrent="fused")(major).graph
    assert kinds(after) == {"ZEROS_LIKE": 2, "UNIDIRECTIONAL_SEQUENCE_LSTM": 1}
    same_stream(flat, after)
    assert np.isfinite(c.bias).all()
