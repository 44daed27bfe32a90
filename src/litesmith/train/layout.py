"""All trained numbers as one vector, so that an optimizer's step is one op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array


@dataclass(frozen=True)
class Slot:
    """Where one named array lies.

    Attributes:
        name: unique.
        shape: of the array.
        low, high: what its values are kept between.
    """

    name: str
    shape: tuple[int, ...]
    low: float = float("-inf")
    high: float = float("inf")

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bounded(self) -> bool:
        """True when the values are kept from somewhere."""
        return bool(np.isfinite([self.low, self.high]).any())


@dataclass(frozen=True)
class Layout:
    """The order of arrays in the vector."""

    slots: tuple[Slot, ...]

    @property
    def sizes(self) -> list[int]:
        """Values per slot."""
        return [slot.size for slot in self.slots]

    def bounds(self) -> tuple[Array, ...]:
        """Return the smallest and the largest value of each element, float32."""
        low, high = ([getattr(s, end) for s in self.slots] for end in ("low", "high"))
        sizes = self.sizes
        return tuple(np.repeat(np.asarray(end, np.float32), sizes) for end in (low, high))

    def joined(self, arrays: Mapping[str, Array]) -> Array:
        """Return the vector, float32."""
        return np.concatenate([np.float32(arrays[s.name]).reshape(-1) for s in self.slots])

    def split(self, vector: Array) -> dict[str, Array]:
        """Return name → array."""
        ends = np.cumsum(self.sizes)[:-1]
        parts: Sequence[Array] = np.split(vector, ends)
        return {s.name: p.reshape(s.shape) for s, p in zip(self.slots, parts, strict=True)}
