from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.saved_model.makers import MAKERS


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Path of a SavedModel, made when first asked for."""
    folder = tmp_path_factory.mktemp("saved_models")

    def get(name: str) -> Path:
        path = folder / name
        if not path.exists():
            MAKERS[name](path)
        return path

    return get
