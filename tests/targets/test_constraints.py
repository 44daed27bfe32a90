"""Limits, at the last value that is allowed and the first that is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.forge.suppose import suppose_int8
from litesmith.graph import DType, Op, Tensor
from litesmith.targets import Target, find_target
from litesmith.targets.rules import objection
from tests.support.graphs import SAME, VALID, const, make, one_op, tensor

U55, U85 = find_target("ethos-u55-128"), find_target("ethos-u85-256")
EDGE, GPU, MICRO = find_target("edgetpu"), find_target("gpu"), find_target("micro")


def _reason(target: Target, kind: str, *inputs: Tensor, **options: object) -> str:
    """Return why a target leaves an int8 op, "" when it takes it."""
    graph = suppose_int8(one_op(kind, *inputs, **options))
    (op,) = graph.ops
    against = objection(op, target.table)
    return "" if against is None else against.reason


def _taken(target: Target, op: Op) -> bool:
    return objection(op, target.table) is None


@given(stride=st.integers(1, 6), padding=st.sampled_from([SAME, VALID]), dilation=st.integers(1, 2))
def test_ethos_u55_takes_large_strides_only_where_nothing_is_padded(stride, padding, dilation):
    more = {"stride_w": stride, "stride_h": stride, "padding": padding}
    more |= {"dilation_w_factor": dilation, "dilation_h_factor": dilation}
    weights, bias = const(np.ones((2, 3, 3, 1), np.float32)), const(np.ones(2, np.float32))
    reason = _reason(U55, "CONV_2D", tensor("x", (1, 19, 19, 1)), weights, bias, **more)
    padded = padding == SAME and (-(-19 // stride) - 1) * stride + 3 > 19
    assert (reason == "") == (stride <= 3 or (dilation == 1 and not padded))
    assert _reason(U85, "CONV_2D", tensor("x", (1, 19, 19, 1)), weights, bias, **more) == ""


@given(factor=st.integers(1, 17), half=st.booleans(), corners=st.booleans())
def test_ethos_u55_resizes_by_two_four_and_eight(factor, half, corners):
    if half and corners:
        return
    size = 3 * factor + 1 if corners else 4 * factor
    more = {"half_pixel_centers": half, "align_corners": corners}
    image = tensor("x", (1, 4, 4, 2))
    bilinear = _reason(U55, "RESIZE_BILINEAR", image, const([size, size]), **more)
    allowed = (2,) if half else (1, 2, 4, 8)
    assert (bilinear == "") == (factor in allowed)
    nearest = _reason(U55, "RESIZE_NEAREST_NEIGHBOR", image, const([size, size]), **more)
    assert (nearest == "") == (factor in (1, 2, 4, 8))
    wide = _reason(U85, "RESIZE_BILINEAR", image, const([size, size]), **more)
    assert (wide == "") == (factor in (1, 2, 4, 8, 16))


@pytest.mark.parametrize(("count", "taken"), [(2**16, True), (2**16 + 1, False)])
def test_absolute_weights_must_fit_the_accumulator(count, taken):
    weights = const(np.ones((1, count), np.float32))
    reason = _reason(U55, "FULLY_CONNECTED", tensor("x", (1, count)), weights,
                     const(np.ones(1, np.float32)))  # fmt: skip
    assert (reason == "") is taken


@pytest.mark.parametrize(
    ("size", "padding", "taken"),
    [(8, SAME, True), (9, SAME, False), (9, VALID, True), (256, VALID, True), (257, VALID, False)],
)
def test_average_windows(size, padding, taken):
    more = {"filter_height": size, "filter_width": 1, "stride_h": 1, "stride_w": 1}
    image = tensor("x", (1, 300, 2, 2))
    for target in (U55, U85):
        assert (_reason(target, "AVERAGE_POOL_2D", image, padding=padding, **more) == "") is taken


@pytest.mark.parametrize(("depth", "taken"), [(127, True), (128, False)])
def test_argmax_depth(depth, taken):
    image = tensor("x", (1, 2, 2, depth))
    more = {"output_type": 2, "dtype": DType.INT32}
    assert (_reason(U55, "ARG_MAX", image, const(3), **more) == "") is taken
    assert _reason(U85, "ARG_MAX", image, const(3), **more) == ""


@pytest.mark.parametrize(("batch", "taken"), [(1, True), (2, False)])
def test_means_of_one_image(batch, taken):
    image = tensor("x", (batch, 4, 4, 4))
    for target in (U55, U85, EDGE):
        assert (_reason(target, "MEAN", image, const([1, 2]), keep_dims=True) == "") is taken


@given(channels=st.integers(1, 12))
def test_edge_tpu_averages_over_multiples_of_four_channels(channels):
    reason = _reason(EDGE, "MEAN", tensor("x", (1, 4, 4, channels)), const([3]), keep_dims=True)
    assert (reason == "") == (channels % 4 == 0)


@pytest.mark.parametrize(("size", "taken"), [(16_000, True), (16_001, False)])
def test_edge_tpu_softmax(size, taken):
    assert (_reason(EDGE, "SOFTMAX", tensor("x", (1, size)), beta=1.0) == "") is taken


def test_edge_tpu_wants_three_dimensions_and_one_dilation():
    assert _reason(EDGE, "RELU", tensor("x", (1, 1, 2, 3, 4))) == ""
    assert "last three" in _reason(EDGE, "RELU", tensor("x", (1, 2, 2, 3, 4)))
    weights, bias = const(np.ones((2, 3, 3, 1), np.float32)), const(np.ones(2, np.float32))
    more = {"stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 2}
    reason = _reason(EDGE, "CONV_2D", tensor("x", (1, 9, 9, 1)), weights, bias, **more)
    assert "same dilation" in reason


def test_edge_tpu_takes_dense_weights_with_one_scale():
    graph = one_op("FULLY_CONNECTED", tensor("x", (1, 4)), const(np.eye(4, dtype=np.float32)),
                   const(np.ones(4, np.float32)))  # fmt: skip
    (fine,) = suppose_int8(graph).ops
    (coarse,) = suppose_int8(graph, ("FULLY_CONNECTED",)).ops
    assert not _taken(EDGE, fine)
    assert _taken(EDGE, coarse)
    assert (fine.version, coarse.version) == (12, 4)


@pytest.mark.parametrize(("rank", "taken"), [(4, True), (5, False)])
def test_gpu_and_micro_ranks(rank, taken):
    shape = (1,) * (rank - 2) + (2, 3)
    (op,) = one_op("RELU", tensor("x", shape)).ops
    assert _taken(GPU, op) is taken
    zeros, ones = [0] * rank, [1] * rank
    (cut,) = one_op("STRIDED_SLICE", tensor("x", shape), const(zeros), const(ones), const(ones)).ops
    assert _taken(MICRO, cut) is taken


def test_open_dimensions():
    x = tensor("x", (1, 4), shape_signature=(-1, 4))
    batch = make("RELU", [x], [tensor("y", (1, 4), shape_signature=(-1, 4))])
    assert _taken(find_target("cpu"), batch)
    assert _taken(MICRO, batch)
    assert not _taken(GPU, batch)
