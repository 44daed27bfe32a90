"""Where windows read is where LiteRT's kernels read."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from litesmith.rewrite.windows import is_pointwise, windows
from tests.support.graphs import SAME, VALID, Builder, const, draw, execute, make, tensor


@settings(max_examples=100, deadline=None)
@given(*(st.integers(1, n) for n in (9, 4, 3, 3)), st.sampled_from([SAME, VALID]))
def test_placed(size: int, kernel: int, stride: int, dilation: int, padding: int) -> None:
    assume(stride == 1 or dilation == 1)
    assume(padding == SAME or (kernel - 1) * dilation < size)
    taps = np.arange(1, kernel + 1, dtype=np.float32)
    b = Builder()
    steps = {"stride_h": stride, "stride_w": 1, "dilation_h_factor": dilation}
    x = b.input((1, size, 1, 1))
    weights = const(taps.reshape(1, kernel, 1, 1))
    y = b.op("CONV_2D", x, weights, const(np.zeros(1, np.float32)), padding=padding, **steps)
    graph = b.graph(y)
    window = windows(graph.ops[0])[0]
    start, count = window.placed(size, padding)
    assert count == y.shape[1]
    arrays = draw(graph, 1)
    values = dict(enumerate(arrays[0].reshape(-1)))
    expected = [
        sum(taps[k] * values.get(start + i * stride + k * dilation, 0.0) for k in range(kernel))
        for i in range(count)
    ]
    np.testing.assert_allclose(execute(graph, arrays)[0].reshape(-1), expected, atol=1e-5)
    assert is_pointwise(graph.ops[0]) is (kernel == 1 and stride == 1)


def test_unknown_rank_has_no_windows() -> None:
    x, w = tensor("x", ()), const(np.ones((1, 1, 1, 1), np.float32))
    assert windows(make("CONV_2D", (x, w, None), (x.with_(name="y"),))) == ()
    assert windows(make("CONV_2D", (tensor("x", (1, 2, 2, 1)), x, None), (x,))) == ()
    assert windows(make("ADD", (x, x), (x.with_(name="y"),))) == ()
