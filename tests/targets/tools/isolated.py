"""Run a function on every file of a folder, each in a child process of its own.

Needs nothing but Python: it runs in the environment of a target's own tool.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path


def each(function: Callable[[Path], None]) -> dict[str, str]:
    """Return name → everything the function printed, for FOLDER/*.tflite (first argument)."""
    files = sorted(Path(sys.argv[1]).glob("*.tflite"))
    names = json.loads((Path(sys.argv[1]) / "names.json").read_text())
    return {names[file.stem]: _captured(function, file) for file in files}


def _captured(function: Callable[[Path], None], file: Path) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        try:
            function(file)
        except BaseException as error:
            print("EXCEPTION", repr(error), flush=True)
        sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    chunks = []
    while chunk := os.read(reader, 65536):
        chunks.append(chunk)
    os.close(reader)
    os.waitpid(child, 0)
    return b"".join(chunks).decode(errors="replace")
