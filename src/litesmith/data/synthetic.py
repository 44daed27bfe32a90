"""Generated examples, for when the user gave none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.data.examples import Examples
from litesmith.data.preprocess import NAMED
from litesmith.data.rows import Block, Rows
from litesmith.data.specs import Array, TensorSpec

DESCRIPTION = "synthetic"
_NORMAL_SPREAD = 0.5
_SMALL_BOUNDS = {"bool": 2, "uint8": 256, "int8": 128}
_UNKNOWN_BOUND = 2


@dataclass(frozen=True)
class SyntheticReader:
    """Examples drawn from (seed, position), so a batch split never changes them."""

    inputs: tuple[TensorSpec, ...]
    count: int
    seed: int
    bounds: Mapping[str, int]

    @property
    def size(self) -> int | None:
        """Number of examples."""
        return self.count

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield one example at a time."""
        for row in rows:
            yield tuple(
                self._draw(spec, np.random.default_rng((self.seed, int(row), i)), int(row))
                for i, spec in enumerate(self.inputs)
            )

    def _draw(self, spec: TensorSpec, random: np.random.Generator, row: int) -> Array:
        shape = (1, *(1 if size is None else size for size in spec.example_shape))
        if spec.span is not None:
            return _within(spec.span, shape, random)
        if not spec.dtype.startswith(("int", "uint", "bool")):
            if row % 2:
                return random.normal(0.0, _NORMAL_SPREAD, shape)
            return random.uniform(-1.0, 1.0, shape)
        default = _SMALL_BOUNDS.get(spec.dtype, _UNKNOWN_BOUND)
        return random.integers(0, max(self.bounds.get(spec.name, default), 1), shape)


def _within(
    span: tuple[float, float], shape: tuple[int, ...], random: np.random.Generator
) -> Array:
    low, high = span
    if low.is_integer() and high.is_integer():
        return random.integers(int(low), int(high) + 1, shape)
    return random.uniform(low, high, shape)


def synthetic_examples(
    inputs: Sequence[TensorSpec], n: int, seed: int = 0, bounds: Mapping[str, int] | None = None
) -> Examples:
    """Return `n` generated examples.

    Float inputs: uniform in [-1, 1] and normal (standard deviation 0.5) in turn. Integer inputs:
    uniform in [0, bounds[name]); without a bound the whole non-negative range of 8-bit types, and
    only 0 and 1 for wider ones, which are usually indices. Inputs with a `span`: uniform in it.
    Dimensions of any size become 1.
    """
    reader = SyntheticReader(tuple(inputs), n, seed, dict(bounds or {}))
    return Examples(tuple(inputs), DESCRIPTION, reader, (NAMED["none"],) * len(inputs), range(n))
