"""Tiny networks that training is tried on, and what they are quantized to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litesmith.data import load_examples
from litesmith.data.specs import TensorSpec
from litesmith.graph import Graph, write
from litesmith.graph.integers import to_integers, to_real
from litesmith.quantize import Quantize
from litesmith.quantize.annotate import Annotated, carried
from litesmith.quantize.step import Prepared
from litesmith.runtime import Session
from tests.support.graphs import RELU, SAME, Builder, const


@dataclass(frozen=True)
class Lesson:
    """A float graph, its annotated form and examples."""

    step: Quantize
    prepared: Prepared
    annotated: Annotated
    x: np.ndarray

    @property
    def teacher(self) -> Graph:
        return self.prepared.draft.graph

    @property
    def student(self) -> Graph:
        return self.annotated.graph

    def file(self, graph: Graph | None = None) -> Graph:
        """Return the graph that ships."""
        annotated = self.annotated if graph is None else carried(self.annotated, graph)
        return self.step.finished(self.prepared, annotated).graph

    def answers(self, graph: Graph | None = None) -> np.ndarray:
        return run(self.file(graph), self.x)


def run(graph: Graph, x: np.ndarray) -> np.ndarray:
    return Session(write(graph)).run([x])[0]


def cnn(softmax: bool = True) -> Graph:
    """Return a CNN of three layers for 8x8x3 with four classes."""
    b = Builder(3)
    x = b.input((1, 8, 8, 3))
    h = b.op(
        "CONV_2D", x, b.weights(8, 3, 3, 3, scale=0.3), b.weights(8, scale=0.1),
        padding=SAME, stride_h=1, stride_w=1, fused_activation_function=RELU,
    )  # fmt: skip
    h = b.op(
        "CONV_2D", h, b.weights(8, 3, 3, 8, scale=0.2), b.weights(8, scale=0.1),
        padding=SAME, stride_h=2, stride_w=2, fused_activation_function=RELU,
    )  # fmt: skip
    h = b.op("MEAN", h, const([1, 2]))
    h = b.op("FULLY_CONNECTED", h, b.weights(4, 8, scale=2.0), b.weights(4, scale=0.1))
    return b.graph(b.op("SOFTMAX", h, beta=1.0) if softmax else h)


def lesson(scheme: str = "int4", graph: Graph | None = None, count: int = 96, **options) -> Lesson:
    graph = cnn() if graph is None else graph
    shape = graph.inputs[0].shape[1:]
    random = np.random.default_rng(0)
    x = np.float32(random.normal(size=(count, *shape)) * random.uniform(0.2, 2, (count, 1, 1, 1)))
    x = x.reshape(count, *shape)
    step = Quantize(scheme, **options)
    specs = (TensorSpec("x0", (None, *shape), "float32"),)
    prepared = step.prepared(graph, load_examples(x, specs))
    return Lesson(step, prepared, step.annotated(prepared), x)


def on_grid(graph: Graph) -> bool:
    """Whether every annotated weight is a whole number of its steps."""
    weights = [t for t in graph.tensors() if t.data is not None and t.quant is not None]
    few = [t for t in weights if t.quant.bits <= 8 and t.quant.axis is not None]
    return all(np.array_equal(to_real(to_integers(t.data, t.quant), t.quant), t.data) for t in few)
