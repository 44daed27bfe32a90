"""`compare --per-layer`: the same two models again, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from litesmith import graph as graphs
from litesmith.data import Array, Examples
from litesmith.diagnose import Layers, compare_layers
from litesmith.forge.quantized import quantized_weights
from litesmith.graph import Graph
from litesmith.graph.step import Notice
from litesmith.rewrite import INTEGER_STEPS, STEPS

EXAMPLES = 64
_BATCH = 16

Batch = Sequence[Array]


def run(
    first: bytes, second: bytes, examples: Examples, fed: Callable[[Batch], Batch]
) -> tuple[Layers, tuple[Notice, ...]]:
    """Return where two models part ways, and what cannot be told.

    Args:
        first: the reference as a .tflite.
        second: the other.
        examples: in the first one's order and types.
        fed: what the second is fed for what the first is.

    Raises:
        LoadError: LiteRT cannot run one of them with all its tensors as outputs.
    """
    reference, other = graphs.read(first), graphs.read(second)
    found = compare_layers(_forms(reference), other, _batches(examples, fed))
    return found, tuple(_notices(found))


def _forms(graph: Graph) -> list[Graph]:
    """Return the graph as it is and as `export` rewrites it: a file was made from one of these."""
    forms = [graph]
    if not quantized_weights(graph):
        for steps in (STEPS, INTEGER_STEPS):
            for step in steps:
                graph = step(graph).graph
            forms.append(graph)
    return forms


def _batches(examples: Examples, fed: Callable[[Batch], Batch]) -> Iterator[tuple[Batch, Batch]]:
    for batch in examples.take(EXAMPLES).batches(_BATCH, limit=EXAMPLES):
        yield batch, fed(batch)


def _notices(found: Layers) -> Iterator[Notice]:
    matched = len(found.layers)
    if matched == found.of:
        return
    message = (
        f"{matched} of {found.of} tensors of the second model have a counterpart of the same name "
        "and shape in the first; the others are not listed."
    )
    hint = "" if matched else "Compare a file with the very model that it was made from."
    yield Notice("layers_unmatched", message, hint)
