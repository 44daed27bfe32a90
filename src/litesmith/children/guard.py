"""A tiny helper process of the child that outlives nobody.

A thread cannot do this: the converter holds Python's lock for seconds at a time.
"""

from __future__ import annotations

import os
import shutil
import signal


def start(directory: str, life: int) -> None:
    """Fork the guard; must be called before any thread exists.

    When the parent's end of `life` closes — also because the parent was killed — the guard kills
    the calling process with everything it started and removes `directory`. The caller must lead a
    process group of its own.

    Args:
        directory: work directory to remove.
        life: read end of a pipe whose write end only the parent holds.
    """
    watched = os.getpid()
    if os.fork():
        os.close(life)
        return
    try:
        os.setpgid(0, 0)  # not one of those it kills
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(null, 2)
        _close_others({0, 1, 2, life})
        os.read(life, 1)
        if os.getppid() == watched:  # else it is dead, and its number may be another's
            os.killpg(watched, signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os._exit(0)


def _close_others(wanted: set[int]) -> None:
    for descriptor in range(3, 256):
        if descriptor not in wanted:
            try:
                os.close(descriptor)
            except OSError:
                continue
