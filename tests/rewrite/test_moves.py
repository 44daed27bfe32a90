"""Changes of layout move only where they vanish, through whatever stands between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.moves import MOVES
from tests.support.graphs import RELU, Builder, const
from tests.support.rewriting import check, golden, kinds


def reshape(b: Builder, x: Tensor, sizes: Sequence[int]) -> Tensor:
    return b.op("RESHAPE", x, const(list(sizes)))


def transpose(b: Builder, x: Tensor, order: Sequence[int]) -> Tensor:
    return b.op("TRANSPOSE", x, const(list(order)))


def _constants(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Shapes that a constant may have beside a value of this shape."""
    rank = len(shape)
    single = [tuple(d if i == j else 1 for i, d in enumerate(shape)) for j in range(rank)]
    return [(), (1,) * rank, tuple(shape), *(tuple(shape[i:]) for i in range(1, rank)), *single]


_STEPS = (
    "TANH",
    "RELU",
    "ADD",
    "MUL",
    "SUB",
    "both",
    "SOFTMAX",
    "PAD",
    "MEAN",
    "CONCATENATION",
    "FULLY_CONNECTED",
    "PRELU",
)


def _step(b: Builder, x: Tensor, pool: list[Tensor], draw: st.DrawFn) -> Tensor:
    kind = draw(st.sampled_from(_STEPS))
    if kind in ("ADD", "MUL", "SUB"):
        c = b.weights(*draw(st.sampled_from(_constants(x.shape))))
        fused = draw(st.sampled_from([0, RELU]))
        operands = (c, x) if draw(st.booleans()) else (x, c)
        return b.op(kind, *operands, fused_activation_function=fused)
    if kind == "both":
        other = draw(st.sampled_from([t for t in pool if t.shape == x.shape]))
        return b.op("MUL", x, other)
    if kind == "SOFTMAX":
        return b.op(kind, x, beta=1.0)
    if kind == "PAD":
        pads = [[draw(st.integers(0, 1)), draw(st.integers(0, 1))] for _ in x.shape]
        return b.op(kind, x, const(pads))
    if kind == "MEAN":
        axis = draw(st.integers(-len(x.shape), len(x.shape) - 1))
        return b.op("SUB", x, b.op(kind, x, const([axis]), keep_dims=True))
    if kind == "CONCATENATION":
        return b.op(kind, x, x, axis=draw(st.integers(-1, len(x.shape) - 1)))
    if kind == "FULLY_CONNECTED":
        w = b.weights(3, x.shape[-1])
        return b.op(kind, x, w, b.weights(3), keep_num_dims=True)
    if kind == "PRELU":
        return b.op(kind, x, b.weights(x.shape[-1]))
    return b.op(kind, x)


@st.composite
def regions(draw: st.DrawFn) -> Graph:
    b = Builder(draw(st.integers(0, 9)))
    transposing = draw(st.booleans())
    if transposing:
        rank = draw(st.integers(2, 4))
        shape = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
        order = draw(st.permutations(range(rank)))
        enter = [transpose(b, b.input(shape), order) for _ in range(draw(st.integers(1, 2)))]
    else:
        shape, other = draw(
            st.sampled_from(
                [
                    ((1, 4, 3), (1, 1, 4, 3)),
                    ((2, 1, 3), (2, 3)),
                    ((1, 1, 2, 3), (1, 2, 3)),
                    ((2, 6), (2, 2, 3)),
                    ((1, 2, 2, 1), (2, 1, 2)),
                    ((12,), (3, 4)),
                ]
            )
        )
        enter = [reshape(b, b.input(shape), other) for _ in range(draw(st.integers(1, 2)))]
    pool = list(enter)
    x = pool[0]
    for _ in range(draw(st.integers(0, 5))):
        x = _step(b, x, pool, draw)
        if len(x.shape) > 4:
            break
        pool.append(x)
        x = draw(st.sampled_from(pool[-2:]))
    outputs = [pool[-1]]
    for t in draw(st.lists(st.sampled_from(pool), max_size=2, unique_by=id)):
        if transposing and draw(st.booleans()):
            outputs.append(b.op("TANH", transpose(b, t, np.argsort(order).tolist())))
        elif draw(st.booleans()):
            size = int(np.prod(t.shape))
            back = shape if size == int(np.prod(shape)) else [size]
            outputs.append(b.op("TANH", reshape(b, t, back)))
    return b.graph(*dict.fromkeys(outputs))


@settings(max_examples=150, deadline=None)
@given(regions())
def test_random_regions(graph: Graph) -> None:
    check(graph, MOVES)


def _nothing_left(graph: Graph) -> bool:
    after = kinds(check(graph, MOVES))
    return not after["RESHAPE"] and not after["TRANSPOSE"]


def test_swish_between_reshapes() -> None:
    b = Builder()
    t = reshape(b, b.op("TANH", b.input((1, 1, 6, 4))), (1, 6, 4))
    y = reshape(b, b.op("MUL", t, b.op("LOGISTIC", t)), (1, 1, 6, 4))
    assert _nothing_left(b.graph(b.op("TANH", y)))


def test_causal_padding_between_reshapes() -> None:
    b = Builder()
    t = reshape(b, b.op("TANH", b.input((1, 1, 6, 4))), (1, 6, 4))
    y = reshape(b, b.op("PAD", t, const([[0, 0], [2, 0], [0, 0]])), (1, 1, 8, 4))
    assert _nothing_left(b.graph(b.op("TANH", y)))


def test_sum_of_two_reshaped_values() -> None:
    b = Builder()
    parts = [reshape(b, b.input((1, 1, 6, 4)), (1, 6, 4)) for _ in range(2)]
    after = check(b.graph(b.op("TANH", b.op("ADD", *parts))), MOVES)
    assert kinds(after) == {"ADD": 1, "TANH": 1, "RESHAPE": 1}


def test_channels_first_network() -> None:
    """What converters from other frameworks leave: a transposition at each end of each op."""
    b = Builder()
    t = transpose(b, b.op("TANH", b.input((1, 4, 5, 3))), (0, 3, 1, 2))
    t = b.op("ADD", b.op("MUL", t, b.weights(3, 1, 1)), b.weights(1, 3, 1, 1))
    t = b.op("PAD", b.op("RELU", t), const([[0, 0], [0, 0], [1, 1], [1, 1]]))
    y = transpose(b, b.op("MUL", t, b.op("MEAN", t, const([2, 3]), keep_dims=True)), (0, 2, 3, 1))
    assert _nothing_left(b.graph(b.op("TANH", y)))


def test_layout_that_something_needs_stays() -> None:
    b = Builder()
    t = transpose(b, b.op("TANH", b.input((2, 3))), (1, 0))
    u = b.op("RELU", t)
    y = b.op("TANH", transpose(b, u, (1, 0)))
    graph = b.graph(y, b.op("CUMSUM", u, const(0)), b.op("CUMSUM", t, const(0)))
    assert kinds(check(graph, MOVES))["TRANSPOSE"] == 2


@pytest.mark.parametrize("order,moves", [((0, 2, 1, 3), True), ((0, 1, 3, 2), False)])
def test_transpositions_of_ones_are_views(order: tuple[int, ...], moves: bool) -> None:
    b = Builder()
    after = check(b.graph(b.op("TANH", transpose(b, b.input((2, 1, 3, 4)), order))), MOVES)
    assert kinds(after)["RESHAPE"] == int(moves)


def test_slices_of_everything_are_views() -> None:
    b = Builder()
    x = b.input((1, 3, 4))
    bounds = [const(v) for v in ([0, 0, 0], [1, 3, 4], [1, 1, 1])]
    first = b.op("STRIDED_SLICE", x, *bounds, shrink_axis_mask=1)
    outputs = [
        first,
        b.op("GATHER", x, const(0), axis=0, dtype=x.dtype),
        b.op("UNPACK", x, num=1, axis=0),
        b.op("PACK", x, values_count=1, axis=1),
    ]
    after = check(b.graph(*(b.op("TANH", t) for t in outputs)), MOVES)
    assert kinds(after) == {"RESHAPE": 4, "TANH": 4}


def test_slices_of_a_part_stay() -> None:
    b = Builder()
    bounds = [const(v) for v in ([1, 0], [2, 4], [1, 1])]
    y = b.op("STRIDED_SLICE", b.input((3, 4)), *bounds, shrink_axis_mask=1)
    assert not apply(b.graph(y), (MOVES,)).done


def test_chains_of_reshapes() -> None:
    b = Builder()
    x = reshape(b, b.input((2, 3, 4)), (6, 4))
    x = b.op("EXPAND_DIMS", x, const(0))
    x = b.op("SQUEEZE", reshape(b, x, (1, 24)), squeeze_dims=[0])
    after = check(b.graph(b.op("TANH", x)), MOVES)
    assert kinds(after) == {"RESHAPE": 1, "TANH": 1}


def test_open_sizes() -> None:
    b = Builder()
    x = b.input((1, 4, 3))
    x = b.inputs[0] = x.with_(shape_signature=(-1, 4, 3))
    b.op("RESHAPE", x, const([-1, 1, 4, 3]))
    t = b.ops[-1].outputs[0]
    signed = t.with_(shape_signature=(-1, 1, 4, 3))
    b.ops[-1] = b.ops[-1].with_(outputs=(signed,))
    y = b.op("TANH", signed)
    declared = y.with_(shape_signature=(-1, 1, 4, 3))
    b.ops[-1] = b.ops[-1].with_(outputs=(declared,))
    z = b.op("RESHAPE", declared, const([-1, 4, 3]))
    last = z.with_(shape_signature=(-1, 4, 3))
    b.ops[-1] = b.ops[-1].with_(outputs=(last,))
    after = apply(b.graph(b.op("EXP", last)), (MOVES,)).graph
    assert kinds(after) == {"TANH": 1, "EXP": 1}
    assert after.ops[0].outputs[0].shape_signature == (-1, 4, 3)


def test_golden() -> None:
    b = Builder()
    t = reshape(b, b.op("TANH", b.input((1, 1, 6, 2))), (1, 6, 2))
    t = b.op("ADD", t, b.weights(2), fused_activation_function=RELU)
    y = reshape(b, b.op("PAD", t, const([[0, 0], [2, 0], [0, 0]])), (1, 1, 8, 2))
    c = Builder()
    u = transpose(c, c.op("TANH", c.input((1, 2, 2, 3))), (0, 3, 1, 2))
    u = c.op("MUL", u, c.op("LOGISTIC", u))
    z = c.op("TANH", transpose(c, c.op("ADD", u, c.weights(3, 1, 1)), (0, 2, 3, 1)))
    golden("moves", {"reshapes": b.graph(b.op("TANH", y)), "transpositions": c.graph(z)}, MOVES)
