"""Ops without an integer kernel are written as ops that have one; the meaning stays the same.

Algebra, exact in real numbers:
    SQUARE(x)           = MUL(x, x)
    POW(x, 2)           = MUL(x, x);  POW(x, ½) = SQRT(x);  POW(x, −½) = RSQRT(x)
    DIV(x, c)           = MUL(x, 1/c)                       c constant
    DIV(x, SQRT(y))     = MUL(x, RSQRT(y))                  SQRT read by nothing else
    ADD(NEG(x), y)      = SUB(y, x)
    SUB(y, NEG(x))      = ADD(y, x)
    MUL(NEG(x), y)      = NEG(MUL(x, y))                    pushed until an ADD or SUB absorbs it
    NEG(x)              = MUL(x, −1)                        when nothing absorbs it
    SUB(MUL(x, a), MUL(m, a))          = MUL(SUB(x, m), a)  products read by nothing else
    ADD(MUL(x, a), SUB(b, MUL(m, a)))  = ADD(MUL(SUB(x, m), a), b)
The last two are what the converter makes of layer normalization. Subtracting first matters: in
8 bits the difference of two large products has lost what the small difference of x and m keeps.
Saves float islands in an int8 file; never adds an op.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, Options, Tensor
from litesmith.graph.edit import drop_dead, producers, rebuild, users
from litesmith.graph.enums import Activation
from litesmith.graph.step import Outcome, Progress, silent


@dataclass(frozen=True)
class IntegerForms:
    """Prepare a float graph for integer kernels."""

    name: str = "integer_forms"

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Outcome:
        """Return the graph in forms that have integer kernels; `data` is not needed."""
        changed: list[str] = []
        current = graph
        while step := _sweep(current):
            current, kinds = step
            changed += kinds
        if not changed:
            return Outcome(graph, False, "every op has an integer form already")
        counts = ", ".join(f"{changed.count(k)} {k}" for k in sorted(set(changed)))
        return Outcome(current, True, f"rewritten: {counts}")


def _sweep(graph: Graph) -> tuple[Graph, list[str]] | None:
    """Replace every op that has another form, once; None when there is none left."""
    view = _View(graph)
    swaps: dict[Op, Sequence[Op]] = {}
    kinds = []
    for op in graph.ops:
        if any(maker in swaps for maker in view.makers(op)):
            continue  # its operand is being rewritten; the next sweep sees the result
        new = _rewritten(op, view)
        if new is not None:
            swaps[op] = new
            kinds.append(op.kind)
    return (drop_dead(rebuild(graph, swaps)), kinds) if swaps else None


class _View:
    """The graph's edges, for rules to look around."""

    def __init__(self, graph: Graph) -> None:
        self.made_by = producers(graph)
        self.read_by = users(graph)
        self.outputs = set(graph.outputs)

    def makers(self, op: Op) -> list[Op]:
        return [self.made_by[t] for t in op.inputs if t in self.made_by]

    def negated(self, tensor: Tensor | None) -> Tensor | None:
        """Return x when the tensor is NEG(x)."""
        maker = self.made_by.get(tensor) if tensor is not None else None
        return maker.inputs[0] if maker is not None and maker.kind == "NEG" else None

    def private(self, tensor: Tensor | None, kind: str) -> Op | None:
        """Return the op of that kind, without activation, whose result only one op reads."""
        maker = self.made_by.get(tensor) if tensor is not None else None
        if maker is None or tensor is None or maker.kind != kind or tensor in self.outputs:
            return None
        plain = maker.option("fused_activation_function", 0) == Activation.NONE
        return maker if plain and len(self.read_by[tensor]) == 1 else None

    def absorbs(self, tensor: Tensor) -> bool:
        """True when each reader of −tensor can take tensor instead, at no cost."""
        readers = self.read_by.get(tensor, [])
        if tensor in self.outputs or not readers:
            return False
        return all(self._absorbs(op, tensor) for op in readers)

    def _absorbs(self, op: Op, tensor: Tensor) -> bool:
        if op.inputs.count(tensor) != 1:
            return False
        if op.kind == "ADD":
            return True
        if op.kind == "SUB":
            return op.inputs[1] is tensor
        plain = op.option("fused_activation_function", 0) == Activation.NONE
        return op.kind == "MUL" and plain and self.absorbs(op.outputs[0])


def _rewritten(op: Op, view: _View) -> Sequence[Op] | None:
    rule = _RULES.get(op.kind)
    if rule is None or op.outputs[0].dtype is not DType.FLOAT32:
        return None
    return rule(op, view)


def _square(op: Op, view: _View) -> Sequence[Op] | None:
    x = op.inputs[0]
    return [_binary("MUL", op, x, x)]


def _pow(op: Op, view: _View) -> Sequence[Op] | None:
    exponent = _scalar(op.input(1))
    x = op.inputs[0]
    if x is None or op.outputs[0].shape != x.shape:
        return None  # an exponent of higher rank adds dimensions
    if exponent == 2.0:
        return [_binary("MUL", op, x, x)]
    if exponent in (0.5, -0.5):
        kind = "SQRT" if exponent > 0 else "RSQRT"
        return [op.with_(kind=kind, inputs=(x,), options=None, version=1)]
    return None


def _div(op: Op, view: _View) -> Sequence[Op] | None:
    x, y = op.inputs[:2]
    assert y is not None
    if y.data is not None:
        with np.errstate(divide="ignore", over="ignore"):
            inverted = 1 / y.data
        if not np.isfinite(inverted).all():
            return None
        return [_binary("MUL", op, x, _constant(y.name + "/reciprocal", inverted), op)]
    maker = view.private(y, "SQRT")
    if maker is not None and x is not y:
        inverse = y.with_(name=y.name + "/rsqrt")
        rsqrt = maker.with_(kind="RSQRT", outputs=(inverse,), version=1)
        return [rsqrt, _binary("MUL", op, x, inverse, op)]
    return None


def _add(op: Op, view: _View) -> Sequence[Op] | None:
    a, b = op.inputs[:2]
    if (x := view.negated(a)) is not None:
        return [_binary("SUB", op, b, x, op)]
    if (x := view.negated(b)) is not None:
        return [_binary("SUB", op, a, x, op)]
    return _centered_add(op, a, b, view) or _centered_add(op, b, a, view)


def _centered_add(
    op: Op, product: Tensor | None, rest: Tensor | None, view: _View
) -> Sequence[Op] | None:
    """ADD(MUL(x, a), SUB(b, MUL(m, a))) → ADD(MUL(SUB(x, m), a), b)."""
    offset = view.private(rest, "SUB")
    if offset is None:
        return None
    center = _center(op, product, offset.inputs[1], view)
    if center is None:
        return None
    difference, scaled = center
    return [difference, scaled, _binary("ADD", op, scaled.outputs[0], offset.inputs[0], op)]


def _center(
    op: Op, first: Tensor | None, second: Tensor | None, view: _View
) -> tuple[Op, Op] | None:
    """Return the ops of MUL(SUB(x, m), a) for the products MUL(x, a) and MUL(m, a)."""
    one, two = view.private(first, "MUL"), view.private(second, "MUL")
    if one is None or two is None or one is two:
        return None
    for x, a in (one.inputs[:2], one.inputs[1::-1]):
        if a is None or x is None or a not in two.inputs:
            continue
        m = two.inputs[1 - two.inputs.index(a)]
        if m is None or np.broadcast_shapes(x.shape, m.shape) != x.shape:
            continue
        base = op.outputs[0]
        centered = base.with_(name=base.name + "/centered", shape=x.shape, shape_signature=None)
        scaled = one.outputs[0].with_(name=base.name + "/scaled")
        difference = _binary("SUB", op.with_(outputs=(centered,)), x, m)
        return difference, _binary("MUL", op.with_(outputs=(scaled,)), centered, a)
    return None


def _sub(op: Op, view: _View) -> Sequence[Op] | None:
    a, b = op.inputs[:2]
    x = view.negated(b)
    if x is not None:
        return [_binary("ADD", op, a, x, op)]
    center = _center(op, a, b, view)
    if center is None:
        return None
    difference, scaled = center
    fused = op.option("fused_activation_function", 0)
    options = _options("MulOptions", fused_activation_function=fused)
    return [difference, scaled.with_(outputs=op.outputs, options=options)]


def _mul(op: Op, view: _View) -> Sequence[Op] | None:
    plain = op.option("fused_activation_function", 0) == Activation.NONE
    if not plain or not view.absorbs(op.outputs[0]):
        return None
    a, b = op.inputs[:2]
    for x, other in ((view.negated(a), b), (view.negated(b), a)):
        if x is not None:
            product = op.outputs[0].with_(name=op.outputs[0].name + "/positive")
            return [
                op.with_(inputs=(x, other), outputs=(product,)),
                Op("NEG", (product,), op.outputs, _options("NegOptions"), origin=op.origin),
            ]
    return None


def _neg(op: Op, view: _View) -> Sequence[Op] | None:
    if view.absorbs(op.outputs[0]):
        return None  # a reader takes the sign over; this op dies with it
    return [_binary("MUL", op, op.inputs[0], _constant("minus_one", np.float32(-1)))]


_RULES = {
    "SQUARE": _square,
    "POW": _pow,
    "DIV": _div,
    "ADD": _add,
    "SUB": _sub,
    "MUL": _mul,
    "NEG": _neg,
}


def _binary(kind: str, op: Op, a: Tensor | None, b: Tensor | None, like: Op | None = None) -> Op:
    fused = like.option("fused_activation_function", 0) if like is not None else 0
    table = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}[kind]
    options = _options(table, fused_activation_function=fused)
    return Op(kind, (a, b), op.outputs, options, origin=op.origin)


def _options(table: str, **fields: int) -> Options:
    return Options(table, MappingProxyType(fields))


def _constant(name: str, value: Array | np.float32) -> Tensor:
    array = np.asarray(value, np.float32)
    return Tensor(name, array.shape, DType.FLOAT32, array)


def _scalar(tensor: Tensor | None) -> float | None:
    if tensor is None or tensor.data is None or tensor.data.size != 1:
        return None
    return float(tensor.data.reshape(-1)[0])
