"""A wrong lowering must not pass: dropped weights, swapped outputs, other shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from litesmith.errors import ConversionError
from litesmith.graph import read, write
from litesmith.sources import open_source
from litesmith.sources.verify import error, probe, verify


def test_error() -> None:
    a = np.array([1.0, -4.0, np.nan])
    assert error(a, a) == 0.0
    assert error(a, np.array([1.0, -3.0, np.nan])) == pytest.approx(0.25)
    assert error(a, np.array([1.0, -4.0, 0.0])) == float("inf")
    assert error(a, a[:2]) == float("inf")


def test_wrong_graphs_are_refused(model: Callable[[str], Path]) -> None:
    with open_source(model("functional.keras")) as source:
        data, outputs = source.lower(), source.info.outputs
        examples = probe(source.info.inputs)
        reference = source.run(examples)
    verify(data, outputs, examples, reference)
    graph = read(data)
    swapped = write(graph.with_(outputs=graph.outputs[::-1], signatures=()))
    with pytest.raises(ConversionError, match="order of the outputs"):
        verify(swapped, outputs, examples, reference)
    with pytest.raises(ConversionError, match="'aa' differs"):
        verify(data, outputs, examples, [reference[0], reference[1] * 2])
    noisy = iter([reference, [reference[0], reference[1] * 3]])
    verify(data, outputs, examples, [reference[0], reference[1] * 2], lambda _: next(noisy))
