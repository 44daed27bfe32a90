"""An end for reading what a file says of itself: libhdf5 follows damaged references for ever.

It does so inside C, holding Python's lock, so that neither a thread nor a Python signal handler of
this process could interrupt it. The kernel can: SIGALRM ends the child, and the parent says why.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_LIMIT_S = 45.0  # a sound file of any size takes well below one
_armed = False


def arm() -> None:
    """Allow deadlines to end this process; for processes that nobody else lives in."""
    global _armed
    _armed = hasattr(signal, "setitimer")


@contextmanager
def structure() -> Iterator[None]:
    """End the process when the block takes longer than a file's structure can."""
    if not _armed:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, _LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
