"""Generated inputs for a graph whose user gave no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from litesmith.data import Examples, TensorSpec, synthetic_examples
from litesmith.graph import DType, Graph, Tensor
from litesmith.graph.step import Notice

# Ops that hand indices on, so that what they receive is what a look-up reads.
_HANDS_ON = frozenset({
    "ADD", "CAST", "CONCATENATION", "EXPAND_DIMS", "MAXIMUM", "MINIMUM", "PACK", "RESHAPE",
    "SELECT", "SELECT_V2", "SLICE", "SQUEEZE", "STRIDED_SLICE", "TILE", "TRANSPOSE",
})  # fmt: skip
_INTEGERS = frozenset({DType.INT32, DType.INT64})


def graph_specs(graph: Graph, declared: Sequence[TensorSpec] = ()) -> tuple[TensorSpec, ...]:
    """Return the graph's inputs under the application's names, all dimensions but the batch known.

    Args:
        graph: open dimensions get the sizes that the file assumes for them.
        declared: the source's inputs, which tell a batch of 4 from four of something.
    """
    specs = declared or [TensorSpec("", _declared(t), "") for t in graph.inputs]
    named = zip(graph.input_names(), graph.inputs, specs, strict=True)
    return tuple(
        replace(s, name=name, shape=_known(s.shape, t.shape), dtype=t.dtype.numpy.name)
        for name, t, s in named
    )


def _declared(tensor: Tensor) -> tuple[int | None, ...]:
    return tuple(None if s < 0 else s for s in tensor.shape_signature or tensor.shape)


def _known(shape: Sequence[int | None], assumed: Sequence[int]) -> tuple[int | None, ...]:
    pairs = zip(shape, assumed, strict=True)
    return tuple(a if s is None and i else s for i, (s, a) in enumerate(pairs))


def generate(graph: Graph, count: int, seed: int, declared: Sequence[TensorSpec] = ()) -> Examples:
    """Return `count` generated examples that stay inside the graph's look-up tables."""
    return synthetic_examples(graph_specs(graph, declared), count, seed, index_bounds(graph))


def raw_notices(specs: Sequence[TensorSpec]) -> tuple[Notice, ...]:
    """Say which raw values are generated for inputs that are fed such."""
    told = {
        spec.name: f"'{spec.name}' from {spec.span[0]:g} to {spec.span[1]:g}"
        for spec in specs
        if spec.span is not None
    }
    if not told:
        return ()
    message = f"Without --data, generated raw values were fed: {', '.join(told.values())}."
    return (Notice("generated_raw", message, "Pass --data SPEC to compare on real ones."),)


def index_bounds(graph: Graph) -> dict[str, int]:
    """Return, per integer input that ends in a look-up, the rows of the smallest table."""
    bounds: dict[str, int] = {}
    for name, tensor in zip(graph.input_names(), graph.inputs, strict=True):
        if tensor.dtype in _INTEGERS:
            rows = _smallest_table(graph, tensor)
            if rows is not None:
                bounds[name] = rows
    return bounds


def _smallest_table(graph: Graph, start: Tensor) -> int | None:
    reached = {start}
    rows: list[int] = []
    for op in graph.ops:
        if op.kind == "GATHER" and op.input(1) in reached:
            table = op.input(0)
            if table is not None and table.shape:
                rows.append(table.shape[op.option("axis", 0)])
        elif op.kind == "EMBEDDING_LOOKUP" and op.input(0) in reached:
            table = op.input(1)
            rows += [table.shape[0]] if table is not None else []
        elif op.kind in _HANDS_ON and not reached.isdisjoint(t for t in op.inputs if t):
            reached.update(op.outputs)
    return min(rows, default=None)
