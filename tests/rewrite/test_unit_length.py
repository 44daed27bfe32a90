"""Written-out division by the length is one op where its floor is the kernel's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Tensor, write
from litesmith.rewrite import apply
from litesmith.rewrite.unit_length import UNIT_LENGTH
from litesmith.runtime import Session
from tests.support.graphs import RELU, Builder, const
from tests.support.rewriting import check, declined, golden, kinds

_FORMS = ("rsqrt max", "sqrt max", "max sqrt", "min rsqrt")


def _limit(value: float) -> Tensor:
    return const(np.float32(value))


def written_out(
    b: Builder, x: Tensor, form: str, floor: float = 1e-6, square: str = "MUL", axis: int = -1
) -> Tensor:
    squares = b.op("MUL", x, x) if square == "MUL" else b.op("SQUARE", x)
    total = b.op("SUM", squares, const([axis]), keep_dims=True)
    if form == "rsqrt max":
        return b.op("MUL", x, b.op("RSQRT", b.op("MAXIMUM", total, _limit(floor**2))))
    if form == "sqrt max":
        return b.op("DIV", x, b.op("SQRT", b.op("MAXIMUM", total, _limit(floor**2))))
    if form == "max sqrt":
        return b.op("DIV", x, b.op("MAXIMUM", _limit(floor), b.op("SQRT", total)))
    if form == "min rsqrt":
        return b.op("MUL", b.op("MINIMUM", b.op("RSQRT", total), _limit(1 / floor)), x)
    if form == "plus":
        return b.op("MUL", x, b.op("RSQRT", b.op("ADD", total, _limit(floor**2))))
    return b.op("MUL", x, b.op("RSQRT", total))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(_FORMS),
    st.sampled_from([(4,), (1, 4), (2, 3), (1, 3, 4), (2, 3, 2, 4), (1, 1, 2, 3, 4), (2, 1)]),
    st.sampled_from(["MUL", "SQUARE"]),
    st.booleans(),
)
def test_random_forms(form: str, shape: tuple[int, ...], square: str, shared: bool) -> None:
    b = Builder()
    x = b.input(shape)
    y = written_out(b, x, form, square=square)
    after = check(b.graph(y, *([b.ops[1].outputs[0]] if shared else [])), UNIT_LENGTH)
    assert kinds(after)["L2_NORMALIZATION"] == (0 if shared else 1)


@pytest.mark.parametrize("form", _FORMS)
def test_short_vectors(form: str) -> None:
    b = Builder()
    graph = b.graph(written_out(b, b.input((1, 4)), form))
    after = apply(graph, (UNIT_LENGTH,)).graph
    for length in (1e-4, 1e-6, 1e-7, 0.0):
        given_ = np.full((1, 4), length / 2, np.float32)
        values = []
        for g in (graph, after):
            session = Session(write(g), kernels="builtin")
            session.feed([given_])
            session.invoke()
            values.append(session.fetch()[0])
        np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("form", [*_FORMS, "plus", "bare"])
def test_other_floors_are_declined(form: str) -> None:
    b = Builder()
    graph = b.graph(written_out(b, b.input((1, 4)), form, 1e-5))
    assert "floor" in declined(graph, UNIT_LENGTH)


def test_other_axes_and_activations_stay() -> None:
    b = Builder()
    assert not apply(
        b.graph(written_out(b, b.input((3, 4)), "rsqrt max", axis=0)), (UNIT_LENGTH,)
    ).done
    b = Builder()
    written_out(b, b.input((3, 4)), "rsqrt max")
    x, inverse = b.ops[-1].inputs
    y = b.op("MUL", x, inverse, fused_activation_function=RELU)
    assert not apply(b.graph(y), (UNIT_LENGTH,)).done


def test_length_of_another_value_stays() -> None:
    b = Builder()
    written_out(b, b.input((3, 4)), "rsqrt max")
    y = b.op("MUL", b.input((3, 4)), b.ops[-1].inputs[1])
    assert not apply(b.graph(y), (UNIT_LENGTH,)).done


def test_golden() -> None:
    b = Builder()
    golden(
        "unit_length",
        {"written out": b.graph(written_out(b, b.input((1, 4)), "rsqrt max"))},
        UNIT_LENGTH,
    )
