"""What goes into and comes out of training; NumPy alone, so that any process may hold it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from litesmith.errors import InputError
from litesmith.graph import Array, Graph

_NO_ARRAYS: Mapping[str, Array] = MappingProxyType({})
LOSSES = ("cross_entropy", "binary_cross_entropy", "mean_squared_error", "mean_absolute_error")


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        steps: optimizer steps; None: as many as bits, examples and size of the network call for.
        seed: of the order of examples and of their augmentation.
        batch: examples per step; None: chosen from the number of examples.
        augment: let examples be varied where the float graph's answers stay sensible.
        loss: a name of `LOSSES` or "py:…" (a function of labels and answers, TensorFlow inside),
            mixed in with `labels`; None: the float graph is the only teacher.
        labels: (n, …), one per example; None without labels.
        label_weight: part of the loss that the labels make up, 0 to 1.
        memory_mb: what activations of one pass may take; larger batches are split.
    """

    steps: int | None = None
    seed: int = 0
    batch: int | None = None
    augment: bool = True
    loss: str | None = None
    labels: Array | None = None
    label_weight: float = 0.5
    memory_mb: int = 2048

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise InputError(f"--train {self.steps}: there must be at least one step.")
        if self.loss is not None and self.loss not in LOSSES and not self.loss.startswith("py:"):
            raise InputError(
                f"There is no loss '{self.loss}'.", f"Choose one of {', '.join(LOSSES)}."
            )
        if (self.loss is None) != (self.labels is None):
            raise InputError(
                "A loss needs labels, and labels need a loss.",
                "Give both, or neither: the float model teaches without labels.",
            )


DEFAULTS = Settings()


@dataclass(frozen=True)
class State:
    """All that training needs to go on where it stopped, and its best result so far.

    Attributes:
        step: steps done.
        arrays: name → values; "best/…" is what `learned.restore` puts into a graph.
    """

    step: int
    arrays: Mapping[str, Array]

    def to_bytes(self) -> bytes:
        """Return an .npz file."""
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, step=np.int64(self.step), **self.arrays)
        return stream.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> State:
        """Return what `to_bytes` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return State(int(arrays.pop("step")), MappingProxyType(arrays))
        except (ValueError, KeyError, OSError, EOFError) as error:
            raise InputError("The saved state of training cannot be read.") from error


@dataclass(frozen=True)
class Point:
    """Where training is at one look at the held-out examples.

    Attributes:
        step, steps: done, and in all.
        loss: on the held-out examples, lower is better; NaN before the first look at them.
        agreement: part of the held-out examples that are answered as the float graph does (same
            largest output); for outputs that are no votes 1 − normalized squared error.
        best_loss: of the best state so far.
        seconds: since training began.
        seconds_left: estimated.
    """

    step: int
    steps: int
    loss: float
    agreement: float
    best_loss: float
    seconds: float
    seconds_left: float

    @property
    def fraction(self) -> float:
        """What part of the steps is done."""
        return self.step / self.steps if self.steps else 0.0


@dataclass(frozen=True)
class Progress(Point):
    """The same with what is needed to go on from there.

    Attributes:
        state: makes the state to resume from (costs a copy of all weights).
    """

    state: Callable[[], State]


@dataclass(frozen=True)
class Trained:
    """The result of training.

    Attributes:
        graph: the student with trained constants and quantization; the student itself when
            `done` is False.
        done: False when training was not the answer or nothing better was found.
        why: what was done, or why not; one clause.
        steps: done in all.
        loss: (before, after) on the held-out examples.
        agreement: (before, after) on the held-out examples.
        seconds: spent.
        frozen: kinds of op that no gradient passes.
        state: to go on from; None when there was nothing to train.
    """

    graph: Graph
    done: bool
    why: str
    steps: int = 0
    loss: tuple[float, float] = (float("nan"), float("nan"))
    agreement: tuple[float, float] = (float("nan"), float("nan"))
    seconds: float = 0.0
    frozen: tuple[str, ...] = ()
    state: State | None = field(default=None, repr=False)


def quiet(progress: Progress) -> None:
    """Progress sink that shows nothing."""


def never() -> bool:
    """Stop signal that never comes."""
    return False
