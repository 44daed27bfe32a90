"""What every source must fulfil, whatever it was: names kept, values equal, outputs that vary."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.data import synthetic_examples
from litesmith.graph import read
from litesmith.runtime import Session
from litesmith.sources import Source


def prove(source: Source, count: int = 5, batch: list[Any] | None = None) -> list[Any]:
    """Hold the lowered file against the original; return the file's answers."""
    info = source.info
    data = source.lower()
    graph = read(data)
    assert list(graph.input_names()) == [spec.name for spec in info.inputs]
    assert list(graph.output_names()) == [spec.name for spec in info.outputs]
    if batch is None:
        batch = list(next(iter(synthetic_examples(info.inputs, count).batches(count))))
    original, lowered = source.run(batch), Session(data).run(batch)
    for a, b in zip(original, lowered, strict=True):
        assert a.shape[0] == len(batch[0])
        assert np.std(a.astype(np.float64)) > 1e-6
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    return lowered
