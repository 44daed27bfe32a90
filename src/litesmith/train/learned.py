"""What training changes in a graph: constants and their scales, by position; NumPy alone.

The graph's structure never changes, so a tensor is known by its place in `Graph.tensors()`: another
process that holds an equal graph can take the result in.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from litesmith.errors import InputError
from litesmith.graph import Array, Graph, QuantParams, Tensor
from litesmith.graph.edit import map_graphs, substitute
from litesmith.train.nouns import State

_BEST = "best/"


def changes(before: Graph, swap: Mapping[Tensor, Tensor]) -> dict[str, Array]:
    """Return what tells `restore` to put `swap` (old tensor → new one) into `before`.

    Tensors of called graphs count after those of the main graph.
    """
    found: dict[str, Array] = {}
    for place, tensor in enumerate(_tensors(before)):
        new = swap.get(tensor)
        if new is None:
            continue
        if new.data is not None:
            found[f"{_BEST}{place}/data"] = new.data
        if new.quant is not None:
            found[f"{_BEST}{place}/scale"] = new.quant.scale
            found[f"{_BEST}{place}/zero_point"] = new.quant.zero_point
    return found


def restore(graph: Graph, state: State) -> Graph:
    """Return the graph with the best constants and scales of a state.

    Args:
        graph: equal to the one that was trained.
        state: from `Progress.state` or `Trained.state`.

    Raises:
        InputError: the state belongs to another graph.
    """
    tensors = _tensors(graph)
    swap: dict[Tensor, Tensor] = {}
    for place, parts in _by_place(state).items():
        if place >= len(tensors) or not _fits(tensors[place], parts):
            raise InputError("The saved state of training belongs to another model or scheme.")
        swap[tensors[place]] = _changed(tensors[place], parts)
    return with_tensors(graph, swap)


def with_tensors(graph: Graph, swap: Mapping[Tensor, Tensor]) -> Graph:
    """Return the graph, called graphs included, with tensors replaced."""
    return map_graphs(graph, lambda part: substitute(part, swap))


def _tensors(graph: Graph) -> list[Tensor]:
    found: dict[Tensor, None] = {}
    for part in graph.graphs():
        found.update(dict.fromkeys(part.tensors()))
    return list(found)


def _by_place(state: State) -> dict[int, dict[str, Array]]:
    found: dict[int, dict[str, Array]] = {}
    for name, values in state.arrays.items():
        if name.startswith(_BEST):
            place, _, part = name[len(_BEST) :].partition("/")
            found.setdefault(int(place), {})[part] = values
    return found


def _fits(tensor: Tensor, parts: Mapping[str, Array]) -> bool:
    data, scale = parts.get("data"), parts.get("scale")
    if data is not None and (tensor.data is None or tensor.data.shape != data.shape):
        return False
    return scale is None or (tensor.quant is not None and tensor.quant.scale.shape == scale.shape)


def _changed(tensor: Tensor, parts: Mapping[str, Array]) -> Tensor:
    data, quant = parts.get("data", tensor.data), tensor.quant
    if quant is not None and "scale" in parts:
        scale, zero = (
            np.asarray(parts["scale"], np.float32),
            np.asarray(parts["zero_point"], np.int64),
        )
        quant = QuantParams(scale, zero, quant.axis, quant.bits)
    return tensor.with_(data=data, quant=quant)
