"""A .tflite whose computed tensors are declared in other shapes than its ops make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litesmith.graph import read, write
from litesmith.graph.edit import substitute
from litesmith.sources import open_source
from tests.sources.hostile.files import dense


@pytest.mark.parametrize("name", [None, ""])
def test_real_shapes(tmp_path: Path, name: str | None) -> None:
    with open_source(dense(tmp_path / "m.keras")) as source:
        good = source.lower()
        batch = [np.ones((2, 4), "float32")]
        wanted = source.run(batch)
    graph = read(good)
    tensors = [tensor for op in graph.ops for tensor in op.outputs]
    lies = {t: t.with_(shape=(), name=t.name if name is None else name) for t in tensors}
    path = tmp_path / "m.tflite"
    path.write_bytes(write(substitute(graph, lies)))
    with open_source(path) as source:
        real = read(source.lower())
        assert [t.shape for op in real.ops for t in op.outputs] == [t.shape for t in tensors]
        np.testing.assert_allclose(source.run(batch)[0], wanted[0], atol=1e-5)


def test_a_file_that_tells_the_truth_is_left_alone(tmp_path: Path) -> None:
    with open_source(dense(tmp_path / "m.keras")) as source:
        good = source.lower()
    path = tmp_path / "m.tflite"
    path.write_bytes(good)
    with open_source(path) as source:
        assert source.lower() == good
