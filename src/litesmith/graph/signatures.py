"""Files of several signatures: one of them alone, and what they have in common."""

from __future__ import annotations

import hashlib

from litesmith.errors import ConversionError
from litesmith.graph.edit import map_graphs, substitute
from litesmith.graph.model import Array, Graph, Tensor

_SMALLEST = 64  # bytes; below, a second copy costs less than it would say


def share_constants(graph: Graph) -> Graph:
    """Return the graph with one array for all constants of equal type, shape and content."""
    known: dict[tuple[object, ...], Array] = {}

    def shared(tensor: Tensor) -> Tensor:
        data = tensor.data
        if data is None or data.nbytes < _SMALLEST:
            return tensor
        digest = hashlib.blake2b(data.tobytes()).digest()
        first = known.setdefault((tensor.dtype, tensor.raw, data.shape, digest), data)
        return tensor if first is data else tensor.with_(data=first)

    def change(part: Graph) -> Graph:
        swap = {tensor: shared(tensor) for tensor in part.tensors()}
        return substitute(part, {old: new for old, new in swap.items() if new is not old})

    return map_graphs(graph, change)


def sole(graph: Graph, key: str) -> Graph:
    """Return the graph of one signature of a file, alone.

    Raises:
        ConversionError: the file has no such signature.
    """
    for part in (graph, *graph.siblings):
        for signature in part.signatures:
            if signature.key == key:
                return part.with_(siblings=(), signatures=(signature,))
    raise ConversionError(f"The file has no signature '{key}'.")
