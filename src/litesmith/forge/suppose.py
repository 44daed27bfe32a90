"""The integer graph that a float graph would become, supposing ranges: nothing is run."""

from __future__ import annotations

from collections.abc import Collection

from litesmith.graph import DType, Graph
from litesmith.quantize import Ranges, annotate, lower, per_tensor, refusal, rolled, unrolled
from litesmith.quantize.choose import Precisions
from litesmith.quantize.loop_forms import precisions_of
from litesmith.rewrite import INTEGER_STEPS

_RANGE = (-1.0, 1.0)


def suppose_int8(graph: Graph, coarse: Collection[str] = ()) -> Graph:
    """Return the graph as `--quantize int8` would ship it, with made-up scales.

    What decides whether a target runs an op (kinds, element types, shapes, which tensors share a
    scale, the weights' own integers) does not depend on the ranges that examples would show.

    Args:
        graph: float graph after rewriting.
        coarse: kinds of op whose weights get one scale.
    """
    for step in INTEGER_STEPS:
        graph = step(graph).graph
    graph = unrolled(graph, refusal)
    floats = [t for t in graph.tensors() if t.dtype is DType.FLOAT32]
    low = dict.fromkeys(floats, _RANGE[0])
    high = dict.fromkeys(floats, _RANGE[1])
    ranges, bits = Ranges(low, high, 1), precisions_of(graph, Precisions(8), "int16")
    annotated = annotate(graph, ranges, True, True, precisions=bits)
    return rolled(lower(per_tensor(annotated, coarse), "int8", "int8"))
