"""What all tests share: real models, digits, and an environment that leaves no trace."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest

REPO = Path(__file__).resolve().parents[1]

# Set before any test imports TensorFlow; children inherit it.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@pytest.fixture(scope="session", autouse=True)
def _child_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let child processes import this checkout; logs of failed runs go to a temporary folder."""
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPO / "src"), str(REPO)]))
        yield


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test's failed runs a folder of their own for logs; it may not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "litesmith" / "logs"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real models/ and data/; the test is skipped where it is absent."""
    folder = Path(os.environ.get("LITESMITH_SHARED", REPO.parent / "shared"))
    if not (folder / "models").is_dir():
        pytest.skip("no folder with real models (LITESMITH_SHARED)")
    return folder


@pytest.fixture(scope="session")
def digits() -> Path:
    """Folder of the digits example: digits.keras, digits.h5, digits.npz (raw uint8 0..16)."""
    return REPO / "examples" / "digits"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a scratch folder in which commands written for the checkout's root work."""
    (tmp_path / "examples").symlink_to(REPO / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def litesmith_command() -> Callable[..., CompletedProcess[str]]:
    """Run `litesmith …` in a process of its own, as a user would."""
    program = "import sys; from litesmith.cli import main; sys.exit(main())"

    def command(*arguments: str | Path) -> CompletedProcess[str]:
        words = [sys.executable, "-c", program, *map(str, arguments)]
        return run(words, capture_output=True, text=True, check=False, timeout=900)

    return command
