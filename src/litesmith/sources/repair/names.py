"""Layer names with `/`, which Keras 3 refuses."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.sources.repair.nodes import name, nodes, renamed
from litesmith.sources.repair.repair import Config, Repair


def _fix(config: Config) -> Iterator[str]:
    names: dict[str, str] = {}
    taken = {name(node) for node in nodes(config)}
    for node in nodes(config):
        old = node["config"].get("name")
        if isinstance(old, str) and "/" in old:
            new = names.get(old) or _free(old.replace("/", "_"), taken)
            names[old] = node["config"]["name"] = new
            if node.get("name") == old:
                node["name"] = new
    if names:
        followed = renamed(config, names)
        config.clear()
        config.update(followed)
    yield from names


def _free(wanted: str, taken: set[str]) -> str:
    candidate, n = wanted, 0
    while candidate in taken:
        n += 1
        candidate = f"{wanted}_{n}"
    taken.add(candidate)
    return candidate


SLASHES = Repair(
    "'/' in layer names", "Layers with '/' in their names were renamed", _fix, ("keras",)
)
