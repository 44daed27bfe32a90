"""Layers that wait for each other: both Keras rebuild such a model for ever.

They build nodes in rounds, each as soon as what feeds it is there, until none is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from litesmith.errors import LoadError

_MODELS = ("Functional", "Model", "Sequential")


def refuse_endless(config: Any, path: Path) -> None:
    """Refuse a functional model with a layer whose inputs never come to exist.

    Args:
        config: the stored model configuration.
        path: of the file, for the sentence.

    Raises:
        LoadError: naming the layer.
    """
    todo = [config]
    while todo:
        node = todo.pop()
        if isinstance(node, Mapping):
            stuck = _stuck(node)
            if stuck is not None:
                raise LoadError(
                    f"{path} is damaged: its layer '{stuck}' is fed by what is never computed.",
                    "Copy or save it again.",
                )
            todo += node.values()
        elif isinstance(node, list | tuple):
            todo += node


def _stuck(config: Mapping[str, Any]) -> str | None:
    """Return a layer of one functional model that cannot be built, None when all can."""
    layers = config.get("layers")
    if not isinstance(layers, list) or "output_layers" not in config:
        return None
    named = {str(_name(layer)): layer for layer in layers if isinstance(layer, Mapping)}
    waiting = {name: [set(_references(c, named)) for c in _calls(named[name])] for name in named}
    built = {name: 1 if not calls else 0 for name, calls in waiting.items()}  # inputs are there
    while any(waiting.values()):
        progress = False
        for name, calls in waiting.items():
            while calls and all(_there(ref, built, named) for ref in calls[0]):
                calls.pop(0)
                built[name] += 1
                progress = True
        if not progress:
            return next(name for name, calls in waiting.items() if calls)
    return None


def _there(reference: tuple[str, int], built: Mapping[str, int], named: Mapping[str, Any]) -> bool:
    name, index = reference
    # A model inside a model may count its own call as the first.
    more = named[name].get("class_name") in _MODELS and built[name] > 0
    return index < built[name] + more


def _name(layer: Mapping[str, Any]) -> Any:
    inner = layer.get("config")
    return layer.get("name") or (inner.get("name") if isinstance(inner, Mapping) else None)


def _calls(layer: Mapping[str, Any]) -> list[Any]:
    calls = layer.get("inbound_nodes")
    return list(calls) if isinstance(calls, list) else []


def _references(call: Any, named: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield (layer, number of its call) for all tensors that one call takes."""
    todo = [call]
    while todo:
        node = todo.pop()
        if isinstance(node, Mapping):
            todo += node.values()
        elif isinstance(node, list | tuple):
            if len(node) in (3, 4) and isinstance(node[0], str) and node[0] in named:
                if isinstance(node[1], int) and isinstance(node[2], int):
                    yield node[0], node[1]
                todo += node[3:]
            else:
                todo += node
