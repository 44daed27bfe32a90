"""Examples (what a model reads) and Labelled (with what it should answer)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from litesmith.data.fit import prepare
from litesmith.data.preprocess import Preprocess
from litesmith.data.rows import ENDLESS, Block, Reader, Rows, rebatch, spread
from litesmith.data.specs import Array, TensorSpec


@dataclass(frozen=True)
class Examples:
    """Examples for a model, read anew in every pass; memory does not grow with their number.

    Attributes:
        inputs: the model's inputs, in its order.
        description: where they come from, for reports.
        reader: where raw values come from.
        preprocess: one per input.
        rows: positions of the chosen examples in `reader`.
    """

    inputs: tuple[TensorSpec, ...]
    description: str
    reader: Reader
    preprocess: tuple[Preprocess, ...]
    rows: Rows = ENDLESS

    @property
    def size(self) -> int | None:
        """Number of examples, None for a stream that only a whole pass could count."""
        return None if self.reader.size is None else len(self.rows)

    def __len__(self) -> int:
        """Return `size`; a TypeError for a stream, as for any Python iterator."""
        if self.size is None:
            raise TypeError(f"{self.description} is a stream without a length")
        return self.size

    def batches(self, size: int, limit: int | None = None, offset: int = 0) -> Iterator[Block]:
        """Yield batches of up to `size` examples, preprocessed and in the model's dtypes.

        Args:
            size: examples per batch.
            limit: at most so many examples in all.
            offset: examples to leave out at the start.

        Yields:
            one read-only array (k, *example_shape) per input. The last batch may be smaller, and
            so is one before examples of another shape (inputs with dimensions of any size).

        Raises:
            InputError: data that cannot be read or does not fit the model.
        """
        rows = self.rows[offset:] if limit is None else self.rows[offset : offset + limit]
        for block in rebatch(self.reader.blocks(rows), max(size, 1)):
            yield tuple(
                prepare(values, spec, preprocess, self._where(spec))
                for values, spec, preprocess in zip(
                    block, self.inputs, self.preprocess, strict=True
                )
            )

    def _where(self, spec: TensorSpec) -> str:
        one = len(self.inputs) == 1
        return self.description if one else f"{self.description} for input '{spec.name}'"

    def take(self, count: int) -> Examples:
        """Return `count` examples evenly spread over a sized source, the first ones of a stream."""
        if self.size is None:
            return replace(self, rows=self.rows[:count])
        return self.select(spread(self.size, count))

    def select(self, positions: Rows) -> Examples:
        """Return the examples at ascending `positions` of this sized set."""
        if isinstance(positions, range):
            return replace(self, rows=self.rows[positions.start : positions.stop])
        rows = self.rows
        chosen = positions + rows.start if isinstance(rows, range) else rows[positions]
        return replace(self, rows=chosen)


@dataclass(frozen=True)
class Labelled:
    """Examples with labels.

    Attributes:
        examples: a sized `Examples`.
        labels: (n, …) integer class indices, or numbers of any shape.
        class_names: name of each class index, where the data tells.
    """

    examples: Examples
    labels: Array
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels)

    def batches(self, size: int) -> Iterator[tuple[Block, Array]]:
        """Yield (inputs, labels) of up to `size` examples; see `Examples.batches`."""
        start = 0
        for batch in self.examples.batches(size):
            stop = start + (len(batch[0]) if batch else 0)
            yield batch, self.labels[start:stop]
            start = stop

    def take(self, count: int) -> Labelled:
        """Return `count` examples evenly spread over all, with their labels."""
        positions = spread(len(self.labels), count)
        chosen = positions if not isinstance(positions, range) else slice(None, positions.stop)
        return replace(self, examples=self.examples.select(positions), labels=self.labels[chosen])
