"""Random graphs keep what they compute; `python -m benchmarks.random_graphs` runs thousands."""

from __future__ import annotations

import pytest

from tests.rewrite.generated.graphs import generate
from tests.rewrite.generated.judge import judge

_BATCH = 10


@pytest.mark.parametrize("first", range(0, 150, _BATCH))
def test_a_sample(first: int) -> None:
    for number in range(first, first + _BATCH):
        assert not judge(generate(number), number).problem, number
