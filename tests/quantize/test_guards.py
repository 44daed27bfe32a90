"""Float ops behind rounded values answer no NaN: 0 and negative operands never reach them."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph.census import op_counts
from litesmith.quantize import Quantize
from litesmith.quantize.step import Outcome
from tests.support.graphs import Array, Builder, const, examples, execute, integer

_WIDE = np.asarray([[2e-6, 0.5, 3.0, 100.0]], np.float32)  # the first rounds to 0 in 8 bits


def _outcome(kind: str, values: Array, *bits: str) -> tuple[Outcome, Array, Array]:
    """Return the quantized graph of kind(x + 0) or 1 / (x + 0), what it answers, and float's."""
    b = Builder()
    x = b.input((1, values.shape[-1]))
    y = b.op("ADD", x, const(np.float32(0)))
    result = b.op(kind, const(np.float32(1)), y) if kind == "DIV" else b.op(kind, y)
    graph = b.graph(result)
    outcome = Quantize("int8", bits=(f"{kind}=32", *bits))(
        graph, examples(graph, [values[:, None]])
    )
    fed = [values[:, None]]
    return outcome, execute(outcome.graph, fed)[0], execute(graph, fed)[0]


@pytest.mark.parametrize("bits", [(), ("ADD=16",)], ids=["int8", "int16"])
@pytest.mark.parametrize("kind", ["RSQRT", "LOG", "SQRT", "DIV"])
def test_positive_operands_stay_positive(kind: str, bits: tuple[str, ...]) -> None:
    outcome, found, exact = _outcome(kind, np.repeat(_WIDE, 2, 0), *bits)
    assert np.isfinite(found).all()
    assert "MAXIMUM" in op_counts(outcome.graph)
    np.testing.assert_allclose(found[..., 3], exact[..., 3], rtol=0.02)
    assert any("from 0 or overflow" in notice.message for notice in outcome.notices)


@pytest.mark.parametrize("sign", [-1.0, 1.0], ids=["negative", "mixed"])
def test_divisors_of_any_sign_are_never_zero(sign: float) -> None:
    values = np.stack([-_WIDE[0], sign * _WIDE[0]])
    outcome, found, exact = _outcome("DIV", values)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[..., 2:], exact[..., 2:], rtol=0.2)
    assert ("SELECT_V2" if sign > 0 else "MINIMUM") in op_counts(outcome.graph)


def test_integers_summed_in_float_do_not_reach_zero() -> None:
    b = Builder()
    x = b.input((1, 4))
    total = b.op("SUM", b.op("MUL", x, x), const([1]), keep_dims=True)
    graph = b.graph(b.op("MUL", x, b.op("RSQRT", total)))
    fed = [np.asarray([[[1e-3, 0, 0, 0]], [[5, 5, 5, 5]]], np.float32)]
    step = Quantize("int8", bits=("SUM=32", "RSQRT=32"))
    result = step(graph, examples(graph, fed)).graph
    assert np.isfinite(execute(result, fed)[0]).all()


def test_exponents_of_saturated_differences_do_not_overflow() -> None:
    b = Builder()
    x = b.input((1, 4))
    peak = b.op("REDUCE_MAX", x, const([1]), keep_dims=True)
    graph = b.graph(b.op("EXP", b.op("SUB", x, peak)))
    step = Quantize("int8", bits=("REDUCE_MAX=8", "SUB=32", "EXP=32"))
    result = step(graph, examples(graph, low=-90.0, high=90.0)).graph
    fed = [np.asarray([[[1e4, -500, 200, 90]]], np.float32)]
    assert np.isfinite(execute(result, fed)[0]).all()


def test_integer_kernels_and_float_paths_need_no_guard() -> None:
    b = Builder()
    x = b.input((1, 4))
    graph = b.graph(b.op("RSQRT", b.op("ADD", x, const(np.float32(1)))))
    data = examples(graph, low=0.0)
    assert "MAXIMUM" not in op_counts(integer(graph, data))
    floats = Quantize("int8", bits=("ADD=32", "RSQRT=32"))(graph, data).graph
    assert "MAXIMUM" not in op_counts(floats)
