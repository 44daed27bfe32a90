"""Softmax in its spellings is one op; over other axes it stays and says why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.softmax import SOFTMAX
from tests.support.graphs import RELU, Builder, const
from tests.support.rewriting import check, declined, golden, kinds


def _row(b: Builder, kind: str, x: Tensor, axis: int = -1) -> Tensor:
    return b.op(kind, x, const([axis]), keep_dims=True)


def written_out(b: Builder, x: Tensor, shift: str, log: bool, axis: int = -1) -> list[Tensor]:
    """Softmax with the maximum, a constant or nothing subtracted; values on the way, last first."""
    shifts = {
        "max": lambda: _row(b, "REDUCE_MAX", x, axis),
        "constant": lambda: const(np.float32(0.5)),
        "none": lambda: None,
    }
    m = shifts[shift]()
    s = x if m is None else b.op("SUB", x, m)
    e = b.op("EXP", s)
    total = _row(b, "SUM", e, axis)
    if not log:
        return [b.op("DIV", e, total), total, e, s]
    normalizer = b.op("LOG", total)
    if m is None:
        return [b.op("SUB", x, normalizer), normalizer, total, e]
    whole = b.op("ADD", normalizer, m)
    return [b.op("SUB", x, whole), whole, normalizer, total, e]


@st.composite
def spellings(draw: st.DrawFn) -> tuple[Graph, bool]:
    b = Builder(draw(st.integers(0, 9)))
    x = b.input(
        draw(st.sampled_from([(4,), (1, 4), (3, 1), (2, 3, 4), (1, 2, 3, 4), (1, 2, 1, 2, 3)]))
    )
    x = b.op("TANH", x) if draw(st.booleans()) else x
    shift = draw(st.sampled_from(["max", "constant", "none"]))
    made = written_out(b, x, shift, draw(st.booleans()))
    shared = draw(st.booleans()) and draw(st.booleans())
    more = [draw(st.sampled_from(made[1:]))] if shared else []
    return b.graph(made[0], *dict.fromkeys(more)), shared


@settings(max_examples=80, deadline=None)
@given(spellings())
def test_random_spellings(case: tuple[Graph, bool]) -> None:
    graph, shared = case
    after = kinds(check(graph, SOFTMAX))
    if not shared:
        assert after["SOFTMAX"] + after["LOG_SOFTMAX"] == 1
        assert set(after) <= {"SOFTMAX", "LOG_SOFTMAX", "TANH"}


def test_log_sum_exp_with_a_guarded_maximum() -> None:
    """What the converter makes of x − reduce_logsumexp(x)."""
    b = Builder()
    x = b.input((2, 4))
    m = _row(b, "REDUCE_MAX", x)
    finite = b.op("EQUAL", b.op("SUB", m, m), const(np.float32(0)), dtype=DType.BOOL)
    zero = const(np.float32(0))
    guarded = b.op("SELECT_V2", finite, m, zero, dtype=DType.FLOAT32)
    total = _row(b, "SUM", b.op("EXP", b.op("SUB", x, guarded)))
    y = b.op("SUB", x, b.op("ADD", b.op("LOG", total), guarded))
    assert kinds(check(b.graph(y), SOFTMAX)) == {"LOG_SOFTMAX": 1}


@pytest.mark.parametrize("beta,expected", [(1.0, {"LOG_SOFTMAX": 1}), (2.0, None)])
def test_logarithm(beta: float, expected: dict[str, int] | None) -> None:
    b = Builder()
    graph = b.graph(b.op("LOG", b.op("SOFTMAX", b.input((2, 4)), beta=beta)))
    assert kinds(check(graph, SOFTMAX)) == (expected or {"SOFTMAX": 1, "LOG": 1})


@pytest.mark.parametrize("kind", ["SUB", "ADD"])
@pytest.mark.parametrize("shape,gone", [((2, 1), True), ((), True), ((4,), False), ((2, 4), False)])
def test_what_is_added_to_whole_rows_does_not_matter(
    kind: str, shape: tuple[int, ...], gone: bool
) -> None:
    b = Builder()
    moved = b.op(kind, b.input((2, 4)), b.input(shape))
    after = check(b.graph(b.op("SOFTMAX", moved, beta=1.5)), SOFTMAX)
    assert kinds(after) == ({"SOFTMAX": 1} if gone else {"SOFTMAX": 1, kind: 1})


def test_swapped_subtraction_stays() -> None:
    b = Builder()
    graph = b.graph(b.op("SOFTMAX", b.op("SUB", b.input((2, 1)), b.input((2, 4))), beta=1.0))
    assert not apply(graph, (SOFTMAX,)).done


def test_other_axes_are_declined() -> None:
    b = Builder()
    graph = b.graph(written_out(b, b.input((2, 3, 4)), "none", False, axis=1)[0])
    assert "other axes" in declined(graph, SOFTMAX)


def test_activation_stays() -> None:
    b = Builder()
    e = b.op("EXP", b.input((2, 4)))
    y = b.op("DIV", e, _row(b, "SUM", e), fused_activation_function=RELU)
    assert not apply(b.graph(y), (SOFTMAX,)).done


def test_golden() -> None:
    b, c = Builder(), Builder()
    cases = {
        "softmax": b.graph(written_out(b, b.input((1, 4)), "max", False)[0]),
        "log-softmax": c.graph(written_out(c, c.input((1, 4)), "max", True)[0]),
    }
    golden("softmax", cases, SOFTMAX)
