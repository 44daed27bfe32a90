"""Ops that do nothing go; whatever does something stays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, QuantParams, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.identities import IDENTITIES
from tests.support.graphs import RELU, SAME, Builder, const, make, tensor
from tests.support.rewriting import check, declined, golden, kinds

_SHAPE = (1, 3, 4, 2)
_ONE = {"stride_w": 1, "stride_h": 1, "filter_width": 1, "filter_height": 1, "padding": SAME}


def _f(*shape: int, value: float) -> Tensor:
    return const(np.full(shape, value, np.float32))


def _full_slice(b: Builder, x: Tensor) -> Tensor:
    zeros, ones = [0] * len(x.shape), [1] * len(x.shape)
    return b.op("STRIDED_SLICE", x, const(zeros), const(list(x.shape)), const(ones))


def _twice(kind: str, order: bool = False) -> Callable[[Builder, Tensor], Tensor]:
    def make_(b: Builder, x: Tensor) -> Tensor:
        minus = _f(value=-1.0)
        one = {
            "NEG": lambda y: b.op("NEG", y),
            "MUL": lambda y: b.op("MUL", minus, y) if order else b.op("MUL", y, minus),
            "SUB": lambda y: b.op("SUB", _f(value=0.0), y),
        }[kind]
        return one(one(x))

    return make_


def _back(b: Builder, x: Tensor) -> Tensor:
    return b.op("RESHAPE", b.op("RESHAPE", x, const([-1]), new_shape=[-1]), const(list(x.shape)))


_PADS = const(np.zeros((4, 2), np.int32))
_TRIVIAL: dict[str, Callable[[Builder, Tensor], Tensor]] = {
    "x + 0": lambda b, x: b.op("ADD", x, _f(value=0)),
    "0 + x": lambda b, x: b.op("ADD", _f(2, value=0), x),
    "x - 0": lambda b, x: b.op("SUB", x, _f(1, 1, 4, 1, value=0)),
    "x * 1": lambda b, x: b.op("MUL", x, _f(*_SHAPE, value=1)),
    "1 * x": lambda b, x: b.op("MUL", _f(1, value=1), x),
    "x / 1": lambda b, x: b.op("DIV", x, _f(value=1)),
    "x ** 1": lambda b, x: b.op("POW", x, _f(value=1)),
    "-(-x)": _twice("NEG"),
    "* -1 twice": _twice("MUL"),
    "-1 * twice": _twice("MUL", True),
    "0 - x twice": _twice("SUB"),
    "CAST": lambda b, x: b.op("CAST", x),
    "CONCATENATION": lambda b, x: b.op("CONCATENATION", x, axis=1),
    "SPLIT": lambda b, x: b.op("SPLIT", const(1), x, num_splits=1, dtype=DType.FLOAT32),
    "SPLIT_V": lambda b, x: b.op("SPLIT_V", x, const([3]), const(1), num_splits=1),
    "PAD": lambda b, x: b.op("PAD", x, _PADS),
    "PADV2": lambda b, x: b.op("PADV2", x, _PADS, _f(value=3)),
    "MIRROR_PAD": lambda b, x: b.op("MIRROR_PAD", x, _PADS, mode=0),
    "SPACE_TO_BATCH_ND": lambda b, x: b.op(
        "SPACE_TO_BATCH_ND", x, const([1, 1]), const([[0, 0], [0, 0]])
    ),
    "BATCH_TO_SPACE_ND": lambda b, x: b.op(
        "BATCH_TO_SPACE_ND", x, const([1, 1]), const([[0, 0], [0, 0]])
    ),
    "TILE": lambda b, x: b.op("TILE", x, const([1, 1, 1, 1])),
    "BROADCAST_TO": lambda b, x: b.op("BROADCAST_TO", x, const(list(_SHAPE)), version=2),
    "SLICE": lambda b, x: b.op("SLICE", x, const([0] * 4), const([1, -1, 4, -1])),
    "STRIDED_SLICE": _full_slice,
    "GATHER": lambda b, x: b.op("GATHER", x, const([0, 1, 2, 3]), axis=2),
    "RESIZE_BILINEAR": lambda b, x: b.op(
        "RESIZE_BILINEAR", x, const([3, 4]), half_pixel_centers=True
    ),
    "RESIZE_NEAREST_NEIGHBOR": lambda b, x: b.op("RESIZE_NEAREST_NEIGHBOR", x, const([3, 4])),
    "MAX_POOL_2D": lambda b, x: b.op("MAX_POOL_2D", x, **_ONE),
    "AVERAGE_POOL_2D": lambda b, x: b.op("AVERAGE_POOL_2D", x, **_ONE),
    "RESHAPE": lambda b, x: b.op("RESHAPE", x, const(list(_SHAPE))),
    "RESHAPE back": _back,
    "EXPAND_DIMS, SQUEEZE": lambda b, x: b.op(
        "SQUEEZE", b.op("EXPAND_DIMS", x, const(1)), squeeze_dims=[1]
    ),
    "TRANSPOSE": lambda b, x: b.op("TRANSPOSE", x, const([0, 1, 2, 3])),
    "TRANSPOSE twice": lambda b, x: b.op(
        "TRANSPOSE", b.op("TRANSPOSE", x, const([0, 3, 1, 2])), const([0, 2, 3, 1])
    ),
    "MEAN": lambda b, x: b.op("MEAN", x, const([0]), keep_dims=True),
    "SUM": lambda b, x: b.op("SUM", x, const([-4]), keep_dims=True),
    "REDUCE_MAX": lambda b, x: b.op("REDUCE_MAX", x, const([0]), keep_dims=True),
}
# Forms that look alike and do something; not the same shape in the end or not the same values.
_WORK: dict[str, Callable[[Builder, Tensor], Tensor]] = {
    "x + 1e-3": lambda b, x: b.op("ADD", x, _f(value=1e-3)),
    "0 - x": lambda b, x: b.op("SUB", _f(value=0), x),
    "1 / x": lambda b, x: b.op("DIV", _f(value=1), x),
    "1 ** x": lambda b, x: b.op("POW", _f(value=1), x),
    "-x": lambda b, x: b.op("NEG", x),
    "broadcast": lambda b, x: b.op("ADD", x, _f(5, 1, 1, 1, 1, value=0)),
    "one of several": lambda b, x: b.op("MUL", x, const(np.array([1, 2], np.float32))),
    "reversed": lambda b, x: b.op(
        "STRIDED_SLICE", x, const([0, -1, 0, 0]), const([1, -4, 4, 2]), const([1, -1, 1, 1])
    ),
    "order": lambda b, x: b.op("GATHER", x, const([0, 1, 3, 2]), axis=2),
    "TRANSPOSE": lambda b, x: b.op("TRANSPOSE", x, const([0, 2, 1, 3])),
    "MEAN": lambda b, x: b.op("MEAN", x, const([0, 1]), keep_dims=True),
    "EXPAND_DIMS": lambda b, x: b.op("EXPAND_DIMS", x, const(0)),
    "PAD": lambda b, x: b.op("PAD", x, const([[0, 0], [0, 1], [0, 0], [0, 0]])),
    "stride": lambda b, x: b.op("MAX_POOL_2D", x, **{**_ONE, "stride_w": 2}),
}


def _wrapped(form: Callable[[Builder, Tensor], Tensor]) -> Graph:
    b = Builder()
    x = b.op("TANH", b.input(_SHAPE))
    return b.graph(b.op("SQUARE", form(b, x)))


@pytest.mark.parametrize("form", _TRIVIAL)
def test_nothing_is_left(form: str) -> None:
    assert kinds(check(_wrapped(_TRIVIAL[form]), IDENTITIES)) == {"TANH": 1, "SQUARE": 1}


@pytest.mark.parametrize("form", _WORK)
def test_work_is_left(form: str) -> None:
    assert not apply(_wrapped(_WORK[form]), (IDENTITIES,)).done


@pytest.mark.parametrize("form", _TRIVIAL)
def test_outputs_keep_their_place(form: str) -> None:
    b = Builder()
    x = b.op("TANH", b.input(_SHAPE))
    y = _TRIVIAL[form](b, x)
    assert kinds(check(b.graph(y, b.op("SQUARE", x)), IDENTITIES)) == {"TANH": 1, "SQUARE": 1}
    check(b.graph(y, x), IDENTITIES)
    check(b.graph(y, b.op("SQUARE", y)), IDENTITIES)


@pytest.mark.parametrize("form", sorted(set(_TRIVIAL) - {"RESHAPE back", "EXPAND_DIMS, SQUEEZE"}))
def test_an_input_does_not_become_an_output(form: str) -> None:
    b = Builder()
    x = b.input(_SHAPE)
    graph = b.graph(_TRIVIAL[form](b, x))
    after = check(graph, IDENTITIES)
    assert after.outputs[0] is not after.inputs[0]


def test_the_reason_is_told() -> None:
    b = Builder()
    graph = b.graph(b.op("ADD", b.input(_SHAPE), _f(value=0)))
    assert "would become an output" in declined(graph, IDENTITIES)


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    b = Builder()
    pool = [b.input(_SHAPE)]
    forms = {**_TRIVIAL, "order": _WORK["order"], "-x": _WORK["-x"], "x + 1e-3": _WORK["x + 1e-3"]}
    for _ in range(draw_(st.integers(1, 7))):
        x = draw_(st.sampled_from(pool[-3:]))
        pool.append(forms[draw_(st.sampled_from(sorted(forms)))](b, x))
    extra = draw_(st.lists(st.sampled_from(pool[1:]), max_size=2))
    return b.graph(*dict.fromkeys([pool[-1], *extra]))


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_random_graphs(graph: Graph) -> None:
    check(graph, IDENTITIES)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV"])
def test_fused_activations_stay(kind: str) -> None:
    b = Builder()
    neutral = _f(value=1.0 if kind in ("MUL", "DIV") else 0.0)
    y = b.op(kind, b.op("TANH", b.input(_SHAPE)), neutral, fused_activation_function=RELU)
    assert kinds(check(b.graph(b.op("SQUARE", y)), IDENTITIES)) == {
        "TANH": 1,
        "RELU": 1,
        "SQUARE": 1,
    }


def test_a_fused_activation_between_two_signs_counts() -> None:
    b = Builder()
    x, minus = b.op("TANH", b.input(_SHAPE)), _f(value=-1.0)
    y = b.op("MUL", b.op("MUL", x, minus, fused_activation_function=RELU), minus)
    graph = b.graph(b.op("SQUARE", y))
    assert not apply(graph, (IDENTITIES,)).done


def test_transposes_become_one() -> None:
    b = Builder()
    x = b.input((2, 3, 4, 5))
    for order in ([0, 3, 1, 2], [1, 0, 2, 3], [2, 3, 0, 1]):
        x = b.op("TRANSPOSE", x, const(order))
    assert kinds(check(b.graph(x), IDENTITIES)) == {"TRANSPOSE": 1}


@pytest.mark.parametrize("kind", ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"])
@pytest.mark.parametrize("axes", [[1, 2], [-2], [1]])
def test_reductions_of_nothing_that_drop_axes(kind: str, axes: list[int]) -> None:
    b = Builder()
    y = b.op(kind, b.input((2, 1, 1, 5)), const(axes), keep_dims=False)
    assert kinds(check(b.graph(y), IDENTITIES)) == {"RESHAPE": 1}


def test_rounding_is_no_identity() -> None:
    q = QuantParams(np.asarray([0.5], np.float32), np.asarray([3], np.int64))
    x, y = tensor("x", (4,)), tensor("y", (4,))
    m = tensor("m", (4,), DType.INT8, quant=q)
    ops = (make("QUANTIZE", (x,), (m,)), make("DEQUANTIZE", (m,), (y,)))
    assert not apply(Graph((x,), (y,), ops), (IDENTITIES,)).done


@pytest.mark.parametrize("equal", [True, False])
def test_quantizing_what_was_dequantized(equal: bool) -> None:
    def quant(scale: float) -> QuantParams:
        return QuantParams(np.asarray([scale], np.float32), np.asarray([3], np.int64))

    x, f, y = tensor("x", (4,)), tensor("f", (4,)), tensor("y", (4,))
    m = tensor("m", (4,), DType.INT8, quant=quant(0.5))
    n = tensor("n", (4,), DType.INT8, quant=quant(0.5 if equal else 0.25))
    ops = (
        make("QUANTIZE", (x,), (m,)),
        make("DEQUANTIZE", (m,), (f,)),
        make("QUANTIZE", (f,), (n,)),
        make("DEQUANTIZE", (n,), (y,)),
    )
    outcome = apply(Graph((x,), (y,), ops), (IDENTITIES,))
    assert outcome.done is equal
    if equal:
        assert kinds(outcome.graph) == {"QUANTIZE": 1, "DEQUANTIZE": 1}


def test_open_dimensions() -> None:
    one = (-1, 4)
    x = tensor("x", (1, 4), shape_signature=one)
    middle = x.with_(name="m")
    cases: list[tuple[str, tuple[Tensor, ...], dict[str, object], bool]] = [
        ("ADD", (x, _f(4, value=0)), {}, True),
        ("RESHAPE", (x, const([-1, 4])), {"new_shape": [-1, 4]}, True),
        ("SLICE", (x, const([0, 0]), const([-1, 4])), {}, True),
        ("SLICE", (x, const([0, 0]), const([1, 4])), {}, False),
        ("STRIDED_SLICE", (x, const([0, 0]), const([1, 4]), const([1, 1])), {}, False),
        (
            "STRIDED_SLICE",
            (x, const([0, 0]), const([0, 4]), const([1, 1])),
            {"begin_mask": 1, "end_mask": 1},
            True,
        ),
        ("BROADCAST_TO", (x, const([1, 4])), {}, False),
        ("TILE", (x, const([1, 1])), {}, True),
        ("MEAN", (x, const([0])), {"keep_dims": True}, False),
    ]
    for kind, operands, fields, gone in cases:
        y = x.with_(name="y")
        ops = (
            make("TANH", (x,), (middle,)),
            make(kind, (middle, *operands[1:]), (y,), **fields),
            make("NEG", (y,), (z := x.with_(name="z"),)),
        )
        outcome = apply(Graph((x,), (z,), ops), (IDENTITIES,))
        assert outcome.done is gone, kind


def test_two_open_dimensions_are_not_compared() -> None:
    x = tensor("x", (1, 1), shape_signature=(-1, -1))
    m, y, z = (x.with_(name=n) for n in "myz")
    shape = tensor("shape", (2,), DType.INT32)
    ops = (
        make("TANH", (x,), (m,)),
        make("RESHAPE", (m, shape), (y,)),
        make("NEG", (y,), (z,)),
    )
    assert not apply(Graph((x, shape), (z,), ops), (IDENTITIES,)).done


@pytest.mark.parametrize("kind", ["SLICE", "TRANSPOSE", "MEAN", "ADD", "GATHER"])
def test_values_of_unknown_rank(kind: str) -> None:
    """A file writes them as rank 0."""
    x = tensor("x", ())
    operands = {
        "SLICE": (const([0, 0]), const([-1, -1])),
        "ADD": (_f(1, 2, value=0),),
        "TRANSPOSE": (const([1, 0]),),
        "MEAN": (const([1]),),
        "GATHER": (const([0, 1]),),
    }
    y, z = x.with_(name="y"), x.with_(name="z")
    ops = (make(kind, (x, *operands[kind]), (y,)), make("NEG", (y,), (z,)))
    assert not apply(Graph((x,), (z,), ops), (IDENTITIES,)).done


def test_golden() -> None:
    cases = {}
    b = Builder()
    x = b.op("TANH", b.input((1, 1, 1, 4)))
    x = b.op("MEAN", b.op("MUL", x, _f(4, value=1)), const([1, 2]), keep_dims=False)
    cases["leftovers of a head"] = b.graph(b.op("ADD", x, _f(value=0), fused_activation_function=1))
    b = Builder()
    x = b.op("TRANSPOSE", b.input((1, 2, 3, 4)), const([0, 3, 1, 2]))
    x = b.op("TRANSPOSE", x, const([0, 2, 3, 1]))
    cases["there and back"] = b.graph(b.op("SQUARE", _full_slice(b, x)))
    golden("identities", cases, IDENTITIES)
