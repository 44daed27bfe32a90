"""Aborts, kills, hangs and dying parents: one sentence, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from litesmith.errors import LoadError
from litesmith.sources import LoadOptions, open_source

Model = Callable[[str], Path]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a temporary directory of its own, to see what is left in it."""
    import tempfile

    path = tmp_path / "tmp"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("abort", "SIGABRT"),
        ("kill", "SIGKILL"),
        ("leave", "exit code 3"),
        ("hang", "given up"),
        ("endless", "structure has no end"),
    ],
)
def test_deaths(
    model: Model, code: str, temporary: Path, logs: Path, function: str, says: str
) -> None:
    limit = 8.0 if function == "hang" else 120.0
    options = LoadOptions(builder=f"{code}:{function}", time_limit_s=limit)
    with open_source(model("only.weights.h5"), options) as source:
        with pytest.raises(LoadError, match=says) as caught:
            _ = source.info
        with pytest.raises(LoadError):
            _ = source.info
    assert Path(caught.value.log or "").parent == logs
    assert not list(temporary.iterdir())


def test_close_is_quick_and_complete(model: Model, temporary: Path) -> None:
    source = open_source(model("functional.keras"))
    assert list(temporary.iterdir())
    source.close()
    source.close()
    assert not list(temporary.iterdir())
    with pytest.raises(LoadError, match="closed"):
        _ = source.info


def test_killed_parent(model: Model, code: str, temporary: Path) -> None:
    script = (
        "from litesmith.sources import LoadOptions, open_source\n"
        f"s = open_source({str(model('only.weights.h5'))!r},"
        f" LoadOptions(builder={code + ':hang'!r}, on_progress=print))\n"
        "s.info\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        while "building" not in parent.stdout.readline():
            assert parent.poll() is None
        work = next(temporary.glob("litesmith-*"))
        parent.send_signal(signal.SIGKILL)
    for _ in range(200):
        if not work.exists() and not _users_of(work):
            return
        time.sleep(0.05)
    pytest.fail(f"left behind: {work} {_users_of(work)}")


def _users_of(work: Path) -> list[str]:
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in lines.stdout.splitlines() if str(work) in line]
