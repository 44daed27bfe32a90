"""What a step did to the ends, said in NumPy: the oracle that the shaped file is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litesmith.data import Array, TensorSpec
from litesmith.graph.step import Outcome

Specs = tuple[TensorSpec, ...]
Batch = Sequence[Array]


def same_specs(specs: Specs) -> Specs:
    """Return the specs as they are."""
    return specs


def same_batch(batch: Batch) -> list[Array]:
    """Return the batch as it is."""
    return list(batch)


@dataclass(frozen=True)
class Translation:
    """How the ends changed. A batch is one array (k, *example_shape) per input or output.

    Attributes:
        fed: what the application feeds now, given what was fed before the step.
        feed: from what the application feeds to what was fed before.
        read: what the application reads now, given what was read before.
        answer: from what was answered before to what the file must answer.
        seen: the file's answers in the form in which they are compared with `answer`'s; another
            one than the identity where the original's outputs do not determine the file's
            (logits are compared as probabilities).
    """

    fed: Callable[[Specs], Specs] = same_specs
    feed: Callable[[Batch], list[Array]] = same_batch
    read: Callable[[Specs], Specs] = same_specs
    answer: Callable[[Batch], list[Array]] = same_batch
    seen: Callable[[Batch], list[Array]] = same_batch


unchanged = Translation()


@dataclass(frozen=True)
class Shaped(Outcome):
    """Outcome of a step that shapes the ends."""

    translation: Translation = unchanged
