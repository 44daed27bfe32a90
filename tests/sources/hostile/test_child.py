"""A file that makes the child eat all memory, or crash, costs the child and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from litesmith.children import Child
from litesmith.sources.process import PROGRAM


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="Linux only")
def test_the_child_goes_first() -> None:
    child = Child(PROGRAM, 60, lambda line: None)
    try:
        process = Path("/proc", str(child._process.pid))
        for _ in range(300):
            if (process / "oom_score_adj").read_text().strip() == "1000":
                break
            time.sleep(0.05)
        assert (process / "oom_score_adj").read_text().strip() == "1000"
        limits = (process / "limits").read_text().splitlines()
        core = next(line for line in limits if line.startswith("Max core file size"))
        assert core.split()[4] == "0"
    finally:
        child.close()
