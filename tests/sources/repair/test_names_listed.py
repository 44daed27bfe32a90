"""Lists of names in HDF5 attributes, also damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from litesmith.sources.repair.weights import is_by_layer_name


@pytest.mark.parametrize(
    ("attributes", "listed"),
    [
        ({}, False),
        ({"layer_names": [b"a", b"b"]}, True),
        ({"layer_names0": [b"a"], "layer_names1": [b"b"]}, True),
        ({"layer_names": np.int64(7)}, True),
        ({"layer_names0": np.int64(7)}, True),
    ],
)
def test_names_may_be_damaged(tmp_path: Path, attributes: dict[str, Any], listed: bool) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs.update(attributes)
        assert is_by_layer_name(file) is listed
