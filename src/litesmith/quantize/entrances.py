"""Inputs that the application feeds 8-bit integers into: the integers become the codes.

An input n of uint8 or int8 that is cast to float and then scaled and shifted by single numbers,
y = s·n + o with s > 0, needs no op in an integer graph: y has the codes n, at scale s and zero
point −o/s. The zero point must be whole; what rounding it leaves, up to half a step in every value,
is corrected in the biases of the linear ops that read it, exactly but where they pad with zeros.
Moves and resizes on the way let the codes pass. Codes of uint8 are stored as n − 128, as always.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from litesmith.graph import DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.build import make_constant
from litesmith.graph.edit import rebuild, users
from litesmith.graph.facts import FACTS
from litesmith.quantize import params
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.seen import Example

# Ops that hand single values on, so that scaling before or behind them is the same.
_MOVERS = frozenset({
    "TRANSPOSE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "GATHER", "SLICE", "STRIDED_SLICE",
})  # fmt: skip
_LINEAR = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
_SHIFTS = {DType.UINT8: -128, DType.INT8: 0}
_BYTES = (0.0, 255.0)
_HALF_OF_BYTES = 128.0


@dataclass(frozen=True)
class Entrances:
    """A graph whose 8-bit inputs are float ones with known codes.

    Attributes:
        graph: without the ops that became codes.
        ranges: of its tensors.
        pins: input → parameters of its codes.
        kinds: input → "uint8" or "int8", what the file's input is to be.
        why: what was done, one clause per input.
    """

    graph: Graph
    ranges: Ranges
    pins: Mapping[Tensor, QuantParams]
    kinds: Mapping[Tensor, str]
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Path:
    """From a cast input to where its codes are read.

    Attributes:
        ops: moves and arithmetic, in order.
        end: what the last of them makes.
        scale, offset: end = scale · n + offset.
    """

    ops: tuple[Op, ...]
    end: Tensor
    scale: float = 1.0
    offset: float = 0.0

    @property
    def zero(self) -> float:
        """The n that means 0."""
        return -self.offset / self.scale


def entrances(graph: Graph, ranges: Ranges, decided: Mapping[Op, bool]) -> Entrances:
    """Return the graph with the codes of its 8-bit inputs settled.

    Args:
        graph: float graph.
        ranges: from `calibrate` on it.
        decided: op → whether it becomes an integer op; an input with a float reader stays.
    """
    found = Entrances(graph, ranges, {}, {})
    for position, x in enumerate(graph.inputs):
        path = _path(graph, x, decided)
        if path is not None:
            found = _entered(found, position, path)
    return found


def bytes_like(ranges: Ranges, tensor: Tensor) -> QuantParams | None:
    """Return the parameters of raw bytes for an input that was only seen to hold such.

    Its range is a guess from examples; one that means bytes takes bytes as they are.
    """
    low, high = ranges.of(tensor)
    whole = low.is_integer() and high.is_integer()
    if not whole or low < _BYTES[0] or not _HALF_OF_BYTES <= high <= _BYTES[1]:
        return None
    return params.fixed_params(1.0, _SHIFTS[DType.UINT8])


def _path(graph: Graph, x: Tensor, decided: Mapping[Op, bool]) -> _Path | None:
    """Return how far the codes of an input go; None when it is not one of codes."""
    readers = users(graph)
    first = readers.get(x, [])
    if x.dtype not in _SHIFTS or x.quant is not None or x in graph.outputs or len(first) != 1:
        return None
    cast = first[0]
    if cast.kind != "CAST" or cast.outputs[0].dtype is not DType.FLOAT32:
        return None
    best = _longest(cast.outputs[0], graph, readers, _SHIFTS[x.dtype])
    after = readers.get(best.end, [])
    if best.end in graph.outputs or not after or not all(decided.get(op, False) for op in after):
        return None
    return best


def _longest(
    start: Tensor, graph: Graph, readers: Mapping[Tensor, Sequence[Op]], shift: int
) -> _Path:
    best = path = _Path((), start)
    while path.end not in graph.outputs and len(readers.get(path.end, ())) == 1:
        op = readers[path.end][0]
        own = (1.0, 0.0) if _moves(op, path.end) else _arithmetic(op, path.end)
        if own is None or own[0] == 0:
            break
        scale, offset = own
        path = _Path(
            (*path.ops, op), op.outputs[0], scale * path.scale, scale * path.offset + offset
        )
        code = round(path.zero) + shift
        if own != (1.0, 0.0) and path.scale > 0 and -128 <= code <= 127:
            best = path
    return best


def _moves(op: Op, x: Tensor) -> bool:
    return op.kind in _MOVERS and op.inputs[0] is x and len(op.outputs) == 1


def _arithmetic(op: Op, x: Tensor) -> tuple[float, float] | None:
    """Return (a, b) of an op a · x + b with single numbers."""
    make = _FORMS.get(op.kind)
    if make is None or op.option("fused_activation_function") or len(op.inputs) != 2:
        return None
    other = op.inputs[1] if op.inputs[0] is x else op.inputs[0]
    if other is None or other.data is None or other.raw or other.data.size != 1:
        return None
    if op.outputs[0].shape != x.shape or other.dtype is not DType.FLOAT32:
        return None
    number = float(other.data.reshape(-1)[0])
    return make(number, op.inputs[0] is not x) if np.isfinite(number) else None


def _divided(c: float, swapped: bool) -> tuple[float, float] | None:
    return None if swapped or not c else (1 / c, 0.0)


_FORMS: dict[str, Callable[[float, bool], tuple[float, float] | None]] = {
    "MUL": lambda c, swapped: (c, 0.0),
    "ADD": lambda c, swapped: (1.0, c),
    "SUB": lambda c, swapped: (-1.0, c) if swapped else (1.0, -c),
    "DIV": _divided,
}


def _entered(found: Entrances, position: int, path: _Path) -> Entrances:
    graph = found.graph
    x = graph.inputs[position]
    cast = users(graph)[x][0]
    start = cast.outputs[0].with_(name=x.name)
    gone = [op for op in path.ops if not op.inputs or op.kind in _FORMS]
    swap = {cast.outputs[0]: start}
    for op in gone:
        swap[op.outputs[0]] = _operand(op)
    changed = rebuild(graph, {cast: (), **{op: () for op in gone}}, swap)
    inputs = tuple(start if i == position else t for i, t in enumerate(changed.inputs))
    changed = changed.with_(inputs=inputs)
    zero = round(path.zero)
    quant = params.fixed_params(path.scale, zero + _SHIFTS[x.dtype])
    changed = _corrected(changed, start, path.scale * (zero - path.zero))
    low, high = dict(found.ranges.low), dict(found.ranges.high)
    for tensor in (start, *(op.outputs[0] for op in path.ops if op not in gone)):
        low[tensor], high[tensor] = params.represented_range(quant)
    columns = {**found.ranges.columns}
    if x in columns:
        columns[start] = columns.pop(x).scaled(path.scale, path.offset)
    removed = ", ".join(op.kind for op in (cast, *gone))
    why = f"{removed} of '{x.name}' became the codes of its {x.dtype.numpy.name}"
    return Entrances(
        changed,
        replace(
            found.ranges,
            low=low,
            high=high,
            columns=columns,
            sample=_meant(found.ranges.sample, position, path),
            look=found.ranges.look.without({op.outputs[0] for op in (cast, *path.ops)}),
        ),
        {**found.pins, start: quant},
        {**found.kinds, start: x.dtype.numpy.name},
        (*found.why, why),
    )


def _meant(sample: Sequence[Example], position: int, path: _Path) -> tuple[Example, ...]:
    """Return examples with the real values that the codes of one input stand for."""
    found = []
    for example in sample:
        values = (example[position] * path.scale + path.offset).astype(np.float32)
        found.append((*example[:position], values, *example[position + 1 :]))
    return tuple(found)


def _operand(op: Op) -> Tensor:
    return next(t for t in op.inputs if t is not None and not t.is_constant)


def _corrected(graph: Graph, tensor: Tensor, amount: float) -> Graph:
    """Return the graph with `amount`, which is missing in every value of `tensor`, in biases."""
    if abs(amount) < 1e-12:
        return graph
    readers = users(graph)
    swap: dict[Op, Sequence[Op]] = {}
    todo = [tensor]
    while todo:
        value = todo.pop()
        for op in readers.get(value, ()):
            if _moves(op, value) or op.kind == "PAD":
                todo.append(op.outputs[0])
            elif op.kind in _LINEAR and op.inputs[0] is value:
                shifted = _shifted(op, amount)
                swap.update({} if shifted is None else {op: (shifted,)})
    return rebuild(graph, swap)


def _shifted(op: Op, amount: float) -> Op | None:
    row = FACTS[op.kind].weights
    assert row is not None
    weights, bias = op.input(row.index), op.input(row.bias)
    if weights is None or weights.data is None or weights.raw:
        return None
    if bias is not None and bias.data is None:
        return None
    others = tuple(i for i in range(weights.data.ndim) if i != row.axis)
    added = weights.data.astype(np.float64).sum(others) * amount
    name = f"{weights.name}/bias" if bias is None else bias.name
    old = 0.0 if bias is None or bias.data is None else bias.data.reshape(-1)
    inputs = (*op.inputs[:2], make_constant(name, added + old))
    return op.with_(inputs=inputs)
