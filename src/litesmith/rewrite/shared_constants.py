"""Weights that several graphs of a file read stay stored once, whatever rules do to each graph.

Signatures often share weights. A rule sees one graph: a scale that goes into a weight there leaves
the other graph with the old one, and the file with both. So: run; let equal constants of all graphs
be one again (two graphs that changed alike share as before); and where the file's constants have
grown, run again with the weights that were torn apart protected.
"""

from __future__ import annotations

import hashlib
from collections import Counter

from litesmith.graph import Array, Graph, Tensor
from litesmith.graph.edit import map_graphs, substitute
from litesmith.rewrite.engine import SMALL, address


def _constants(graph: Graph) -> list[tuple[Tensor, Array]]:
    return [(t, t.data) for t in graph.tensors() if t.data is not None and t.data.size]


def _readers(graph: Graph) -> Counter[int]:
    """Return how many graphs of the file read each large constant, by address."""
    return Counter(
        place
        for part in graph.graphs()
        for place in {address(data) for _, data in _constants(part) if data.nbytes > SMALL}
    )


def torn(before: Graph, after: Graph) -> frozenset[int]:
    """Return the addresses of constants that only some of their graphs still read.

    Empty when the file's constants have not grown.
    """
    if _stored(after) <= _stored(before) + SMALL:
        return frozenset()
    left = _readers(after)
    return frozenset(p for p, count in _readers(before).items() if count > 1 and left[p] < count)


def _stored(graph: Graph) -> int:
    """Return the bytes of constants that the file holds."""
    sizes = {address(data): data.nbytes for part in graph.graphs() for _, data in _constants(part)}
    return sum(sizes.values())


def united(graph: Graph) -> Graph:
    """Return the graph with equal large constants of all its graphs in one place."""
    if len(list(graph.graphs())) == 1:
        return graph
    known: dict[tuple[str, int, bytes], Array] = {}

    def joined(part: Graph) -> Graph:
        swap: dict[Tensor, Tensor] = {}
        for tensor, data in _constants(part):
            if data.nbytes <= SMALL:
                continue
            key = (tensor.dtype.value, data.nbytes, hashlib.sha256(data.tobytes()).digest())
            first = known.setdefault(key, data)
            if address(first) != address(data):
                swap[tensor] = tensor.with_(data=first.reshape(data.shape))
        return substitute(part, swap) if swap else part

    return map_graphs(graph, joined)
