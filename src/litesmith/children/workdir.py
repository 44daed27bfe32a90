"""A private directory per child, removed with its owners; kept logs of failed runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from litesmith.children.protocol import disk

_PREFIX = "litesmith-"
_LOCK = "lock"
_KEPT_LOGS = 20


@dataclass
class WorkDir:
    """A directory whose lock file is held by every process that uses it.

    Attributes:
        path: the directory.
        lock: descriptor that holds the lock; inherited by the child.
    """

    path: Path
    lock: int

    @property
    def log(self) -> Path:
        """What third parties print."""
        return self.path / "child.log"

    def remove(self) -> None:
        """Remove the directory and release the lock; may be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def create() -> WorkDir:
    """Make a new work directory, after sweeping those whose owners are dead.

    Raises:
        InputError: nothing can be written to the temporary directory.
    """
    with disk(Path(tempfile.gettempdir())):
        sweep()
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return WorkDir(path, lock)


def sweep(root: Path | None = None) -> None:
    """Remove work directories that no living process holds (their owner was killed)."""
    for path in (root or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        try:
            stat = path.lstat()
            if stat.st_uid == os.getuid() and time.time() - stat.st_mtime > 2:
                _remove_if_dead(path)
        except OSError:
            continue  # another process was faster


def _remove_if_dead(path: Path) -> None:
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)  # not ours when there is no lock file
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)


def log_directory() -> Path:
    """Return where logs of failed runs are kept."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "litesmith" / "logs"


def keep_log(log: Path) -> str | None:
    """Copy a log where it outlives its work directory; return the copy's path."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{log.parent.name.removeprefix(_PREFIX)}.log"
    for root in (log_directory, lambda: Path(tempfile.gettempdir()) / "litesmith-logs"):
        try:
            directory = root()
            directory.mkdir(parents=True, exist_ok=True)
            kept = directory / name
            shutil.copyfile(log, kept)
        except (OSError, RuntimeError):  # RuntimeError: there is no home directory
            continue
        for old in sorted(directory.glob("*.log"))[:-_KEPT_LOGS]:
            old.unlink(missing_ok=True)
        return str(kept)
    return None
