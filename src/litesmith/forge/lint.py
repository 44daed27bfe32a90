"""Representative data, looked at before it is used: each finding with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from litesmith.data import Examples, Labelled, Preprocess, load_labelled
from litesmith.diagnose import examples as looks
from litesmith.diagnose import expected, first_ops
from litesmith.diagnose.examples import Sample
from litesmith.errors import InputError, LoadError
from litesmith.forge.carried import CarriedReader
from litesmith.graph import Graph
from litesmith.graph.step import Notice


@dataclass(frozen=True)
class Given:
    """Data as the user gave it.

    Attributes:
        examples: representative ones.
        data: what `--data` said, to look for labels.
        preprocess: specs.
        labelled: `--eval`, if it was given.
    """

    examples: Examples
    data: Any = None
    preprocess: Sequence[str] = ()
    labelled: Labelled | None = None


def run(raw: Graph, graph: Graph, given: Given, integer: bool = True) -> tuple[Notice, ...]:
    """Return what is wrong with representative data for a model.

    Args:
        raw: float graph as it was lowered.
        graph: the same as it is proved; it has the inputs of the examples.
        given: the data.
        integer: ranges will be taken from the data.

    Raises:
        InputError: data that cannot be read or does not fit the model.
    """
    examples = given.examples
    if isinstance(examples.reader, CarriedReader):
        return ()  # steps of one stream: what is odd elsewhere is right here
    data = looks.sample(examples)
    if data is None:
        return ()
    found = [*(looks.too_few(data) if integer else ()), *looks.of_values(data)]
    own = _labels_of(given)
    found += [] if own is None else cover(graph, own, "--data")
    other = None
    if given.labelled is not None:
        other = looks.sample(given.labelled.examples)
        found += cover(graph, given.labelled, "--eval")
        found += [] if other is None else looks.against(data, other)
    labelled, values = (given.labelled, other) if own is None else (own, data)
    # A graph that only another runtime can run: what its answers would tell is not known.
    with suppress(LoadError):
        found += _of_model(raw, graph, data, examples.preprocess, labelled, values)
    return tuple(found)


def _of_model(
    raw: Graph,
    graph: Graph,
    data: Sample,
    given: Sequence[Preprocess],
    labelled: Labelled | None,
    values: Sample | None,
) -> Iterator[Notice]:
    """Yield the strongest evidence that the model was made for other values."""
    same = len(raw.inputs) == len(graph.inputs) and all(
        a.shape == b.shape and a.dtype is b.dtype
        for a, b in zip(raw.inputs, graph.inputs, strict=True)
    )
    notices = list(first_ops.of_graph(raw, data, given)) if same else []
    if not notices and labelled is not None and values is not None:
        labels = labelled.take(len(values)).labels
        notices = list(expected.of_labels(graph, values, labels, given[0]))
    if not notices:
        notices = list(expected.of_answers(graph, data, given[0]))
    yield from notices
    if not notices:
        yield from expected.of_order(graph, data)
        yield from first_ops.of_columns(graph, data)


def _labels_of(given: Given) -> Labelled | None:
    """Return the labels that representative data happens to have; a stream is not read for them."""
    examples = given.examples
    if given.data is None or examples.size is None:
        return None
    try:
        found = load_labelled(given.data, examples.inputs, given.preprocess)
    except InputError:
        return None
    return replace(found, examples=examples) if len(found) == examples.size else None


def cover(graph: Graph, labelled: Labelled, where: str) -> Iterator[Notice]:
    """Yield a warning of classes without an example."""
    if len(graph.outputs) == 1:
        yield from looks.classes(labelled.labels, graph.outputs[0].shape[-1], where)
