"""Activations in every spelling become their op; near misses do not."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.composites import COMPOSITES
from tests.support.graphs import RELU6, Builder, const
from tests.support.rewriting import check, golden, kinds

Draw = Callable[[int], int]


def _c(value: float) -> Tensor:
    return const(np.float32(value))


class Speller:
    """Writes sums and products in a drawn order."""

    def __init__(self, b: Builder, pick: Draw) -> None:
        self.b, self.pick = b, pick

    def chain(self, kind: str, *terms: Tensor) -> Tensor:
        left = list(terms)
        while len(left) > 1:
            one = left.pop(self.pick(len(left)))
            two = left.pop(self.pick(len(left)))
            if one.is_constant and two.is_constant:
                assert one.data is not None and two.data is not None
                both = one.data * two.data if kind == "MUL" else one.data + two.data
                left.append(const(np.asarray(both, np.float32)))
            else:
                left.append(self.b.op(kind, one, two))
        return left[0]

    def over(self, x: Tensor, divisor: float) -> Tensor:
        """x / divisor."""
        if self.pick(2):
            return self.b.op("DIV", x, _c(divisor))
        return self.b.op("MUL", x, _c(1 / divisor))

    def minus(self, x: Tensor) -> Tensor:
        forms = (
            lambda: self.b.op("NEG", x),
            lambda: self.b.op("MUL", x, _c(-1)),
            lambda: self.b.op("SUB", _c(0), x),
        )
        return forms[self.pick(3)]()

    def clip6(self, x: Tensor) -> Tensor:
        shifted = (x, _c(3))
        forms = (
            lambda: self.b.op("ADD", *shifted, fused_activation_function=RELU6),
            lambda: self.b.op("RELU6", self.chain("ADD", *shifted)),
            lambda: self.b.op(
                "MINIMUM", self.b.op("MAXIMUM", self.chain("ADD", *shifted), _c(0)), _c(6)
            ),
        )
        return forms[self.pick(3)]()


def _hard_swish(s: Speller, x: Tensor) -> Tensor:
    gate = s.clip6(x)
    forms = (
        lambda: s.chain("MUL", x, gate, _c(1 / 6)),
        lambda: s.over(s.chain("MUL", x, gate), 6),
        lambda: s.chain("MUL", x, s.over(gate, 6)),
    )
    return forms[s.pick(3)]()


def _gelu(s: Speller, x: Tensor) -> Tensor:
    forms = (
        lambda: s.chain("MUL", x, x, x, _c(0.044715)),
        lambda: s.b.op("MUL", s.b.op("POW", x, _c(3)), _c(0.044715)),
        lambda: s.chain("MUL", s.b.op("SQUARE", x), x, _c(0.044715)),
    )
    inner = s.chain("MUL", s.chain("ADD", x, forms[s.pick(3)]()), _c(math.sqrt(2 / math.pi)))
    return s.chain("MUL", x, s.chain("ADD", s.b.op("TANH", inner), _c(1)), _c(0.5))


def _logistic(s: Speller, x: Tensor) -> Tensor:
    if s.pick(2):
        tanh = s.b.op("TANH", s.over(x, 2))
        return s.chain("ADD", s.chain("MUL", tanh, _c(0.5)), _c(0.5))
    return s.b.op("DIV", _c(1), s.chain("ADD", s.b.op("EXP", s.minus(x)), _c(1)))


def _tanh(s: Speller, x: Tensor) -> Tensor:
    double = s.b.op("LOGISTIC", s.chain("MUL", x, _c(2)))
    return s.b.op("SUB", s.chain("MUL", double, _c(2)), _c(1))


def _elu(s: Speller, x: Tensor) -> Tensor:
    below = s.b.op("SUB", s.b.op("EXP", s.b.op("MINIMUM", x, _c(0))), _c(1))
    return s.chain("ADD", s.b.op("RELU", x), below)


def _leaky(s: Speller, x: Tensor, slope: Tensor) -> Tensor:
    """Positive part plus slope times the negative part."""
    forms = (
        lambda: s.chain(
            "ADD", s.b.op("RELU", x), s.chain("MUL", s.b.op("MINIMUM", x, _c(0)), slope)
        ),
        lambda: s.b.op("SUB", s.b.op("RELU", x), s.chain("MUL", s.b.op("RELU", s.minus(x)), slope)),
        lambda: s.chain(
            "ADD",
            s.b.op("RELU", x),
            s.over(s.chain("MUL", s.b.op("SUB", x, s.b.op("ABS", x)), slope), 2),
        ),
        lambda: s.b.op("MAXIMUM", x, s.chain("MUL", x, slope)),
    )
    return forms[s.pick(4)]()


_FORMS: dict[str, Callable[[Speller, Tensor], Tensor]] = {
    "HARD_SWISH": _hard_swish,
    "GELU": _gelu,
    "LOGISTIC": _logistic,
    "TANH": _tanh,
    "ELU": _elu,
    "LEAKY_RELU": lambda s, x: _leaky(s, x, _c(0.2)),
    "PRELU": lambda s, x: _leaky(s, x, s.b.weights(x.shape[-1], scale=0.3)),
}
_SHAPES = st.sampled_from([(1, 6), (3,), (1, 3, 4), (2, 3, 2, 4), (1, 2, 3, 2, 2)])


def _positive(b: Builder) -> None:
    """Slopes in [0, 1], so that MAXIMUM means the same as the other forms."""
    draw = b.random.uniform
    b.weights = lambda *s, **_: const(draw(0, 1, s).astype(np.float32))  # type: ignore[assignment]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(_FORMS)), _SHAPES, st.data(), st.booleans(), st.booleans())
def test_random_spellings(
    kind: str, shape: tuple[int, ...], data: st.DataObject, before: bool, behind: bool
) -> None:
    b = Builder(data.draw(st.integers(0, 9)))
    _positive(b)
    x = b.input(shape)
    x = b.op("SIN", x) if before else x
    y = _FORMS[kind](Speller(b, lambda n: data.draw(st.integers(0, n - 1))), x)
    after = check(
        b.graph(b.op("FLOOR", y) if behind and kind != "GELU" else y), COMPOSITES, low=-5, high=5
    )
    if len(shape) < 5 or kind != "PRELU":
        assert kinds(after)[kind] == 1
        assert len(after.ops) == 1 + before + (behind and kind != "GELU")


@pytest.mark.parametrize("kind", sorted(_FORMS))
def test_values_that_others_need_keep_the_spelling(kind: str) -> None:
    b = Builder()
    _positive(b)
    _FORMS[kind](Speller(b, lambda n: 0), b.input((1, 4)))
    made = [op.outputs[0] for op in b.ops]
    after = check(b.graph(made[-1], made[-2]), COMPOSITES)
    assert made[-2] in after.outputs


@pytest.mark.parametrize(
    "factor,divisor,shift",
    [(1.0, 6.01, 3.0), (1.0, 6.0, 3.001), (1.001, 6.0, 3.0), (-1.0, 6.0, 3.0)],
)
def test_near_misses_stay(factor: float, divisor: float, shift: float) -> None:
    b = Builder()
    x = b.input((1, 4))
    gate = b.op("RELU6", b.op("ADD", b.op("MUL", x, _c(factor)), _c(shift)))
    y = b.op("DIV", b.op("MUL", x, gate), _c(divisor))
    assert "HARD_SWISH" not in kinds(check(b.graph(y), COMPOSITES))


def test_quick_gelu_and_silu_are_minimal() -> None:
    b = Builder()
    x = b.input((1, 4))
    quick = b.op("MUL", x, b.op("LOGISTIC", b.op("MUL", x, _c(1.702))))
    silu = b.op("MUL", x, b.op("LOGISTIC", x))
    assert not apply(b.graph(quick, silu), (COMPOSITES,)).done


def test_silu_by_division() -> None:
    b = Builder()
    x = b.input((1, 4))
    y = b.op("DIV", x, b.op("ADD", b.op("EXP", b.op("NEG", x)), _c(1)))
    assert kinds(check(b.graph(y), COMPOSITES)) == {"LOGISTIC": 1, "MUL": 1}


@pytest.mark.parametrize("limit", [45.0, 1000.0, 1e9])
def test_limits_far_out_are_seen(limit: float) -> None:
    b = Builder()
    x = b.input((1, 4))
    y = b.op("MAXIMUM", b.op("MINIMUM", x, _c(limit)), b.op("MUL", x, _c(0.1)))
    assert not apply(b.graph(y), (COMPOSITES,)).done


def test_functions_of_two_values_stay() -> None:
    b = Builder()
    x, y = b.input((1, 4)), b.input((1, 4))
    graph = b.graph(b.op("MAXIMUM", x, b.op("MUL", y, _c(0.2))))
    assert not apply(graph, (COMPOSITES,)).done


def test_constants_that_enlarge_the_result_stay() -> None:
    b = Builder()
    x = b.input((1, 1))
    graph = b.graph(b.op("MAXIMUM", x, b.op("MUL", x, const(np.full(4, 0.2, np.float32)))))
    assert not apply(graph, (COMPOSITES,)).done


def test_golden() -> None:
    cases = {}
    for kind in ("HARD_SWISH", "GELU", "LOGISTIC", "LEAKY_RELU"):
        b = Builder()
        cases[kind] = b.graph(_FORMS[kind](Speller(b, lambda n: 0), b.input((1, 4))))
    golden("composites", cases, COMPOSITES)
