"""A source without TensorFlow: a small graph plays the original."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from litesmith.data import TensorSpec
from litesmith.graph import Graph, write
from litesmith.runtime import Session
from litesmith.sources import SourceInfo
from tests.support.graphs import Builder, named

CLASSES = 5
FEATURES = 8
Change = Callable[[list[Any]], list[Any]]


def classifier(seed: int = 0) -> Graph:
    """Return x0 float32[1, 8] → softmax y0 float32[1, 5]."""
    b = Builder(seed)
    x = b.input((1, FEATURES))
    x = b.op(
        "FULLY_CONNECTED", x, b.weights(16, FEATURES), b.weights(16), fused_activation_function=1
    )
    x = b.op("FULLY_CONNECTED", x, b.weights(CLASSES, 16, scale=0.5), b.weights(CLASSES))
    return named(b.graph(b.op("SOFTMAX", x, beta=1.0)))


def regressor() -> Graph:
    """Return x0 float32[1, 8] → y0 float32[1, 1]."""
    b = Builder(1)
    return named(
        b.graph(b.op("FULLY_CONNECTED", b.input((1, FEATURES)), b.weights(1, FEATURES), None))
    )


def with_float_op() -> Graph:
    """Return a graph with an op (SIN) that has no integer form."""
    b = Builder(2)
    x = b.op("FULLY_CONNECTED", b.input((1, FEATURES)), b.weights(6, FEATURES), b.weights(6))
    return named(b.graph(b.op("FULLY_CONNECTED", b.op("SIN", x), b.weights(3, 6), b.weights(3))))


class FakeSource:
    """What `open_source` returns, with the child's work done here."""

    def __init__(self, graph: Graph, change: Change = list, form: str = "keras") -> None:
        self._model = write(graph)
        self._session = Session(self._model)
        self._change = change
        self.closed = 0
        self.batches: list[int] = []
        self.info = SourceInfo(
            path="model.keras",
            format=form,
            loader="Fake 1.0",
            keras_version="3.0.0",
            size_bytes=1234,
            inputs=_specs(graph.input_names(), graph.inputs),
            outputs=_specs(graph.output_names(), graph.outputs),
        )

    def lower(self) -> bytes:
        return self._model

    def run(self, batch: Sequence[Any]) -> list[Any]:
        assert not self.closed
        self.batches.append(len(batch[0]))
        return self._change(self._session.run(batch))

    def close(self) -> None:
        self.closed += 1

    def __enter__(self) -> FakeSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _specs(names: Sequence[str], tensors: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, (None, *t.shape[1:]), t.dtype.value)
        for name, t in zip(names, tensors, strict=True)
    )


def features(count: int = 64, seed: int = 0) -> Any:
    """Return float32[count, 8]."""
    return np.random.default_rng(seed).normal(0, 1, (count, FEATURES)).astype(np.float32)


def labels(graph: Graph, x: Any) -> Any:
    """Return the graph's own answers as labels, so that its score is 1."""
    return Session(write(graph)).run([x])[0].argmax(axis=1)
