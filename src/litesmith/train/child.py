"""The child that trains: `python -m litesmith.train.child`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from litesmith.children.serve import Requests, main

STOP = "stop"  # the file by which the parent asks for an end
STATE = "state.npz"
_SAVE_EVERY_S = 20.0


def train(work: Path, tell: Callable[[Any], None], **job: Any) -> dict[str, Any]:
    """Train what the parent left in the folder.

    Args:
        work: private directory; the file `STOP` in it ends training with the best state so far.
        tell: called with `{"step", "steps", "loss", …}`, now and then with the path of a state.
        job: what `process.train` says: graphs, examples, settings, resume, owner.

    Returns:
        what was done, and the path of the final state.
    """
    from litesmith.train import transport

    teacher, student = transport.load_graphs(Path(job["graphs"]))
    stored = transport.stored_from_json(job["examples"])
    settings = transport.settings_from_json(job["settings"])
    resume = None
    if job["resume"] is not None:
        resume, _ = transport.state_from_bytes(Path(job["resume"]).read_bytes())
    tell({})  # the parent's files have been read
    _require_tensorflow()
    from litesmith.train.distill import distill

    keeper = _Keeper(work, job["owner"], tell)
    stop = work / STOP
    trained = distill(teacher, student, stored.arrays(), settings, keeper.told, stop.exists, resume)
    path = None if trained.state is None else keeper.save(trained.state)
    return {
        "done": trained.done,
        "why": trained.why,
        "steps": trained.steps,
        "loss": list(trained.loss),
        "agreement": list(trained.agreement),
        "seconds": trained.seconds,
        "frozen": list(trained.frozen),
        "state": path,
    }


class _Keeper:
    """Tells the parent of progress, and leaves it a state now and then.

    Args:
        work: where states go.
        owner: the job they belong to.
        tell: the way to the parent.
    """

    def __init__(self, work: Path, owner: str, tell: Callable[[Any], None]) -> None:
        self._work, self._owner, self._tell = work, owner, tell
        self._saved = time.monotonic()

    def told(self, progress: Any) -> None:
        """Pass a `Progress` on."""
        from litesmith.train.nouns import Point

        message = {field.name: getattr(progress, field.name) for field in fields(Point)}
        if time.monotonic() - self._saved >= _SAVE_EVERY_S:
            message["state"] = self.save(progress.state())
            self._saved = time.monotonic()
        self._tell(message)

    def save(self, state: Any) -> str:
        """Write a state, whole at any time; return its path."""
        from litesmith.children.protocol import disk
        from litesmith.train.transport import state_to_bytes

        path, partial = self._work / STATE, self._work / f"{STATE}.part"
        with disk(self._work):
            partial.write_bytes(state_to_bytes(state, self._owner))
            os.replace(partial, path)
        return str(path)


def _require_tensorflow() -> None:
    try:
        import tensorflow  # noqa: F401
    except ImportError as error:
        from litesmith.errors import ConversionError

        raise ConversionError(
            f"Training needs TensorFlow, which cannot be imported: {error}.",
            "pip install 'tensorflow>=2.19,<2.22' into the environment of litesmith.",
        ) from error


def _opening(work: Path, tell: Callable[[Any], None]) -> Requests:
    return {"train": lambda **job: train(work, tell, **job)}


if __name__ == "__main__":
    main(_opening)
