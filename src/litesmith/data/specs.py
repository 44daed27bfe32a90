"""What a model reads or writes, as far as data is concerned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model.

    `shape` is as the model declares it (None where any size fits); `dtype` is a NumPy name such as
    `float32`. What the application feeds is told by the rest:

    Attributes:
        channels_first: an example's last axis is fed as its first.
        channels: "bgr" where image files, which hold RGB, are fed in that order.
        span: smallest and largest plausible value; whole numbers when both are.
        feeds: in words, "" when `dtype` and shape say it all.

    What a head made of an output is told by:

    Attributes:
        holds: "class" (an index), "ranking" (indices of classes, the best first), "ranked" (their
            scores), "truth" (truth values) or "detections"; "" for an output as the model gives it.
        classes: how many there are, where `holds` is "class" or "ranking".
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    channels_first: bool = False
    channels: str = ""
    span: tuple[float, float] | None = None
    feeds: str = ""
    holds: str = ""
    classes: int = 0

    @property
    def example_shape(self) -> tuple[int | None, ...]:
        """Shape of what one invocation gets: `shape` without a leading axis of None or 1."""
        if self.shape and self.shape[0] in (None, 1):
            return self.shape[1:]
        return self.shape

    def channels_last(self) -> TensorSpec:
        """Return the same input as it would be fed with its channels in the last axis."""
        if not self.channels_first:
            return self
        first, *rest = self.example_shape
        head = self.shape[: len(self.shape) - len(self.example_shape)]
        return replace(self, shape=(*head, *rest, first), channels_first=False)
