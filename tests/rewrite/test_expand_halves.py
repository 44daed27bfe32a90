"""float16 constants behind DEQUANTIZE become float32 constants of the same value."""

from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Graph, Op, Tensor, verify
from litesmith.rewrite import apply
from litesmith.rewrite.expand_halves import EXPAND_HALVES


def _graph(output: bool) -> Graph:
    half = Tensor("h", (2, 3), DType.FLOAT16, np.arange(6, dtype=np.float16).reshape(2, 3) / 7)
    wide, x, y = Tensor("w", (2, 3)), Tensor("x", (2, 3)), Tensor("y", (2, 3))
    ops = (Op("DEQUANTIZE", (half,), (wide,), version=3), Op("MUL", (x, wide), (y,)))
    return Graph((x,), (y, wide) if output else (y,), ops)


def test_the_value_is_kept() -> None:
    after = verify(apply(_graph(output=False), (EXPAND_HALVES,)).graph)
    assert [op.kind for op in after.ops] == ["MUL"]
    constant = after.ops[0].inputs[1]
    assert constant is not None and constant.data is not None
    expected = (np.arange(6, dtype=np.float16).reshape(2, 3) / 7).astype(np.float32)
    np.testing.assert_array_equal(constant.data, expected)


def test_an_output_stays_computed() -> None:
    assert not apply(_graph(output=True), (EXPAND_HALVES,)).done
