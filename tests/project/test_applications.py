"""Every family of keras.applications exports, float and int8, at a reduced resolution."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.applications import measure
from benchmarks.applications_table import FAMILIES, available


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAMILIES))
def test_family_exports(name: str, tmp_path: Path) -> None:
    if name not in available():
        pytest.skip(f"this Keras has no {name}")
    row = measure(name, FAMILIES[name].small, images=32, folder=tmp_path)
    assert row["verdict"] == "ok", row
