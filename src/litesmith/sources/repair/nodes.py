"""Walking stored configurations: layers inside layers inside models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def nodes(value: Any) -> Iterator[Node]:
    """Yield every `{"class_name": …, "config": {…}}`, outer ones first.

    An outer one may be changed, replaced in place, before its inner ones are looked for.
    """
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
            yield value
        for inner in list(value.values()):
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def objects(value: Any) -> Iterator[Node]:
    """Yield every dict that says `class_name`, whatever its `config` is."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str):
            yield value
        for inner in list(value.values()):
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def name(node: Node) -> str:
    """Return the name by which the user knows a layer."""
    config = node.get("config")
    inner = config.get("name") if isinstance(config, dict) else None
    return str(node.get("name") or inner or node["class_name"])


def models(value: Any) -> Iterator[Node]:
    """Yield every model (a node whose configuration lists layers), outer ones first."""
    for node in nodes(value):
        if isinstance(node["config"].get("layers"), list):
            yield node


def renamed(value: Any, names: dict[str, str]) -> Any:
    """Return a copy in which references `[layer, node, tensor, …]` follow new layer names."""
    if isinstance(value, dict):
        return {key: renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        copy = [renamed(inner, names) for inner in value]
        if is_reference(value):
            copy[0] = names.get(value[0], value[0])
        return copy
    return value


def is_reference(value: Any) -> bool:
    """Return True for `[layer name, node index, tensor index]`, arguments behind it or not."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(type(x) is int for x in value[1:3])
    )
