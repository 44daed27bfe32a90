"""The child that loads, converts and runs models: `python -m litesmith.sources.child`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from litesmith.children.serve import Requests, main
from litesmith.sources import deadline


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
        from litesmith.children.protocol import load_arrays, save_arrays

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
        from litesmith.children.protocol import load_arrays, save_arrays

        if path != self.opened:
            self.open_file(path)
        return {"arrays": save_arrays(self.file.run(load_arrays(arrays)), self.work)}

    def convert(self, **args: Any) -> dict[str, Any]:
        """Convert a GraphDef that the parent froze; return the path of the float .tflite."""
        from litesmith.sources.frozen import FrozenRequest, convert_frozen

        return self._result(convert_frozen(FrozenRequest(**args), self.progress))

    def _result(self, data: bytes) -> dict[str, Any]:
        from litesmith.children.protocol import disk

        path = self.work / "float.tflite"
        with disk(self.work):
            path.write_bytes(data)
        return {"path": str(path)}


REQUESTS = ("open", "lower", "run", "convert", "open_file", "run_file")


def requests(worker: Worker) -> Requests:
    """Return what answers each request."""
    return {name: getattr(worker, name) for name in REQUESTS}


def _opening(work: Path, progress: Callable[[str], None]) -> Requests:
    deadline.arm()
    return requests(Worker(work, progress))


if __name__ == "__main__":
    main(_opening)
