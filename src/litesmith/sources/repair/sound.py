"""Can the calls of a functional model be made one after another? tf_keras tries for ever."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from litesmith.sources.repair.nodes import Node, models, name

_SHAPES = ("batch_input_shape", "batch_shape")


def waits_for_ever(config: Any) -> str | None:
    """Return the name of a layer whose inputs no layer ever gives; None for a sound model."""
    for model in models(config):
        entries = [e for e in model["config"]["layers"] if isinstance(e, dict)]
        stuck = _stuck(entries)
        if stuck:
            return stuck
    return None


def _stuck(entries: list[Node]) -> str | None:
    entries = [entry for entry in entries if isinstance(entry.get("class_name"), str)]
    first = {name(entry): _first_call(entry) for entry in entries}
    made = dict(first)
    inputs = {name(e) for e in entries if e["class_name"] == "InputLayer"}
    waiting = [(name(e), call) for e in entries for call in _calls(e)]
    while waiting:
        rest = []
        held: set[str] = set()  # the calls of one layer are made in their order
        for layer, call in waiting:
            needs = [(n, i) for n, i in _references(call, made) if n not in inputs]
            given = all(isinstance(i, int) and first[n] <= i < made[n] for n, i in needs)
            if layer not in held and given:
                made[layer] += 1
            else:
                held.add(layer)
                rest.append((layer, call))
        if len(rest) == len(waiting):
            return rest[0][0]
        waiting = rest
    return None


def _references(value: Any, layers: Container[str]) -> Iterator[tuple[str, Any]]:
    """Yield (layer, number of its call), whatever stands in the place of the number."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return
    if len(value) in (3, 4) and isinstance(value[0], str) and value[0] in layers:
        yield value[0], value[1]
        value = value[3:]
    for inner in value:
        yield from _references(inner, layers)


def _calls(entry: Node) -> Iterator[Any]:
    calls = entry.get("inbound_nodes")
    if isinstance(calls, list):
        yield from (call for call in calls if not isinstance(call, dict))


def _first_call(entry: Node) -> int:
    """Return the number of a layer's first call: models that know their inputs count from 1."""
    inner = entry.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict):
        return 0
    first = layers[0].get("config")
    knows = isinstance(first, dict) and any(key in first for key in _SHAPES)
    return int(entry["class_name"] != "Sequential" or knows)
