"""Some of the random graphs that benchmarks/random_schemes tries by the thousand."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import verify
from litesmith.quantize import Quantize
from litesmith.rewrite import INTEGER_STEPS
from tests.quantize.generated import around, kinds, values
from tests.support.graphs import examples, execute


@pytest.mark.parametrize("kind", kinds()[::6])
def test_files_load_and_answer_numbers(kind: str) -> None:
    number = kinds().index(kind)
    graph = around(number, kind)
    arrays = values(graph, 3, number)
    for step in INTEGER_STEPS:
        graph = step(graph).graph
    for scheme in ("int8", "int16x8", "int4"):
        result = verify(Quantize(scheme)(graph, examples(graph, arrays)).graph)
        for answer in execute(result, arrays, "default"):
            assert answer.dtype.kind != "f" or np.isfinite(answer).all()


def test_every_kind_has_its_turn() -> None:
    turns = {op.kind for number in range(len(kinds())) for op in around(number).ops}
    assert set(kinds()) <= turns
