"""Unrolled steps become one batch, whatever the ops of a step; other unrolled things stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import FAMILIES, apply
from litesmith.rewrite.time_distributed import TIME_DISTRIBUTED
from tests.support.graphs import RELU, SAME, VALID, Builder, const
from tests.support.rewriting import check, declined, golden, kinds

_ONE = {"stride_w": 1, "stride_h": 1}


def cut(b: Builder, x: Tensor, step: int) -> Tensor:
    """x[step]."""
    rank = len(x.shape)
    begin, end = [0] * rank, list(x.shape)
    begin[0], end[0] = step, step + 1
    masks = 2**rank - 2
    bounds = [const(v) for v in (begin, end, [1] * rank)]
    return b.op("STRIDED_SLICE", x, *bounds, begin_mask=masks, end_mask=masks, shrink_axis_mask=1)


Step = Callable[[Tensor], Tensor]


def _layer(b: Builder, shape: tuple[int, ...], draw: st.DrawFn) -> Step | None:
    """An op of a step, the same for all steps."""
    c, rank = shape[-1], len(shape)
    kind = draw(
        st.sampled_from(
            ["conv", "pool", "dense", "flatten", "mean", "scale", "gate", "pad", "join"]
        )
    )
    fused = draw(st.sampled_from([0, RELU]))
    if kind == "conv" and rank == 4:
        w, bias = b.weights(3, 2, 2, c), b.weights(3)
        more = {**_ONE, "padding": SAME, "fused_activation_function": fused}
        return lambda x: b.op("CONV_2D", x, w, bias, **more)
    if kind == "pool" and rank == 4:
        more = {**_ONE, "filter_width": 1, "filter_height": 2, "padding": SAME}
        return lambda x: b.op("MAX_POOL_2D", x, **more)
    if kind == "dense":
        w, keep = b.weights(3, c), rank > 2
        return lambda x: b.op("FULLY_CONNECTED", x, w, None, keep_num_dims=keep)
    if kind == "flatten" and rank > 2:
        return lambda x: b.op("RESHAPE", x, const([shape[0], -1]))
    if kind == "mean" and rank > 2:
        return lambda x: b.op("MEAN", x, const([1]), keep_dims=False)
    if kind == "scale":
        factor = b.weights(*draw(st.sampled_from([(), (c,), (1,) * (rank - 1) + (c,)])))
        return lambda x: b.op("MUL", x, factor, fused_activation_function=fused)
    if kind == "gate":
        return lambda x: b.op("MUL", x, b.op("LOGISTIC", x))
    if kind == "pad":
        pads = const([[0, 0]] * (rank - 1) + [[1, 0]])
        return lambda x: b.op("PAD", x, pads)
    if kind == "join":
        return lambda x: b.op("CONCATENATION", x, b.op("TANH", x), axis=-1)
    return None


@st.composite
def unrolled(draw: st.DrawFn) -> Graph:
    b = Builder(draw(st.integers(0, 9)))
    steps, batch = draw(st.integers(2, 4)), draw(st.sampled_from([1, 1, 2, 3]))
    inner = draw(st.sampled_from([(3, 4, 2), (4, 3), (5,)]))
    swapped = draw(st.booleans())
    if swapped:
        x = b.input((batch, steps, *inner))
        x = b.op("TRANSPOSE", x, const([1, 0, *range(2, len(inner) + 2)]))
    else:
        x = b.input((steps, batch, *inner))
    for _ in range(draw(st.integers(1, 2))):
        values = [cut(b, x, i) for i in range(steps)]
        for _ in range(draw(st.integers(1, 3))):
            layer = _layer(b, values[0].shape, draw)
            if layer is not None:
                values = [layer(t) for t in values]
        if len(values[0].shape) < 2:
            return b.graph(*values)
        x = b.op("PACK", *values, values_count=steps, axis=0)
    if swapped:
        x = b.op("TRANSPOSE", x, const([1, 0, *range(2, len(x.shape))]))
    extra = draw(st.sampled_from(values)) if draw(st.booleans()) and draw(st.booleans()) else None
    return b.graph(b.op("TANH", x), *([extra] if extra is not None else []))


@settings(max_examples=80, deadline=None)
@given(unrolled())
def test_random_steps(graph: Graph) -> None:
    after = kinds(check(graph, TIME_DISTRIBUTED))
    if len(graph.outputs) == 1 and kinds(graph)["PACK"]:
        assert not after["PACK"] and not after["STRIDED_SLICE"]


def _dense(batch: int, steps: int = 5) -> Graph:
    """TimeDistributed(Dense) as the converter writes it."""
    b = Builder()
    x = b.input((batch, steps, 4))
    if batch == 1:
        x = b.op("RESHAPE", x, const([steps, 1, 4]))
    else:
        x = b.op("TRANSPOSE", x, const([1, 0, 2]))
    w, bias = b.weights(3, 4), b.weights(3)
    values = [b.op("FULLY_CONNECTED", cut(b, x, i), w, bias) for i in range(steps)]
    y = b.op("PACK", *values, values_count=steps, axis=0)
    if batch == 1:
        return b.graph(b.op("RESHAPE", y, const([1, steps, 3])))
    return b.graph(b.op("TRANSPOSE", y, const([1, 0, 2])))


@pytest.mark.parametrize("batch", [1, 3])
def test_dense_per_step_is_one_op(batch: int) -> None:
    assert kinds(check(_dense(batch), *FAMILIES)) == {"FULLY_CONNECTED": 1}


def test_convolutions_per_step() -> None:
    b = Builder()
    x = b.op("RESHAPE", b.input((1, 3, 4, 4, 2)), const([3, 1, 4, 4, 2]))
    w, bias = b.weights(3, 2, 2, 2), b.weights(3)
    values = [b.op("CONV_2D", cut(b, x, i), w, bias, **_ONE, padding=VALID) for i in range(3)]
    x = b.op("PACK", *values, values_count=3, axis=0)
    values = [b.op("RESHAPE", cut(b, x, i), const([1, 27])) for i in range(3)]
    x = b.op("PACK", *values, values_count=3, axis=0)
    graph = b.graph(b.op("RESHAPE", x, const([1, 3, 27])))
    assert kinds(check(graph, *FAMILIES)) == {"RESHAPE": 2, "CONV_2D": 1}


@pytest.mark.parametrize("why", ["weights", "order", "length", "options"])
def test_steps_that_differ_stay(why: str) -> None:
    b = Builder()
    x = b.input((3, 2, 4))
    w = [b.weights(3, 4) for _ in range(2)]
    order = (0, 2) if why == "length" else (1, 0, 2) if why == "order" else (0, 1, 2)
    values = []
    for n, i in enumerate(order):
        weights = w[n % 2] if why == "weights" else w[0]
        fused = RELU if why == "options" and n == 1 else 0
        y = b.op("FULLY_CONNECTED", cut(b, x, i), weights, None, fused_activation_function=fused)
        values.append(y)
    graph = b.graph(b.op("PACK", *values, values_count=len(values), axis=0))
    assert not apply(graph, (TIME_DISTRIBUTED,)).done


def test_step_that_others_need_is_declined() -> None:
    b = Builder()
    x, w = b.input((2, 2, 4)), b.weights(3, 4)
    values = [b.op("FULLY_CONNECTED", cut(b, x, i), w, None) for i in range(2)]
    graph = b.graph(b.op("PACK", *values, values_count=2, axis=0), values[1])
    assert "something else" in declined(graph, TIME_DISTRIBUTED)


def test_recurrence_stays() -> None:
    """A step that reads the step before is no batch."""
    b = Builder()
    x, h = b.input((3, 1, 4)), b.input((1, 4))
    values = []
    for i in range(3):
        h = b.op("ADD", h, cut(b, x, i))
        values.append(h)
    graph = b.graph(b.op("PACK", *values, values_count=3, axis=0))
    assert not apply(graph, (TIME_DISTRIBUTED,)).done


def test_golden() -> None:
    golden("time_distributed", {"dense": _dense(1, 2)}, TIME_DISTRIBUTED)
