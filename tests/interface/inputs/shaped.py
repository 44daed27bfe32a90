"""Small graphs by their first layer, and how a shaped graph is held against its translation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.data import Examples, TensorSpec, load_examples
from litesmith.graph import Graph, Tensor, verify, write
from litesmith.interface import ShapeInputs
from litesmith.interface.inputs import specs_of
from litesmith.quantize import Quantize
from litesmith.rewrite import IntegerForms, Rewrite
from litesmith.runtime import Session
from tests.rewrite.affine_graphs import conv, dense, depthwise, pool
from tests.support.graphs import RELU, SAME, VALID, Array, Builder, const, named

First = Callable[[Builder, Tensor], Tensor]
_AROUND = [[0, 0], [1, 1], [1, 1], [0, 0]]


def _flat(b: Builder, x: Tensor) -> Tensor:
    return dense(b, x, size=int(np.prod(x.shape[1:])))


def _twice(b: Builder, x: Tensor) -> Tensor:
    return b.op("ADD", conv(b, x, 4, padding=SAME), conv(b, x, 4, k=1))


FIRST: Mapping[str, First] = {
    "valid": lambda b, x: conv(b, x, 6, padding=VALID, fused=RELU),
    "same": lambda b, x: conv(b, x, 6, stride_w=2, stride_h=2, fused=RELU),
    "1x1": lambda b, x: conv(b, x, 6, k=1, fused=RELU),
    "padded": lambda b, x: conv(
        b, b.op("PAD", x, const(_AROUND)), 6, padding=VALID, stride_w=2, stride_h=2
    ),
    "depthwise valid": lambda b, x: depthwise(b, x, 2, padding=VALID),
    "depthwise same": lambda b, x: depthwise(b, x, 1, fused=RELU),
    "pooled": lambda b, x: conv(b, pool(b, x, "MAX_POOL_2D"), 6, padding=VALID),
    "dense": _flat,
    "two readers": _twice,
    "logistic": lambda b, x: b.op("LOGISTIC", x),
}
# First layers into which a scale and a shift go exactly.
EXACT = ("valid", "1x1", "depthwise valid", "pooled", "dense")


def model(first: str, batch: int = 1, channels: int = 3, seed: int = 0, size: int = 9) -> Graph:
    """Return a rewritten float graph that reads images."""
    b = Builder(seed)
    y = FIRST[first](b, b.input((batch, size, size + 1, channels)))
    if len(y.shape) == 4:
        y = conv(b, y, 4, k=2, padding=VALID)
    return Rewrite()(named(b.graph(y))).graph


@dataclass(frozen=True)
class Case:
    """A shaped float graph, examples as the application feeds them, and what must come out."""

    plain: Graph
    graph: Graph
    specs: tuple[TensorSpec, ...]
    fed: tuple[Array, ...]
    inner: tuple[Array, ...]
    wanted: Array
    why: str

    @property
    def added(self) -> Counter[str]:
        return kinds(self.graph) - kinds(self.plain)

    def error(self) -> float:
        return relative(answers(self.graph, self.fed), self.wanted)


def shaped(
    graph: Graph, step: ShapeInputs, count: int = 6, seed: int = 0, low: int = 0, high: int = 255
) -> Case:
    """Shape a graph and feed it whole numbers of [low, high] (int8: minus 128)."""
    plain = specs_of(graph.input_names(), graph.inputs)
    translation = step.translation(plain)
    specs = translation.fed(plain)
    random = np.random.default_rng(seed)
    fed = []
    for spec in specs:
        shape = (count, *(d or 1 for d in spec.example_shape))
        raw = random.integers(low, high + 1, shape) - (128 if spec.dtype == "int8" else 0)
        fed.append(raw.astype(spec.dtype))
    inner = translation.feed(fed)
    outcome = step(graph)
    after = Rewrite()(verify(outcome.graph)).graph
    return Case(
        graph,
        verify(after),
        specs,
        tuple(fed),
        tuple(inner),
        answers(graph, inner),
        outcome.why,
    )


def answers(graph: Graph, batch: Sequence[Array], kernels: str = "default") -> Array:
    return Session(write(graph), kernels=kernels).run(batch)[0]


def quantized(
    graph: Graph, specs: tuple[TensorSpec, ...], batch: tuple[Array, ...], kind: str = "float32"
) -> Graph:
    """Return the int8 graph calibrated on what is fed; `kind`: type of float inputs."""
    data = as_data(specs, batch)
    return verify(Quantize("int8", kind)(IntegerForms()(graph).graph, data).graph)


def as_data(specs: tuple[TensorSpec, ...], batch: tuple[Array, ...]) -> Examples:
    named_batch = {spec.name: x for spec, x in zip(specs, batch, strict=True)}
    return load_examples(named_batch, specs)


def kinds(graph: Graph) -> Counter[str]:
    return Counter(op.kind for op in graph.ops)


def relative(found: Array, wanted: Array) -> float:
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())
