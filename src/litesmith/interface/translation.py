"""What a step did to the ends, said in NumPy: the oracle that the shaped file is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litesmith.data import Array, TensorSpec
from litesmith.graph import Graph
from litesmith.graph.step import Notice, Outcome

Specs = tuple[TensorSpec, ...]
Batch = Sequence[Array]


def same_specs(specs: Specs) -> Specs:
    """Return the specs as they are."""
    return specs


def same_batch(batch: Batch) -> list[Array]:
    """Return the batch as it is."""
    return list(batch)


def same_answers(answers: Batch, before: Batch) -> list[Array]:
    """Return the file's answers as they are."""
    return list(answers)


@dataclass(frozen=True)
class Translation:
    """How the ends changed. A batch is one array (k, *example_shape) per input or output.

    Attributes:
        fed: what the application feeds now, given what was fed before the step.
        feed: from what the application feeds to what was fed before.
        read: what the application reads now, given what was read before.
        answer: from what was answered before to what the file must answer.
        seen: (the file's answers, what the original answered before) → the file's answers in the
            form in which they are compared with `answer`'s. Another one than the identity where the
            original's outputs do not determine the file's (logits are compared as probabilities)
            or leave a choice (two classes that are alike but for rounding).
        compared: specs of what `answer` returns, given those of what was answered before; None
            where they are what is read.
    """

    fed: Callable[[Specs], Specs] = same_specs
    feed: Callable[[Batch], list[Array]] = same_batch
    read: Callable[[Specs], Specs] = same_specs
    answer: Callable[[Batch], list[Array]] = same_batch
    seen: Callable[[Batch, Batch], list[Array]] = same_answers
    compared: Callable[[Specs], Specs] | None = None


unchanged = Translation()


@dataclass(frozen=True)
class Reshaped:
    """One change of the outputs; `why` is "" when nothing was done."""

    graph: Graph
    why: str
    translation: Translation
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Shaped(Outcome):
    """Outcome of a step that shapes the ends.

    Attributes:
        translation: of the inputs.
        readings: of the outputs, the model's side first.
    """

    translation: Translation = unchanged
    readings: tuple[Translation, ...] = ()
