"""What holds for every graph that litesmith makes or accepts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from litesmith.errors import InternalError
from litesmith.graph.dtypes import DType
from litesmith.graph.enums import Activation, Padding
from litesmith.graph.model import Graph, Op, QuantParams, Tensor

# Integer range that a zero point may take, by element type.
_ZERO_POINTS = {DType.INT8: (-128, 127), DType.UINT8: (0, 255), DType.INT16: (-32768, 32767)}
_ENUMERATED = {"fused_activation_function": Activation, "padding": Padding}
_ARITY = {"WHILE": 2, "IF": 2, "CALL_ONCE": 1}
# Vela's op reads its own working memory, and constants there may be none of.
_WORKS_IN = frozenset({"CUSTOM:ethos-u"})


def verify(graph: Graph) -> Graph:
    """Return the graph unchanged when it and every graph it calls are sound.

    Raises:
        InternalError: naming the first broken invariant.
    """
    for sub in graph.graphs():
        for problem in problems(sub):
            raise InternalError(f"graph '{sub.name}': {problem}")
    return graph


def problems(graph: Graph) -> Iterator[str]:
    """Yield what is wrong with one graph (its called graphs not included)."""
    yield from _order(graph)
    for tensor in graph.tensors():
        yield from _tensor(tensor)
    for op in graph.ops:
        yield from _calls(op)
        yield from _enumerated(op)
    yield from _signatures(graph)


def _order(graph: Graph) -> Iterator[str]:
    """Each value is defined once, before it is used."""
    defined = {id(t) for t in graph.inputs}
    for op in graph.ops:
        for tensor in op.inputs:
            if tensor is None or tensor.is_constant or tensor.is_variable:
                continue
            if id(tensor) not in defined and op.kind not in _WORKS_IN:
                yield f"{op.kind} reads '{tensor.name}' before anything defines it"
        for tensor in op.outputs:
            if id(tensor) in defined or tensor.is_constant:
                yield f"{op.kind} defines '{tensor.name}', which is defined already"
            defined.add(id(tensor))
    for tensor in graph.outputs:
        if id(tensor) not in defined and not tensor.is_constant and not tensor.is_variable:
            yield f"nothing defines the output '{tensor.name}'"


def _enumerated(op: Op) -> Iterator[str]:
    for name, kind in _ENUMERATED.items():
        value = op.option(name)
        if isinstance(value, int) and value not in set(kind):
            yield f"{op.kind} has the {name.replace('_', ' ')} {value}, which does not exist"


def _tensor(tensor: Tensor) -> Iterator[str]:
    if any(d < 0 for d in tensor.shape):
        yield f"'{tensor.name}' has a negative dimension in {tensor.shape}"
    if tensor.data is not None and not tensor.raw:
        if tensor.data.shape != tensor.shape:
            yield f"'{tensor.name}' holds {tensor.data.shape} but is declared {tensor.shape}"
        elif tensor.data.dtype != tensor.dtype.numpy:
            yield f"'{tensor.name}' holds {tensor.data.dtype} but is declared {tensor.dtype}"
    if tensor.quant is not None:
        yield from _quant(tensor, tensor.quant)


def _quant(tensor: Tensor, quant: QuantParams) -> Iterator[str]:
    count = quant.scale.size
    if quant.zero_point.size != count:
        yield f"'{tensor.name}' has {count} scales but {quant.zero_point.size} zero points"
    if not np.isfinite(quant.scale).all() or (quant.scale < 0).any():
        yield f"'{tensor.name}' has a scale that is negative or not finite"
    if quant.axis is not None and count > 1:
        rank = len(tensor.shape)
        if not 0 <= quant.axis < rank or tensor.shape[quant.axis] != count:
            yield f"'{tensor.name}' {tensor.shape} has {count} scales along axis {quant.axis}"
    low, high = _ZERO_POINTS.get(tensor.dtype, (-(2**31), 2**31))
    if quant.zero_point.size and not (
        low <= quant.zero_point.min() <= quant.zero_point.max() <= high
    ):
        yield f"'{tensor.name}' has a zero point outside {tensor.dtype}"


def _calls(op: Op) -> Iterator[str]:
    if op.kind in _ARITY and len(op.subgraphs) != _ARITY[op.kind]:
        yield f"{op.kind} calls {len(op.subgraphs)} graphs"
        return
    if op.kind == "WHILE":
        condition, body = op.subgraphs
        if not len(op.inputs) == len(condition.inputs) == len(body.inputs) == len(body.outputs):
            yield "WHILE and the graphs it calls disagree about the number of carried values"


def _signatures(graph: Graph) -> Iterator[str]:
    for signature in graph.signatures:
        for named, tensors in (
            (signature.inputs, graph.inputs),
            (signature.outputs, graph.outputs),
        ):
            names = [name for name, _ in named]
            if len(set(names)) != len(names):
                yield f"signature '{signature.key}' uses a name twice"
            if any(not 0 <= position < len(tensors) for _, position in named):
                yield f"signature '{signature.key}' points outside the graph's inputs or outputs"
