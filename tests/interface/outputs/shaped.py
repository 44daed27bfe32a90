"""Built graphs whose outputs are shaped, run on LiteRT beside what they were before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.graph import Graph, Tensor, read, verify, write
from litesmith.interface import ShapeOutputs
from litesmith.interface.translation import Shaped
from litesmith.runtime import Session
from tests.support.graphs import Builder, const, named

Array = npt.NDArray[Any]


def model(shape: tuple[int, ...], kind: str = "", reshape: tuple[int, ...] = ()) -> Graph:
    """Return x → x (by an op), through an activation and a reshape where asked for."""
    b = Builder()
    y = b.op("ADD", b.input(shape, name="x"), const(0.0))
    if kind:
        y = b.op(kind, y, **({"beta": 1.0} if kind == "SOFTMAX" else {}))
    if reshape:
        y = b.op("RESHAPE", y, const(reshape), new_shape=reshape)
    return named(b.graph(y))


def opened(graph: Graph) -> Graph:
    """Return the graph with its first dimension open."""

    def new(t: Tensor) -> Tensor:
        if t.is_constant or t.shape[:1] != (1,):
            return t
        return t.with_(shape_signature=(-1, *t.shape[1:]))

    swap = {t: new(t) for t in graph.tensors()}
    ops = tuple(
        op.with_(
            inputs=tuple(None if t is None else swap[t] for t in op.inputs),
            outputs=tuple(swap[t] for t in op.outputs),
        )
        for op in graph.ops
    )
    return graph.with_(
        inputs=tuple(swap[t] for t in graph.inputs),
        outputs=tuple(swap[t] for t in graph.outputs),
        ops=ops,
    )


def run(graph: Graph, *batch: Array, size: int | None = None) -> list[Array]:
    """Return the graph's answers as LiteRT gives them."""
    model = write(verify(graph))
    verify(read(model))
    return Session(model).run(list(batch), size)


def shaped(graph: Graph, **options: Any) -> Shaped:
    """Return the graph with its outputs shaped."""
    return ShapeOutputs(**options)(graph)


def compared(
    outcome: Shaped, before: list[Array], answers: list[Array]
) -> list[tuple[Array, Array]]:
    """Return what should have been answered beside what was, in one form."""
    stages = [before]
    for one in outcome.readings:
        stages.append(one.answer(stages[-1]))
    for one, earlier in zip(reversed(outcome.readings), reversed(stages[:-1]), strict=True):
        answers = one.seen(answers, earlier)
    return list(zip(stages[-1], answers, strict=True))


def softmax(x: Array) -> Array:
    """Softmax over the last axis, in float64."""
    e = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))
