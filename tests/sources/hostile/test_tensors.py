"""A .tflite that claims values of gigabytes is refused before LiteRT fills memory with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from litesmith.errors import LoadError
from litesmith.graph import Graph, write
from litesmith.sources import open_source
from litesmith.sources.vetting import refuse_huge
from tests.support.graphs import make, tensor


def _graph(rows: int) -> Graph:
    x, y = tensor("x", (1, 4)), tensor("scores", (rows, 4))
    return Graph((x,), (y,), (make("RELU", (x,), (y,)),))


def test_what_fits_passes() -> None:
    refuse_huge(_graph(2**20))


@pytest.mark.parametrize("rows", [2**30, 2**31 - 1])
def test_huge_values_are_refused(tmp_path: Path, rows: int) -> None:
    with pytest.raises(LoadError, match=r"scores.*GB"):
        refuse_huge(_graph(rows))
    path = tmp_path / "m.tflite"
    path.write_bytes(write(_graph(rows)))
    with open_source(path) as source, pytest.raises(LoadError, match=r"scores.*GB"):
        _ = source.info
