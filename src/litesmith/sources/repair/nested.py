"""Models inside models: Keras 2 counts their calls from 1; Keras 3, reading its files, does not.

Measured with Keras 3.15: it takes calls of a Sequential from 0 everywhere, calls of a functional
model from 0 where layers name their inputs and from 1 where the outer model names its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litesmith.sources.repair.nodes import Node, is_reference, models, name
from litesmith.sources.repair.repair import Config, Repair


def _fix(config: Config) -> Iterator[str]:
    for model in models(config):
        inner = model["config"]
        calls = [entry.get("inbound_nodes") for entry in inner["layers"]]
        if any(isinstance(node, dict) for nodes in calls for node in nodes or ()):
            continue  # written by Keras 3
        ends = [inner.get(place) for place in ("input_layers", "output_layers")]
        for entry in inner["layers"]:
            if _is_model(entry) and _recounted(entry, calls, ends):
                yield name(entry)


def _is_model(entry: Node) -> bool:
    inner = entry.get("config")
    return isinstance(inner, dict) and isinstance(inner.get("layers"), list)


def _recounted(entry: Node, calls: Any, ends: Any) -> bool:
    layer = name(entry)
    inside = [r for r in _references(calls) if r[0] == layer]
    outside = [r for r in _references(ends) if r[0] == layer]
    if any(reference[1] == 0 for reference in (*inside, *outside)):
        return False
    changed = [*inside, *outside] if entry["class_name"] == "Sequential" else inside
    for reference in changed:
        reference[1] -= 1
    return bool(changed)


def _references(value: Any) -> Iterator[list[Any]]:
    if is_reference(value):
        yield value
        value = value[3:]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


_SAYS = "Calls of nested models were counted as Keras 2 does"
NESTED = Repair("models nested in models", _SAYS, _fix, ("keras",))
