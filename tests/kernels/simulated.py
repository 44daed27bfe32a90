"""An annotated graph and the integer file made of it, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.integers import to_real
from litesmith.kernels.evaluate import Hooks, evaluate
from litesmith.kernels.simulate import rounded, simulation, stored
from litesmith.quantize import annotate, calibrate, lower
from litesmith.quantize.annotate import Annotated
from litesmith.quantize.choose import Precisions
from tests.support.graphs import Array, examples, execute

# Where one of LiteRT's own kernel sets is at fault (tests/conformance/test_op_facts.py).
DEFECTS = {("ELU", "reference"), ("SUM", "reference")}


@dataclass(frozen=True)
class Pair:
    """What training sees, and what ships; float at both ends."""

    annotated: Annotated
    file: Graph

    @property
    def graph(self) -> Graph:
        return self.annotated.graph

    def fed(self, drawn: Sequence[Array], seed: int = 5) -> list[Array]:
        """Return the arrays, those that become integers over the whole range of these."""
        random, arrays = np.random.default_rng(seed), list(drawn)
        entered = {op.inputs[0]: op.outputs[0] for op in self.graph.ops if op.kind == "QUANTIZE"}
        for place, tensor in enumerate(self.graph.inputs):
            quant = entered[tensor].quant if tensor in entered else None
            if quant is not None:
                half = 2 ** (quant.bits - 1)
                integers = random.integers(1 - half, half, arrays[place].shape)
                arrays[place] = to_real(integers, quant)
        return arrays

    def simulated(self, arrays: Sequence[Array]) -> list[Array]:
        """Return the simulation's outputs."""
        graph = self.graph
        found = evaluate(graph, dict(zip(graph.inputs, arrays, strict=True)), simulation())
        count = len(arrays[0])
        return [
            np.asarray(v.tensor)
            if v.batched
            else np.broadcast_to(v.tensor, (count, *v.tensor.shape))
            for v in (found[t] for t in graph.outputs)
        ]


def pair(graph: Graph, drawn: Sequence[Array], bits: int = 8, named: bool = False) -> Pair:
    """Return both forms of a float graph, by ranges alone.

    Args:
        graph: float graph.
        drawn: representative examples, one array (count, *shape) per input.
        bits: of every op.
        named: as if the user had named every op: those that only move values become integer ones.
    """
    own = {op: bits for op in graph.ops} if named else {}
    ranges = calibrate(graph, examples(graph, drawn))
    annotated = annotate(graph, ranges, precisions=Precisions(bits, own))
    return Pair(annotated, lower(annotated))


def steps(tensor: Tensor, found: Array, wanted: Array) -> float:
    """Return the largest difference in steps of the tensor's grid; without one, 0 or infinity."""
    if tensor.quant is None:
        equal = np.allclose(found, wanted, rtol=1e-4, atol=1e-5)
        return 0.0 if equal else float("inf")
    difference = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
    return float(np.rint(difference.max(initial=0.0) / tensor.quant.scale[0]))


def op_by_op(pair: Pair, arrays: Sequence[Array], kernels: str) -> Iterator[tuple[Op, float]]:
    """Yield each integer op and how far its simulation is from the file's, fed the same values.

    Args:
        pair: both forms.
        arrays: real inputs.
        kernels: whose kernels run the file.
    """
    values = _inner(pair.file, arrays, kernels)
    for op in pair.annotated.integer:
        inputs = [t for t in dict.fromkeys(op.inputs) if t is not None and not t.is_constant]
        if not all(t.name in values for t in (*inputs, *op.outputs)):
            continue
        feeds = {t: values[t.name] for t in inputs}
        found = evaluate(pair.graph, feeds, Hooks(stored, rounded), op.outputs)
        for tensor in op.outputs:
            wanted = values[tensor.name]
            made = np.broadcast_to(found[tensor].tensor, wanted.shape)
            yield op, steps(tensor, made, wanted)


def _inner(graph: Graph, arrays: Sequence[Array], kernels: str) -> Mapping[str, Array]:
    """Return the real value of every tensor that has a name of its own."""
    inner = tuple(t for t in graph.tensors() if not t.is_constant and t not in graph.inputs)
    found = execute(graph.with_(outputs=inner, signatures=()), arrays, kernels)
    count = Counter(t.name for t in inner)
    real = {t.name: _real(t, v) for t, v in zip(inner, found, strict=True) if count[t.name] == 1}
    return real | {t.name: v for t, v in zip(graph.inputs, arrays, strict=True)}


def _real(tensor: Tensor, values: Array) -> Array:
    plain = tensor.quant is None or tensor.dtype is DType.FLOAT32
    return values if plain else to_real(values, tensor.quant)  # type: ignore[arg-type]
