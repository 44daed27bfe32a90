"""The parent's side of training: it never imports TensorFlow, a child of its own trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litesmith.children import Child, Program
from litesmith.children.protocol import disk
from litesmith.data import Examples
from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph
from litesmith.train import transport
from litesmith.train.child import STOP
from litesmith.train.learned import restore
from litesmith.train.nouns import Point, Settings, Trained

PROGRAM = Program(
    module="litesmith.train.child",
    what="training",
    phases={"train": ("training the model", ConversionError)},
)


@dataclass(frozen=True)
class Job:
    """What is trained, and how.

    Attributes:
        teacher: float graph.
        student: the same graph annotated.
        examples: unlabelled; at most `transport.at_most` of them are used.
        settings: how.
    """

    teacher: Graph
    student: Graph
    examples: Examples
    settings: Settings


@dataclass(frozen=True)
class Ears:
    """Who is told what while training goes on; called from a thread of the child's reader.

    Attributes:
        point: called at every look at the held-out examples.
        state: called with a state, an .npz file, now and then and at the end.
        stopping: called when an interrupt (Ctrl-C) asked for an end.
    """

    point: Callable[[Point], None] = lambda point: None
    state: Callable[[bytes], None] = lambda content: None
    stopping: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Result:
    """What came of a job.

    Attributes:
        trained: as `distill` says it; its `state` stays in the child.
        examples: how many were used.
        curve: the looks at the held-out examples, in order.
        interrupted: an interrupt ended it.
    """

    trained: Trained
    examples: int
    curve: tuple[Point, ...] = ()
    interrupted: bool = False


_DEAF = Ears()


def train(job: Job, ears: Ears = _DEAF, resume: bytes | None = None) -> Result:
    """Train a graph in a child process.

    The first KeyboardInterrupt ends training with the best state so far, a second one ends it all.

    Args:
        job: what.
        ears: who is told.
        resume: what `ears.state` was given in an earlier run of the same job.

    Raises:
        InputError: examples of different shapes, a full disk, or a state of another job.
        ConversionError: the child died, or has no TensorFlow.
    """
    listening = _Listening(ears)
    child = Child(PROGRAM, None, listening.hear)
    try:
        request = _written(job, child.work.path, resume)
        reply, interrupted = _answer(child, request, ears)
        state = reply["state"]
        graph = job.student
        if state is not None:
            content = Path(state).read_bytes()
            ears.state(content)
            if reply["done"]:
                graph = restore(job.student, transport.state_from_bytes(content)[0])
    finally:
        child.close()
    trained = _trained(reply, graph)
    return Result(trained, request["examples"]["examples"], tuple(listening.curve), interrupted)


@dataclass
class _Listening:
    ears: Ears
    curve: list[Point] = field(default_factory=list)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take what the child tells."""
        if not message:
            return
        given = dict(message)
        state = given.pop("state", None)
        point = Point(**given)
        self.curve.append(point)
        self.ears.point(point)
        if state is not None:
            self.ears.state(Path(state).read_bytes())


def _written(job: Job, folder: Path, resume: bytes | None) -> dict[str, Any]:
    """Return the arguments of the request, everything large in files."""
    graphs = folder / "graphs.pickle"
    transport.save_graphs((job.teacher, job.student), graphs)
    stored = transport.save_examples(job.examples, job.teacher.inputs, folder)
    owner = transport.fingerprint(job.teacher, job.student, job.settings, stored)
    path = None
    if resume is not None:
        if transport.state_from_bytes(resume)[1] != owner:
            raise InputError(
                "The saved state of training belongs to another model, other examples or options.",
                "Give the options of the run that was interrupted, or leave out --resume.",
            )
        path = folder / "resume.npz"
        with disk(folder):
            path.write_bytes(resume)
    return {
        "graphs": str(graphs),
        "examples": transport.stored_to_json(stored),
        "settings": transport.settings_to_json(job.settings, folder),
        "resume": None if path is None else str(path),
        "owner": owner,
    }


def _answer(child: Child, request: dict[str, Any], ears: Ears) -> tuple[dict[str, Any], bool]:
    """Return the child's reply, and whether an interrupt asked for it."""
    future = child.submit("train", **request)
    try:
        return child.wait("train", future), False
    except KeyboardInterrupt:
        # The child has a session of its own: the terminal's interrupt does not reach it.
        ears.stopping()
        (child.work.path / STOP).touch()
        return child.wait("train", future), True


def _trained(reply: Mapping[str, Any], graph: Graph) -> Trained:
    def pair(name: str) -> tuple[float, float]:
        before, after = (math.nan if value is None else float(value) for value in reply[name])
        return before, after

    return Trained(
        graph=graph,
        done=bool(reply["done"]),
        why=str(reply["why"]),
        steps=int(reply["steps"]),
        loss=pair("loss"),
        agreement=pair("agreement"),
        seconds=float(reply["seconds"]),
        frozen=tuple(reply["frozen"]),
    )
