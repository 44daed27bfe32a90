"""`annotate`: a model as the graph that will ship, for code that trains it itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litesmith.data import load_examples
from litesmith.errors import InputError
from litesmith.forge.options import LoadingOptions
from litesmith.forge.plan import load_options
from litesmith.graph import Graph, read, write
from litesmith.quantize import Quantize
from litesmith.quantize.annotate import Annotated, carried
from litesmith.quantize.step import Prepared
from litesmith.rewrite.step import IntegerForms, Rewrite
from litesmith.sources import open_source


@dataclass(frozen=True)
class Annotation:
    """A model whose tensors say what they will be in the file.

    Attributes:
        graph: float graph with annotations: for `litesmith.trainable`.
        teacher: the float graph that it is a form of.
    """

    graph: Graph
    teacher: Graph
    _step: Quantize = field(repr=False)
    _prepared: Prepared = field(repr=False)
    _annotated: Annotated = field(repr=False)

    def tflite(self, trained: Graph | None = None) -> bytes:
        """Return the .tflite of the graph, or of what training made of it.

        Args:
            trained: from `litesmith.from_trainable`; None for the graph as it was quantized.

        Raises:
            InputError: it is not a form of this graph.
        """
        graph = self.graph if trained is None else trained
        if [op.kind for op in graph.ops] != [op.kind for op in self.graph.ops]:
            raise InputError("The trained graph was not made from this annotation.")
        return write(self._step.finished(self._prepared, carried(self._annotated, graph)).graph)


def run(
    source: Any, step: Quantize, data: Any, preprocess: tuple[str, ...], loading: LoadingOptions
) -> Annotation:
    """Load a model, lower it to the float graph, and annotate that."""
    if not step.integer_activations:
        raise InputError(
            f"The scheme '{step.scheme}' leaves activations float, and is not annotated.",
            "Choose int8, int4, int3, ternary, binary or int16x8.",
        )
    with open_source(source, load_options(loading, lambda line: None)) as opened:
        graph = read(opened.lower())
        examples = load_examples(data, opened.info.inputs, preprocess)
    for change in (Rewrite(), IntegerForms()):
        graph = change(graph).graph
    prepared = step.prepared(graph, examples)
    annotated = step.annotated(prepared)
    return Annotation(annotated.graph, prepared.draft.graph, step, prepared, annotated)
