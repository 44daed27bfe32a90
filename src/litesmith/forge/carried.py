"""Data for a model whose state the application carries: examples are steps of one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from litesmith.data import Array, Examples, Labelled, TensorSpec, parse_preprocess
from litesmith.data import load_examples as _load_examples
from litesmith.data import load_labelled as _load_labelled
from litesmith.data.rows import ENDLESS, Block, Rows, pick
from litesmith.errors import InputError
from litesmith.forge.original import Original
from litesmith.graph.step import Notice
from litesmith.sources import Source

_Found = TypeVar("_Found", Examples, Labelled)


@dataclass(frozen=True)
class CarriedReader:
    """Examples without state, completed by the state in which the original would be by then.

    Attributes:
        examples: of the model's own inputs.
        run: the original: inputs and states in, outputs and states out.
        zeros: the states before the first step, (1, *example_shape) each.
    """

    examples: Examples
    run: Callable[[Sequence[Array]], list[Array]]
    zeros: tuple[Array, ...]
    _known: dict[int, tuple[Array, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int | None:
        """Number of steps."""
        return self.examples.size

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield the chosen steps."""
        return pick(self._steps(), rows)

    def _steps(self) -> Iterator[Block]:
        self._known[0] = self.zeros
        for i, step in enumerate(self.examples.batches(1)):
            states = self._known[i]
            if i + 1 not in self._known:
                self._known[i + 1] = tuple(self.run([*step, *states])[-len(states) :])
            yield (*step, *states)


def load_examples(
    data: Any, original: Original, preprocess: Sequence[str]
) -> tuple[Examples, bool]:
    """Return examples for a source, and whether its state was carried through them.

    Raises:
        InputError: as `litesmith.data.load_examples`.
    """
    found, without = _loaded(_load_examples, data, original, preprocess)
    return _carried(found, original) if without else found, without


def load_labelled(
    data: Any, original: Original, preprocess: Sequence[str]
) -> tuple[Labelled, bool]:
    """Return labelled examples; otherwise as `load_examples`.

    Raises:
        InputError: as `litesmith.data.load_labelled`.
    """
    found, without = _loaded(_load_labelled, data, original, preprocess)
    if not without:
        return found, False
    return replace(found, examples=_carried(found.examples, original)), True


def _loaded(
    load: Callable[[Any, Sequence[TensorSpec], Sequence[str]], _Found],
    data: Any,
    original: Original,
    preprocess: Sequence[str],
) -> tuple[_Found, bool]:
    """Return what was loaded, and whether it is without the states that the model reads."""
    inputs, count = original.inputs, len(original.source.info.states)
    try:
        return load(data, inputs, preprocess), False
    except InputError:
        if not count:
            raise
        return load(data, inputs[:-count], preprocess), True


def _carried(own: Examples, original: Original) -> Examples:
    inputs = original.inputs
    states = inputs[len(own.inputs) :]
    zeros = tuple(
        np.zeros((1, *(size or 1 for size in spec.example_shape)), spec.dtype) for spec in states
    )
    rows = ENDLESS if own.size is None else range(own.size)
    reader = CarriedReader(own, original.model, zeros)
    return Examples(inputs, own.description, reader, parse_preprocess(None, inputs), rows)


def notice(source: Source) -> Notice:
    """Say how the data was read."""
    names = ", ".join(source.info.states)
    return Notice(
        "state_carried",
        f"The examples are taken as steps of one stream in their order; the state ({names}) starts "
        "at zeros and is carried by the original model.",
        f"Give arrays named {names} too if every example has a state of its own.",
    )
