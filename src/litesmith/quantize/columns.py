"""Outputs whose columns differ wildly in range are computed as several tensors, each with a scale.

Boxes up to 320 beside scores up to 1: as one int8 tensor both share a step of 1.25, and every score
is 0 or 1. So the columns are computed apart as far up as there are single ops for them: operands of
a concatenation, rows of weights, halves of element-wise arithmetic. The application goes on reading
one tensor, put together in float32 behind the conversions. Exact in float: no value is computed in
another way. An output that leaves as integers has one scale by definition; then it is only told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.data import Examples
from litesmith.graph import Array, DType, Graph, Op, Tensor, write
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import drop_dead, fresh_name, producers, users
from litesmith.graph.facts import facts
from litesmith.graph.step import Notice
from litesmith.runtime import Session

RATIO = 16.0  # at which four of the eight bits of the smaller columns are lost
_EXAMPLES = 100
_AT_ONCE = 4
_MOST_GROUPS = 4  # more are no boxes beside scores
_MOST_COLUMNS = 4096
_MOST_AXES = 6  # XNNPACK takes a CONCATENATION of more and then refuses the file (LiteRT 2.3)
_REASON = "its columns differ in range; they are integers up to here, each group with its own scale"

_UNARY = frozenset({
    "LOGISTIC", "TANH", "RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "HARD_SWISH", "EXP", "ABS",
    "SQRT", "NEG", "SQUARE",
})  # fmt: skip
_BINARY = frozenset({"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"})
_RESHAPES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
_LINEAR = frozenset({"CONV_2D", "FULLY_CONNECTED"})

Columns = tuple[int, ...]


@dataclass(frozen=True)
class Apart:
    """A graph whose columns are computed apart.

    Attributes:
        graph: the result; the one that came in when nothing was done.
        floats: ops that must stay float, and why.
        why: what was done, one clause per output.
        notices: what could not be done.
    """

    graph: Graph
    floats: Mapping[Op, str] = field(default_factory=dict)
    why: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


def columns_apart(
    graph: Graph, data: Examples, integers: Collection[Tensor], integer_only: bool
) -> Apart:
    """Return the graph with columns of different range apart.

    Args:
        graph: float graph.
        data: representative examples; the first 100 are used.
        integers: outputs that leave as integers.
        integer_only: no op may stay float.
    """
    found = _groups(graph, data)
    floats: dict[Op, str] = {}
    why: list[str] = []
    notices: list[Notice] = []
    for position, groups in found.items():
        name, tensor = graph.output_names()[position], graph.outputs[position]
        split = _Split(graph)
        parts = [split.columns(tensor, group.columns) for group in groups]
        if not split.gains:
            continue
        if tensor in integers or integer_only:
            notices.append(_notice(name, groups, integer_only))
            continue
        whole = tensor.with_(name=fresh_name(tensor.name, "columns"))
        joined = make_op("CONCATENATION", parts, (whole,), axis=len(tensor.shape) - 1)
        outputs = tuple(whole if i == position else t for i, t in enumerate(graph.outputs))
        graph = drop_dead(graph.with_(ops=(*graph.ops, *split.ops, joined), outputs=outputs))
        floats[joined] = _REASON
        why.append(f"{name}: {_told(groups)} have a scale each")
    return Apart(graph, floats, tuple(why), tuple(notices))


@dataclass(frozen=True)
class _Group:
    columns: Columns
    span: float


def _groups(graph: Graph, data: Examples) -> dict[int, list[_Group]]:
    """Return position of an output → its groups of columns, where there are several."""
    chosen = [i for i, t in enumerate(graph.outputs) if _is_candidate(graph, t)]
    if not chosen:
        return {}
    outputs = tuple(graph.outputs[i] for i in chosen)
    session = Session(write(graph.with_(outputs=outputs, signatures=(), siblings=())))
    spans = [np.zeros(t.shape[-1]) for t in outputs]
    for batch in data.take(_EXAMPLES).batches(_AT_ONCE, limit=_EXAMPLES):
        for span, values in zip(spans, session.run(batch), strict=True):
            rows = np.abs(values.reshape(-1, len(span)))
            np.maximum(span, rows.max(axis=0, initial=0.0), out=span)
        if all(len(_runs(span)) == 1 for span in spans):
            return {}  # columns of different magnitude show it in the first few examples
    grouped = {i: _runs(span) for i, span in zip(chosen, spans, strict=True)}
    return {i: groups for i, groups in grouped.items() if 1 < len(groups) <= _MOST_GROUPS}


def _is_candidate(graph: Graph, tensor: Tensor) -> bool:
    if any(tensor in op.outputs and _is_bounded(op) for op in graph.ops):
        return False
    axes = 1 < len(tensor.shape) <= _MOST_AXES
    fits = tensor.dtype is DType.FLOAT32 and axes and not tensor.is_dynamic
    once = graph.outputs.count(tensor) == 1 and tensor not in graph.inputs
    return fits and once and not tensor.is_constant and 1 < tensor.shape[-1] <= _MOST_COLUMNS


def _is_bounded(op: Op) -> bool:
    """True for ops whose results have one range by nature, such as probabilities."""
    row = facts(op)
    return row is not None and row.fixed_output is not None


def _runs(span: Array) -> list[_Group]:
    """Return neighboring columns of one magnitude; columns that are always 0 go with either."""
    groups: list[list[int]] = []
    low = high = 0.0
    for column, size in enumerate(span):
        small, large = (min(low, size), max(high, size)) if high else (size, size)
        if groups and (size == 0 or high == 0 or large <= RATIO * small):
            groups[-1].append(column)
            low, high = (low, high) if size == 0 else (small, large)
        else:
            groups.append([column])
            low = high = float(size)
    return [_Group(tuple(g), float(span[g].max())) for g in groups]


def _told(groups: Sequence[_Group]) -> str:
    return " and ".join(f"columns {_range(g.columns)} (up to {g.span:.3g})" for g in groups)


def _range(columns: Columns) -> str:
    return f"{columns[0]}–{columns[-1]}" if len(columns) > 1 else str(columns[0])


def _notice(name: str, groups: Sequence[_Group], integer_only: bool) -> Notice:
    return Notice(
        "mixed_columns",
        f"The output '{name}' holds {_told(groups)}; as integers all of them share one scale, and "
        "the smaller ones lose most of their digits.",
        "Only integers run on this target: make them outputs of their own in the model."
        if integer_only
        else f"Use --output-type {name}:float32, or make them outputs of their own in the model.",
    )


class _Split:
    """Computes some columns of a tensor by ops of their own.

    Attributes:
        ops: made so far, in order.
        gains: something was found that is computed apart, not just cut afterwards.
    """

    def __init__(self, graph: Graph) -> None:
        self.made_by, self.read_by = producers(graph), users(graph)
        self.outputs = set(graph.outputs)
        self.ops: list[Op] = []
        self.gains = False

    def columns(self, tensor: Tensor, columns: Columns) -> Tensor:
        """Return those columns of a tensor's last axis."""
        if columns == tuple(range(tensor.shape[-1])):
            return tensor
        if tensor.data is not None:
            return tensor.with_(
                name=fresh_name(tensor.name, _tag(columns)),
                shape=(*tensor.shape[:-1], len(columns)),
                data=np.ascontiguousarray(tensor.data[..., list(columns)]),
            )
        op = self.made_by.get(tensor)
        rule = None if op is None or self._is_shared(tensor) else _RULES.get(op.kind)
        found = rule(self, op, columns) if rule is not None and op is not None else None
        return self._cut(tensor, columns) if found is None else found

    def _is_shared(self, tensor: Tensor) -> bool:
        last = tensor in self.outputs
        return len(self.read_by.get(tensor, ())) > (0 if last else 1)

    def _cut(self, tensor: Tensor, columns: Columns) -> Tensor:
        chosen = make_constant(fresh_name(tensor.name, "chosen"), columns, DType.INT32)
        out = _part(tensor, columns)
        self.ops.append(make_op("GATHER", (tensor, chosen), (out,), axis=len(tensor.shape) - 1))
        return out

    def reshaped(self, op: Op, columns: Columns) -> Tensor | None:
        source, out = op.inputs[0], op.outputs[0]
        assert source is not None
        width = out.shape[-1]
        if not source.shape or source.shape[-1] % width:
            return None
        repeats = source.shape[-1] // width
        inner = tuple(r * width + c for r in range(repeats) for c in columns)
        part = self.columns(source, inner)
        new = _part(out, columns)
        shape = make_constant(f"{new.name}/shape", new.shape, DType.INT32)
        options: dict[str, Any] = {"new_shape": new.shape}
        self.ops.append(make_op("RESHAPE", (part, shape), (new,), **options))
        return new

    def unary(self, op: Op, columns: Columns) -> Tensor | None:
        source = op.inputs[0]
        assert source is not None
        return self._again(op, [self.columns(source, columns)], columns)

    def transposed(self, op: Op, columns: Columns) -> Tensor | None:
        order = op.inputs[1]
        if order is None or order.data is None or order.data[-1] != len(op.outputs[0].shape) - 1:
            return None
        source = op.inputs[0]
        assert source is not None
        return self._again(op, [self.columns(source, columns), order], columns)

    def binary(self, op: Op, columns: Columns) -> Tensor | None:
        width = op.outputs[0].shape[-1]
        operands = []
        for tensor in op.inputs:
            assert tensor is not None
            whole = bool(tensor.shape) and tensor.shape[-1] == width
            operands.append(self.columns(tensor, columns) if whole else tensor)
        self.gains = True
        return self._again(op, operands, columns)

    def concatenated(self, op: Op, columns: Columns) -> Tensor | None:
        operands = [t for t in op.inputs if t is not None]
        last = len(op.outputs[0].shape) - 1
        if op.option("axis") not in (last, -1):
            return self._again(op, [self.columns(t, columns) for t in operands], columns)
        self.gains = True
        parts, start = [], 0
        for tensor in operands:
            own = tuple(c - start for c in columns if start <= c < start + tensor.shape[-1])
            start += tensor.shape[-1]
            parts += [self.columns(tensor, own)] if own else []
        return parts[0] if len(parts) == 1 else self._again(op, parts, columns)

    def linear(self, op: Op, columns: Columns) -> Tensor | None:
        row = facts(op)
        weights = op.input(1)
        if row is None or row.weights is None or weights is None or weights.data is None:
            return None
        bias = op.input(row.weights.bias)
        if bias is not None and bias.data is None:
            return None
        data = op.inputs[row.activations[0]]
        if op.kind == "CONV_2D" and data is not None and data.shape[-1] != weights.shape[-1]:
            return None  # groups of channels cannot be torn apart
        chosen = list(columns)
        inputs = [op.inputs[0], _rows(weights, chosen), *op.inputs[2:]]
        if bias is not None:
            inputs[row.weights.bias] = _rows(bias, chosen)
        self.gains = True
        return self._again(op, inputs, columns)

    def _again(self, op: Op, inputs: Sequence[Tensor | None], columns: Columns) -> Tensor:
        out = _part(op.outputs[0], columns)
        self.ops.append(op.with_(inputs=tuple(inputs), outputs=(out,)))
        return out


def _part(tensor: Tensor, columns: Columns) -> Tensor:
    name = fresh_name(tensor.name, _tag(columns))
    return tensor.with_(name=name, shape=(*tensor.shape[:-1], len(columns)), shape_signature=None)


def _tag(columns: Columns) -> str:
    return f"columns_{columns[0]}"


def _rows(tensor: Tensor, chosen: Sequence[int]) -> Tensor:
    assert tensor.data is not None
    data = np.ascontiguousarray(tensor.data[list(chosen)])
    name = fresh_name(tensor.name, _tag(tuple(chosen)))
    return tensor.with_(name=name, shape=data.shape, data=data)


_Rule = Callable[[_Split, Op, Columns], Tensor | None]
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(_UNARY, _Split.unary),
    **dict.fromkeys(_BINARY, _Split.binary),
    **dict.fromkeys(_RESHAPES, _Split.reshaped),
    **dict.fromkeys(_LINEAR, _Split.linear),
    "TRANSPOSE": _Split.transposed,
    "CONCATENATION": _Split.concatenated,
}
