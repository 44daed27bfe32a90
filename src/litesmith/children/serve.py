"""The child's end: answers requests on what was stdout; descriptors 1 and 2 go to the log.

A child is `python -m MODULE WORK_DIR LIFE_FD` whose main function calls `main` here.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from litesmith.children import guard

# A request's name → what answers it with an object for the reply.
Requests = Mapping[str, Callable[..., dict[str, Any]]]
# Called with the work directory and a way to tell the parent of progress.
Opening = Callable[[Path, Callable[[Any], None]], Requests]


def main(opening: Opening) -> None:
    """Detach the protocol from descriptors 0 and 1, then serve.

    Args:
        opening: makes the table of requests; imports nothing heavy.
    """
    directory, life = sys.argv[1], int(sys.argv[2])
    guard.start(directory, life)
    _expendable()
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(requests, replies, Path(directory), opening)


def serve(requests: IO[str], replies: IO[str], work: Path, opening: Opening) -> None:
    """Answer requests until the parent closes the stream."""
    from litesmith.children.protocol import send

    table = opening(work, lambda told: send(replies, {"progress": told}))
    for line in requests:
        send(replies, answer(table, json.loads(line)))


def answer(table: Requests, message: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to one request; every failure becomes an error reply."""
    from litesmith.children.protocol import error_to_json
    from litesmith.errors import InternalError, LitesmithError

    try:
        return {"id": message["id"], "ok": table[message["do"]](**message["args"])}
    except LitesmithError as error:
        traceback.print_exc()
        return {"id": message["id"], "error": error_to_json(error)}
    except MemoryError:
        os._exit(137)  # as the kernel's killer would
    except Exception as error:  # the boundary of the process: nothing may pass it but a reply
        traceback.print_exc()
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        defect = InternalError(f"litesmith failed in its child process: {text}")
        defect.__cause__ = error
        return {"id": message["id"], "error": error_to_json(defect)}


def _expendable() -> None:
    """Be the process that the kernel ends when memory runs out, and leave no core file."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        Path("/proc/self/oom_score_adj").write_text("1000")
