from __future__ import annotations

import pytest

from litesmith.data import TensorSpec


@pytest.mark.parametrize(
    ("shape", "example"),
    [
        ((None, 32, 32, 3), (32, 32, 3)),
        ((1, 10), (10,)),
        ((4, 10), (4, 10)),
        ((None, None, 8), (None, 8)),
        ((), ()),
        ((1,), ()),
        ((None,), ()),
        ((1, 1, 7), (1, 7)),
    ],
)
def test_an_example_has_no_leading_axis_of_none_or_one(
    shape: tuple[int | None, ...], example: tuple[int | None, ...]
) -> None:
    assert TensorSpec("x", shape, "float32").example_shape == example
