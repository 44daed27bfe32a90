"""The same patterns from Keras models, lowered as `litesmith export` lowers them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from litesmith.graph import read
from litesmith.rewrite import FAMILIES
from tests.rewrite.patterns.pattern import Pattern
from tests.rewrite.patterns.table import PATTERNS
from tests.support.rewriting import check, kinds

pytestmark = pytest.mark.slow  # TensorFlow converts eighty models
_REPO = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def lowered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of NAME.tflite, all converted by one process."""
    folder = tmp_path_factory.mktemp("patterns")
    command = [sys.executable, "-m", "tests.rewrite.patterns.keras_models", folder]
    paths = {"PYTHONPATH": os.pathsep.join([str(_REPO / "src"), str(_REPO)])}
    found = subprocess.run(
        command, env=os.environ | paths, capture_output=True, text=True, check=False
    )
    assert not found.returncode, found.stderr[-3000:]
    return folder


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: p.name)
def test_the_minimum_is_reached(pattern: Pattern, lowered: Path) -> None:
    graph = read((lowered / f"{pattern.name}.tflite").read_bytes())
    assert kinds(check(graph, *FAMILIES)) == pattern.minimum
