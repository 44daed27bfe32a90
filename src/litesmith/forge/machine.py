"""Which machine numbers were measured on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from litesmith.report import Machine


def this_machine() -> Machine:
    """Return the processor, the cores that may be used, the system and LiteRT's version."""
    return Machine(_processor(), _cores(), f"{platform.system()} {platform.machine()}", _litert())


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine() or "unknown"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _litert() -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("ai-edge-litert")
    return "unknown"
