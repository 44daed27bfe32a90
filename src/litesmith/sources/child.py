"""The child process: `python -m litesmith.sources.child WORK_DIR LIFE_FD`.

Reads requests from stdin and answers on what was stdout; everything that third parties print to
descriptors 1 and 2 goes to the log.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from litesmith.sources import deadline, guard


class Worker:
    """State of the child between requests: the model that was opened.

    Args:
        work: private directory for arrays and results.
        progress: tells the parent what is being done.
    """

    def __init__(self, work: Path, progress: Callable[[str], None]) -> None:
        self.work = work
        self.progress = progress
        self.model: Any = None
        self.file: Any = None
        self.opened: str | None = None

    def open(self, **args: Any) -> dict[str, Any]:
        """Load a model file; return its info."""
        from litesmith.sources.loaders import LoadRequest, load

        self.model = load(LoadRequest.from_json(args, self.work, self.progress))
        info: dict[str, Any] = self.model.info()
        return info

    def lower(self) -> dict[str, Any]:
        """Convert the opened model; return the path of the float .tflite."""
        return self._result(self.model.lower(self.progress))

    def run(self, arrays: list[str], key: str | None = None) -> dict[str, Any]:
        """Run the original model (of a further signature) on a batch; return its outputs' paths."""
        from litesmith.sources.protocol import load_arrays, save_arrays

        more = () if key is None else (key,)
        return {"arrays": save_arrays(self.model.run(load_arrays(arrays), *more), self.work)}

    def open_file(self, path: str) -> dict[str, Any]:
        """Open a .tflite that needs TensorFlow to be run; return its inputs and outputs."""
        from dataclasses import asdict

        from litesmith.sources.flex import FlexSession

        self.file, self.opened = FlexSession(Path(path).read_bytes()), path
        return {
            "inputs": [asdict(port) for port in self.file.inputs],
            "outputs": [asdict(port) for port in self.file.outputs],
        }

    def run_file(self, path: str, arrays: list[str]) -> dict[str, Any]:
        """Run such a file on a batch; return the paths of its outputs."""
        from litesmith.sources.protocol import load_arrays, save_arrays

        if path != self.opened:
            self.open_file(path)
        return {"arrays": save_arrays(self.file.run(load_arrays(arrays)), self.work)}

    def convert(self, **args: Any) -> dict[str, Any]:
        """Convert a GraphDef that the parent froze; return the path of the float .tflite."""
        from litesmith.sources.frozen import FrozenRequest, convert_frozen

        return self._result(convert_frozen(FrozenRequest(**args), self.progress))

    def _result(self, data: bytes) -> dict[str, Any]:
        from litesmith.sources.protocol import disk

        path = self.work / "float.tflite"
        with disk(self.work):
            path.write_bytes(data)
        return {"path": str(path)}


REQUESTS: dict[str, Callable[..., dict[str, Any]]] = {
    "open": Worker.open,
    "lower": Worker.lower,
    "run": Worker.run,
    "convert": Worker.convert,
    "open_file": Worker.open_file,
    "run_file": Worker.run_file,
}


def answer(worker: Worker, message: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to one request; every failure becomes an error reply."""
    from litesmith.errors import InternalError, LitesmithError
    from litesmith.sources.protocol import error_to_json

    try:
        return {"id": message["id"], "ok": REQUESTS[message["do"]](worker, **message["args"])}
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


def serve(requests: IO[str], replies: IO[str], work: Path) -> None:
    """Answer requests until the parent closes the stream."""
    from litesmith.sources.protocol import send

    worker = Worker(work, lambda line: send(replies, {"progress": line}))
    for line in requests:
        send(replies, answer(worker, json.loads(line)))


def main() -> None:
    """Detach the protocol from descriptors 0 and 1, then serve."""
    directory, life = sys.argv[1], int(sys.argv[2])
    guard.start(directory, life)
    _expendable()
    deadline.arm()
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(requests, replies, Path(directory))


def _expendable() -> None:
    """Be the process that the kernel ends when memory runs out, and leave no core file."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
