"""Pools of random geometry against LiteRT: borders that SAME adds are not counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.against import agrees, slopes
from tests.support.graphs import RELU6, SAME, VALID, Builder, one_op, tensor

KINDS = ("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(KINDS), st.sampled_from([SAME, VALID]))
def test_values(data: st.DataObject, kind: str, padding: int) -> None:
    b = Builder()
    height, width = (data.draw(st.integers(4, 9)) for _ in range(2))
    options = {
        "padding": padding,
        "filter_height": data.draw(st.integers(1, 4)),
        "filter_width": data.draw(st.integers(1, 4)),
        "stride_h": data.draw(st.integers(1, 3)),
        "stride_w": data.draw(st.integers(1, 3)),
        "fused_activation_function": data.draw(st.sampled_from([0, RELU6])),
    }
    x = b.input((data.draw(st.integers(1, 2)), height, width, data.draw(st.integers(1, 3))))
    agrees(b.graph(b.op(kind, x, **options)), low=-9, high=9)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind: str) -> None:
    window = {"filter_height": 2, "filter_width": 3, "stride_h": 2, "stride_w": 1}
    slopes(one_op(kind, tensor("x", (1, 5, 5, 2)), **window), 1e-3, low=0.5, high=2)
