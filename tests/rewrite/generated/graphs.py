"""Random float graphs of 3 to 25 ops: chains and nets of everything that rules look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.graph import DType, Graph, Tensor
from litesmith.graph.edit import drop_dead, substitute
from tests.rewrite.generated.blocks import BLOCKS, IMAGE_BLOCKS
from tests.rewrite.generated.layers import ANY, IMAGES, STATIC_IMAGES, VOLUMES
from tests.rewrite.generated.making import Layer, Making

_FEWEST, _MOST = 3, 25
# Ranks as in real models: mostly images.
_ENTRIES = (
    *((8, 8, 3), (6, 7, 4), (9, 9, 2), (5, 5, 6), (8, 6, 4), (7, 7, 1)) * 2,
    *((12,), (6,), (4, 6), (10, 5), (3, 8), (4, 5, 5, 2)),
)


def generate(seed: int) -> Graph:
    """Return the random graph with this number.

    One in six has an open batch; declared sizes are then those of batch 1. A third has a further
    output besides the ends.
    """
    random = np.random.default_rng((seed, 1))
    static = bool(random.random() > 1 / 6)
    m = Making(seed, static=static)
    batch = m.among(1, 1, 1, 2, 3) if static else 1
    m.entry((batch, *m.among(*_ENTRIES)))
    wanted = m.number(_FEWEST, _MOST)
    for _ in range(4 * wanted):
        m.grow(_menu)
        if len(m.ops) >= wanted:
            break
    read = {t for op in m.ops for t in op.inputs}
    made = [t for op in m.ops for t in op.outputs if t.dtype is DType.FLOAT32]
    ends = [t for t in made if t not in read]
    if m.chance(1 / 3):
        ends.append(m.among(*made))
    graph = drop_dead(m.graph(*dict.fromkeys(ends)))
    used = {t for op in graph.ops for t in op.inputs}
    graph = graph.with_(inputs=tuple(t for t in graph.inputs if t in used))
    return graph if static else _opened(graph)


def _menu(m: Making, x: Tensor) -> Sequence[Layer]:
    rank = len(x.shape)
    if rank == 4:
        images = (*IMAGES, *(STATIC_IMAGES if m.static else ()))
        return m.among(images, images, ANY, ANY, IMAGE_BLOCKS, BLOCKS)  # type: ignore[no-any-return]
    return m.among(ANY, ANY, VOLUMES if rank == 5 else BLOCKS, BLOCKS)  # type: ignore[no-any-return]


def _opened(graph: Graph) -> Graph:
    """Return the graph with axis 0 of every value open."""

    def opened(t: Tensor) -> Tensor:
        return t.with_(shape_signature=(-1, *t.shape[1:]))

    values = [t for t in graph.tensors() if not t.is_constant and t.dtype is DType.FLOAT32]
    return substitute(graph, {t: opened(t) for t in values})
