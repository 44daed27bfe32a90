"""Explicit padding is folded exactly where the op's own padding reads the same zeros."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, Tensor
from litesmith.rewrite import apply
from litesmith.rewrite.padding import PADDING
from tests.support.graphs import RELU, SAME, VALID, Builder, const, make, tensor
from tests.support.rewriting import check, declined, golden, kinds


def _pads(h: tuple[int, int], w: tuple[int, int], c: tuple[int, int] = (0, 0)) -> Tensor:
    return const([[0, 0], list(h), list(w), list(c)])


def _conv(b: Builder, kind: str, x: Tensor, k: int, s: int, padding: int, d: int = 1) -> Tensor:
    c = x.shape[-1]
    more = {"padding": padding, "stride_h": s, "stride_w": s}
    if kind.endswith("POOL_2D"):
        return b.op(kind, x, filter_height=k, filter_width=k, **more)
    more |= {"dilation_h_factor": d, "dilation_w_factor": d}
    if kind == "CONV_2D":
        return b.op(kind, x, b.weights(3, k, k, c), b.weights(3), **more)
    return b.op(kind, x, b.weights(1, k, k, c), b.weights(c), depth_multiplier=1, **more)


_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D")


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    """Up to two paddings and up to two windows over them."""
    b = Builder(draw_(st.integers(0, 9)))
    x = b.input((draw_(st.integers(1, 2)), draw_(st.integers(3, 8)), draw_(st.integers(3, 8)), 2))
    if draw_(st.booleans()):
        x = b.op("RELU", x)
    pad = st.tuples(st.integers(0, 2), st.integers(0, 2))
    made = []
    for _ in range(draw_(st.integers(1, 2))):
        h = draw_(pad)
        w = h if draw_(st.booleans()) else draw_(pad)
        x = b.op("PAD", x, _pads(h, w))
        made.append(x)
    k, s = draw_(st.integers(1, 4)), draw_(st.integers(1, 3))
    for _ in range(draw_(st.integers(1, 2))):
        small = min(x.shape[1:3])
        d = draw_(st.integers(1, 2)) if s == 1 else 1
        padding = draw_(st.sampled_from([SAME, VALID]))
        if padding == VALID and (k - 1) * d + 1 > small:
            break
        x = _conv(b, draw_(st.sampled_from(_KINDS)), x, k, s, padding, d)
        made.append(x)
    extra = draw_(st.lists(st.sampled_from(made), max_size=1))
    return b.graph(*dict.fromkeys([x, *extra]))


@settings(max_examples=120, deadline=None)
@given(graphs())
def test_random_graphs(graph: Graph) -> None:
    check(graph, PADDING)


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(
    "size,kernel,stride,before,after",
    [
        (8, 3, 2, 0, 1),
        (7, 3, 2, 1, 1),
        (8, 3, 1, 1, 1),
        (8, 5, 2, 1, 2),
        (9, 5, 1, 2, 2),
        (8, 2, 1, 0, 1),
    ],
)
def test_becomes_same(
    kind: str, size: int, kernel: int, stride: int, before: int, after: int
) -> None:
    b = Builder()
    x = b.input((2, size, size, 2))
    p = b.op("PAD", x, _pads((before, after), (before, after)))
    after_ = check(b.graph(_conv(b, kind, p, kernel, stride, VALID)), PADDING)
    assert kinds(after_) == {kind: 1}
    assert after_.ops[0].option("padding") == SAME


@pytest.mark.parametrize("dilation,pad", [(2, 2), (3, 3)])
def test_dilated(dilation: int, pad: int) -> None:
    b = Builder()
    p = b.op("PAD", b.input((1, 9, 9, 2)), _pads((pad, pad), (pad, pad)))
    graph = b.graph(_conv(b, "CONV_2D", p, 3, 1, VALID, dilation))
    assert kinds(check(graph, PADDING)) == {"CONV_2D": 1}


def test_three_dimensions() -> None:
    b = Builder()
    p = b.op("PAD", b.input((1, 4, 4, 4, 2)), const([[0, 0], [1, 1], [1, 1], [1, 1], [0, 0]]))
    w = b.weights(3, 3, 3, 2, 3)
    steps = {"stride_d": 1, "stride_h": 1, "stride_w": 1}
    graph = b.graph(b.op("CONV_3D", p, w, b.weights(3), padding=VALID, **steps))
    assert kinds(check(graph, PADDING)) == {"CONV_3D": 1}


def test_a_size_that_needs_other_padding_is_told() -> None:
    b = Builder()
    p = b.op("PAD", b.input((1, 8, 8, 2)), _pads((3, 3), (3, 3)))
    graph = b.graph(_conv(b, "CONV_2D", p, 7, 2, VALID))
    assert "3 and 3 are padded, SAME would pad 2 and 3" in declined(graph, PADDING)


@pytest.mark.parametrize("reader", ["average", "channels", "filler", "negative values"])
def test_declines(reader: str) -> None:
    b = Builder()
    x = b.input((1, 8, 8, 2))
    if reader == "channels":
        p = b.op("PAD", x, _pads((1, 1), (1, 1), (0, 1)))
    elif reader == "filler":
        p = b.op("PADV2", x, _pads((1, 1), (1, 1)), const(np.float32(1)))
    else:
        p = b.op("PAD", x, _pads((1, 1), (1, 1)))
    kind = {"average": "AVERAGE_POOL_2D", "negative values": "MAX_POOL_2D"}.get(reader, "CONV_2D")
    why = declined(b.graph(_conv(b, kind, p, 3, 1, VALID)), PADDING)
    told = {
        "average": "padded zeros",
        "channels": "channels are padded",
        "filler": "not zero",
        "negative values": "larger than the values",
    }
    assert told[reader] in why


@pytest.mark.parametrize("how", ["relu", "fused", "lowest", "infinity"])
def test_max_pool_where_padding_never_wins(how: str) -> None:
    b = Builder()
    x = b.input((1, 8, 8, 2))
    if how == "relu":
        p = b.op("PAD", b.op("RELU", x), _pads((1, 1), (1, 1)))
    elif how == "fused":
        y = b.op("MUL", x, x, fused_activation_function=RELU)
        p = b.op("PAD", y, _pads((1, 1), (1, 1)))
    else:
        low = np.float32(-np.inf) if how == "infinity" else np.finfo(np.float32).min
        p = b.op("PADV2", x, _pads((1, 1), (1, 1)), const(low))
    after = check(b.graph(_conv(b, "MAX_POOL_2D", p, 3, 1, VALID)), PADDING)
    assert "PAD" not in kinds(after) and "PADV2" not in kinds(after)


def test_padding_that_others_read_stays_for_them() -> None:
    b = Builder()
    p = b.op("PAD", b.input((1, 8, 8, 2)), _pads((1, 1), (1, 1)))
    graph = b.graph(_conv(b, "CONV_2D", p, 3, 1, VALID), _conv(b, "CONV_2D", p, 3, 1, VALID))
    assert kinds(check(graph, PADDING)) == {"CONV_2D": 2}
    b = Builder()
    p = b.op("PAD", b.input((1, 8, 8, 2)), _pads((1, 1), (1, 1)))
    graph = b.graph(_conv(b, "CONV_2D", p, 3, 1, VALID), b.op("NEG", p))
    assert kinds(check(graph, PADDING)) == {"CONV_2D": 1, "NEG": 1, "PAD": 1}


@pytest.mark.parametrize("fillers", [(0, 0), (1, 1), (0, 1)])
def test_chains(fillers: tuple[int, int]) -> None:
    b = Builder()
    x = b.input((1, 3, 3, 2))
    for f in fillers:
        x = b.op("PADV2", x, _pads((1, 0), (2, 1), (0, 1)), const(np.float32(f)))
    graph = b.graph(x)
    if fillers[0] == fillers[1]:
        assert kinds(check(graph, PADDING)) == {"PADV2": 1}
    else:
        assert not apply(graph, (PADDING,)).done


@pytest.mark.parametrize("stride,gone", [(1, True), (2, False)])
def test_open_sizes(stride: int, gone: bool) -> None:
    x = tensor("x", (1, 1, 1, 2), shape_signature=(-1, -1, -1, 2))
    p, y = x.with_(name="p"), x.with_(name="y")
    w = const(np.ones((2, 3, 3, 2), np.float32))
    ops = (
        make("PAD", (x, _pads((1, 1), (1, 1))), (p,)),
        make("CONV_2D", (p, w, None), (y,), padding=VALID, stride_h=stride, stride_w=stride),
    )
    assert apply(Graph((x,), (y,), ops), (PADDING,)).done is gone


def _split(b: Builder, kind: str, x: Tensor, k: int, block: int, same: bool, grow: int) -> Tensor:
    """A convolution in split batches, padded so that it means SAME, VALID or something else."""
    reach = (k - 1) * block
    wanted = (reach // 2, reach - reach // 2) if same else (grow, grow)
    pads, crops = [], []
    for n in x.shape[1:3]:
        extra = -(n + sum(wanted)) % block
        pads.append([wanted[0], wanted[1] + extra])
        crops.append([0, extra])
    y = b.op("SPACE_TO_BATCH_ND", x, const([block, block]), const(pads))
    y = _conv(b, kind, y, k, 1, VALID)
    return b.op("BATCH_TO_SPACE_ND", y, const([block, block]), const(crops))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("size", [(8, 8), (9, 7), (11, 8)])
@pytest.mark.parametrize("block", [2, 3])
@pytest.mark.parametrize("same,grow,ops", [(True, 0, 1), (False, 0, 1), (False, 1, 2)])
def test_split_batches(
    kind: str, size: tuple[int, int], block: int, same: bool, grow: int, ops: int
) -> None:
    b = Builder()
    x = b.input((1, *size, 2))
    after = check(b.graph(_split(b, kind, x, 3, block, same, grow)), PADDING)
    assert len(after.ops) == ops
    assert after.ops[-1].option("dilation_h_factor") == block


def test_split_batches_around_something_else() -> None:
    b = Builder()
    x = b.input((1, 8, 8, 2))
    y = b.op("SPACE_TO_BATCH_ND", x, const([2, 2]), const([[0, 0], [0, 0]]))
    y = _conv(b, "CONV_2D", y, 2, 2, VALID)
    graph = b.graph(b.op("BATCH_TO_SPACE_ND", y, const([2, 2]), const([[0, 0], [0, 0]])))
    assert "strides" in declined(graph, PADDING)


def test_golden() -> None:
    cases = {}
    b = Builder()
    p = b.op("PAD", b.input((1, 8, 8, 2)), _pads((0, 1), (0, 1)))
    cases["strided"] = b.graph(_conv(b, "CONV_2D", p, 3, 2, VALID))
    b = Builder()
    cases["split batches"] = b.graph(
        _split(b, "DEPTHWISE_CONV_2D", b.input((1, 9, 9, 2)), 3, 2, True, 0)
    )
    b = Builder()
    cases["split batches, more padding"] = b.graph(
        _split(b, "CONV_2D", b.input((1, 9, 9, 2)), 3, 2, False, 1)
    )
    golden("padding", cases, PADDING)
