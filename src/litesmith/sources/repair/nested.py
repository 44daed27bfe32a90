"""Sequential models inside models: Keras 2 counts their calls from 1, Keras 3 from 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litesmith.sources.repair.nodes import is_reference, models, name
from litesmith.sources.repair.repair import Config, Repair


def _fix(config: Config) -> Iterator[str]:
    for model in models(config):
        inner = model["config"]
        nested = {name(e) for e in inner["layers"] if e.get("class_name") == "Sequential"}
        places = ("input_layers", "output_layers")
        calls = [entry.get("inbound_nodes") for entry in inner["layers"]]
        found = [*_references(calls), *_references([inner.get(place) for place in places])]
        for layer in sorted(nested):
            to_it = [reference for reference in found if reference[0] == layer]
            if to_it and min(reference[1] for reference in to_it) == 1:
                for reference in to_it:
                    reference[1] -= 1
                yield layer


def _references(value: Any) -> Iterator[list[Any]]:
    if is_reference(value):
        yield value
        value = value[3:]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


NESTED = Repair(
    "models nested in models",
    "Calls of nested models were counted as Keras 2 does",
    _fix,
    ("keras",),
)
