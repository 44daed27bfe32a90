"""A file whose structure has no end does not keep anybody waiting."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_CODE = """
import time
from litesmith.sources import deadline
deadline._LIMIT_S = 0.3
{before}
with deadline.structure():
    time.sleep({inside})
time.sleep(0.6)
"""


@pytest.mark.parametrize(
    ("before", "inside", "code"),
    [
        ("deadline.arm()", 30, -signal.SIGALRM),
        ("deadline.arm()", 0, 0),  # what comes later takes its time
        ("", 0.6, 0),  # a process that others live in is not ended
    ],
)
def test_deadline(before: str, inside: float, code: int) -> None:
    text = _CODE.format(before=before, inside=inside)
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == code
