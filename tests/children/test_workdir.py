from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from litesmith.children import workdir
from litesmith.errors import InputError


def _age(path: Path) -> None:
    os.utime(path, (time.time() - 60,) * 2)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def test_sweep_removes_what_nobody_holds(temporary: Path) -> None:
    held = workdir.create()
    dead, foreign = temporary / "litesmith-dead", temporary / "litesmith-foreign"
    dead.mkdir()
    (dead / "lock").touch()
    foreign.mkdir()
    for path in (held.path, dead, foreign):
        _age(path)
    workdir.sweep()
    assert held.path.exists()
    assert foreign.exists()
    assert not dead.exists()
    held.remove()
    held.remove()
    assert not held.path.exists()


def test_the_newest_twenty_logs_are_kept(logs: Path) -> None:
    work = workdir.create()
    work.log.write_text("text")
    logs.mkdir(parents=True)
    for i in range(30):
        (logs / f"20200101-0000{i:02}-x.log").touch()
    kept = workdir.keep_log(work.log)
    work.remove()
    assert kept is not None and Path(kept).read_text() == "text"
    assert len(list(logs.iterdir())) == 20


def test_no_place_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(InputError, match="Temporary files"):
        workdir.create()
