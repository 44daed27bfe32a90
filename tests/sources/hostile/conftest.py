from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from litesmith.errors import LitesmithError, LoadError
from litesmith.sources import LoadOptions, open_source

Refused = Callable[..., str]


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Path]:
    """What a hostile file would write, or a secret that it would read."""
    path = tmp_path / "outside" / "sentinel"
    path.parent.mkdir()
    yield path
    assert not path.exists()


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Open a file in a process whose traces are looked for afterwards; return the sentence."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(temporary)

    def check(
        path: Path, options: LoadOptions | None = None, kind: type[LitesmithError] = LoadError
    ) -> str:
        before = _files(tmp_path)
        with pytest.raises(kind) as caught, open_source(path, options) as source:
            source.lower()
        assert _files(tmp_path) == before
        assert "Traceback" not in caught.value.message
        return caught.value.message

    return check


def _files(root: Path) -> set[Path]:
    """Return all files but kept logs."""
    return {f for f in root.rglob("*") if f.is_file() and root / "state" not in f.parents}
