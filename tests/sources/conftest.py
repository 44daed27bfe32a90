from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources import zoo


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@pytest.fixture(scope="session")
def model(folder: Path) -> Callable[[str], Path]:
    """Path of a model of the zoo, made when first asked for."""

    def get(name: str) -> Path:
        path = folder / name
        if not path.exists():
            zoo.MODELS[name](path)
        return path

    return get


@pytest.fixture(scope="session")
def code(folder: Path) -> str:
    return f"py:{zoo.write_code(folder)}"


@pytest.fixture(autouse=True)
def _logs_apart(logs: Path) -> None:
    """Let every test here keep its logs apart: many of them fail on purpose."""
