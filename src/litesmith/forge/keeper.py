"""The state of a training, in a file beside the output: kept, read back, removed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from litesmith.errors import InputError
from litesmith.forge.artifact import write_files
from litesmith.forge.options import ExportOptions
from litesmith.train.transport import is_state, state_from_bytes


@dataclass
class Keeper:
    """The file beside the output that an interrupted training goes on from.

    Attributes:
        path: of the file.
        resume: what it held when the run began, None to begin anew.
        kept: it is there, and of this run.
        failure: why it could not be written, "" so far.
    """

    path: Path
    resume: bytes | None = None
    kept: bool = False
    failure: str = ""

    def keep(self, content: bytes) -> None:
        """Write a state; a failure costs the state and not the training."""
        try:
            write_files({self.path: content})
            self.kept = True
        except InputError as error:
            self.failure = error.message

    def discard(self) -> None:
        """Remove the file: the training that it belongs to is done."""
        if self.kept or self.resume is not None:
            self.path.unlink(missing_ok=True)
            self.kept = False


def state_path(output: Path) -> Path:
    """Return where the state of a training is kept: beside the file that it is for."""
    return output.with_name(f"{output.name.removesuffix('.tflite')}.train.npz")


def keeper_of(output: Path, options: ExportOptions) -> Keeper:
    """Return the keeper of a training's state, the file to go on from read.

    Raises:
        InputError: there is no such file, it is damaged, or another file has its name.
    """
    path = state_path(output)
    if path.exists() and not is_state(path):
        raise InputError(
            f"{path} is where the state of training is kept, and holds something else."
            if not options.resume
            else f"{path} is damaged or holds no state of training, so nothing can be resumed.",
            "Move it away, or give the output another name."
            if not options.resume
            else "Remove it and leave out --resume to train from the beginning.",
        )
    if not options.resume:
        return Keeper(path)
    try:
        content = path.read_bytes()
        state_from_bytes(content)
    except FileNotFoundError:
        raise InputError(
            f"There is nothing to resume: no file {path}.",
            "Leave out --resume to train from the beginning.",
        ) from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise InputError(f"{path} cannot be read: {reason}.") from error
    except InputError as error:
        raise InputError(
            f"{path} is damaged or holds no state of training, so nothing can be resumed.",
            "Remove it and leave out --resume to train from the beginning.",
        ) from error
    return Keeper(path, content)
