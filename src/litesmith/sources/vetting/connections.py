"""Layers that wait for each other: both Keras rebuild such a model for ever.

They build nodes in rounds, each as soon as what feeds it is there, until none is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from litesmith.errors import LoadError

_SHAPES = ("batch_input_shape", "batch_shape")
Layer = Mapping[str, Any]


def refuse_endless(config: Any, path: Path) -> None:
    """Refuse a functional model with a layer whose inputs never come to exist.

    Args:
        config: the stored model configuration.
        path: of the file, for the sentence.

    Raises:
        LoadError: naming the layer.
    """
    stuck = waits_for_ever(config)
    if stuck is not None:
        raise LoadError(
            f"{path} is damaged: its layer '{stuck}' is fed by what is never computed.",
            "Copy or save it again.",
        )


def waits_for_ever(config: Any, *, from_one: bool = False) -> str | None:
    """Return the name of a layer whose inputs never come to exist, None for a sound model.

    Args:
        config: a model's configuration, models inside of it included.
        from_one: calls of models that know their inputs are numbered from 1, as tf_keras insists;
            else from 0 or 1.
    """
    todo = [config]
    while todo:
        node = todo.pop()
        if isinstance(node, Mapping):
            layers = node.get("layers")
            stuck = _stuck(layers, from_one) if isinstance(layers, list) else None
            if stuck is not None:
                return stuck
            todo += node.values()
        elif isinstance(node, list | tuple):
            todo += node
    return None


def _stuck(layers: Sequence[Any], from_one: bool) -> str | None:
    """Return a layer of one functional model that cannot be built, None when all can."""
    entries = [(_name(layer), layer) for layer in layers if isinstance(layer, Mapping)]
    more = {name: _counts_itself(layer) for name, layer in entries}
    built = {name: 0 if _calls(layer) else 1 for name, layer in entries}  # inputs are there
    waiting = [(name, [list(_references(c, more)) for c in _calls(lay)]) for name, lay in entries]

    def is_there(name: str, index: Any) -> bool:
        first = more[name] if from_one else 0
        return type(index) is int and built[name] > 0 and first <= index < built[name] + more[name]

    while any(calls for _, calls in waiting):
        progress = False
        for name, calls in waiting:
            while calls and all(is_there(*reference) for reference in calls[0]):
                calls.pop(0)  # the calls of one layer are made in their order
                built[name] += 1
                progress = True
        if not progress:
            return next(name for name, calls in waiting if calls)
    return None


def _counts_itself(layer: Layer) -> bool:
    """Return whether a model's own inputs are its call 0: where it knows them."""
    inner = layer.get("config")
    layers = inner.get("layers") if isinstance(inner, Mapping) else inner
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], Mapping):
        return False
    first = layers[0].get("config")
    knows = isinstance(first, Mapping) and any(key in first for key in _SHAPES)
    return layer.get("class_name") != "Sequential" or knows


def _name(layer: Layer) -> str:
    inner = layer.get("config")
    named = inner.get("name") if isinstance(inner, Mapping) else None
    return str(layer.get("name") or named or layer.get("class_name"))


def _calls(layer: Layer) -> list[Any]:
    calls = layer.get("inbound_nodes")
    return list(calls) if isinstance(calls, list) else []


def _references(call: Any, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (layer, number of its call) for all tensors that one call takes.

    Where Keras 2 expects a tensor, anything may stand in the place of the number; among keyword
    arguments a list may also be something else.
    """
    todo = [(call, False)]
    while todo:
        node, keyword = todo.pop()
        if isinstance(node, Mapping):
            todo += [(value, True) for value in node.values()]
        elif isinstance(node, list | tuple):
            if len(node) in (3, 4) and isinstance(node[0], str) and node[0] in names:
                if not keyword or (type(node[1]) is int and type(node[2]) is int):
                    yield node[0], node[1]
                todo += [(value, keyword) for value in node[3:]]
            else:
                todo += [(value, keyword) for value in node]
