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
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep logs of failed runs out of the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "litesmith" / "logs"
