"""Loops and branches that compute in integers: annotated and lowered with the graph around them.

`unrolled` lays the body of a WHILE into the main graph, once. What a loop carries becomes ops that
the rest of `quantize/` knows: a RESHAPE takes a value in, a MAXIMUM of a step's result and what it
began with hands it out, and since both keep scales, a carried value has one quantization before the
loop, in its condition, in its body and behind it. Both branches of an IF are laid out, and a result
is the MAXIMUM of theirs. `rolled` takes such a graph, annotated and lowered, apart again. In
between it means nothing and is never run; `Op.custom_options` of builtin ops, which the schema does
not use, say what belongs where.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op

Refusal = Callable[[Op], str | None]


@dataclass
class _Part:
    """One called graph while it is taken apart.

    Attributes:
        ops: of its body.
        entries: position → (outside, inside), as it is called.
    """

    ops: list[Op] = field(default_factory=list)
    entries: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


# Position → (inside, inside another branch or as a step began, outside), as a call ends.
_Ends = dict[int, tuple[Tensor, Tensor, Tensor]]


def hindrance(op: Op, refused: Refusal) -> str | None:
    """Return why a loop or branch cannot compute in integers, None when it can.

    Args:
        op: a WHILE or IF.
        refused: op of the body → why it has no integer form, None when it has one.
    """
    bodies = op.subgraphs
    if op.kind == "WHILE":
        condition, bodies = op.subgraphs[0], op.subgraphs[1:]
        if any(t.dtype.is_float for o in condition.ops for t in (*o.inputs, *o.outputs) if t):
            return "its condition depends on real values"
    inside = [t for body in bodies for t in body.tensors()]
    tensors = [t for t in (*op.inputs, *op.outputs, *inside) if t is not None]
    if any(t.is_variable or t.is_dynamic for t in tensors if t.dtype.is_float):
        return "it carries state, or values of open size"
    for inner in (o for body in bodies for o in body.ops):
        if inner.subgraphs:
            return "it holds another loop or branch"
        why = refused(inner) if _computes(inner) else None
        if why:
            return f"{inner.kind} inside it cannot be one: {why}"
    return None


def _computes(op: Op) -> bool:
    values = [t for t in op.inputs if t is not None and not t.is_constant]
    return any(t.dtype.is_float for t in (*values, *op.outputs))


def unrolled(graph: Graph, refused: Refusal) -> Graph:
    """Return the graph with loops and branches laid into it, where they can be integers."""
    ops: list[Op] = []
    laid: set[int] = set()
    for number, op in enumerate(graph.ops):
        lay = CALLS.get(op.kind)
        called = {id(part) for part in op.subgraphs}
        if lay is None or called & laid or len(called) < 2 or hindrance(op, refused) is not None:
            ops.append(op)
            continue
        ops += lay(op, 2 * number)
        laid |= called
    return graph.with_(ops=tuple(ops))


def _loop(op: Op, number: int) -> Iterator[Op]:
    body = op.subgraphs[1]
    yield from _body(op, body, op.inputs, number)
    carried = _real(body.inputs)
    for k in carried:
        yield _end("step", op, k, number, body.outputs[k], body.inputs[k])
    yield _rest(op, number, carried, carried)


def _branch(op: Op, number: int) -> Iterator[Op]:
    then, other = op.subgraphs
    yield from _body(op, then, op.inputs[1:], number)
    yield from _body(op, other, op.inputs[1:], number + 1)
    ends = _real(op.outputs)
    for k in ends:
        yield _end("end", op, k, number, then.outputs[k], other.outputs[k])
    yield _rest(op, number, [k + 1 for k in _real(then.inputs)], ends)


CALLS: Mapping[str, Callable[[Op, int], Iterator[Op]]] = MappingProxyType(
    {"WHILE": _loop, "IF": _branch}
)


def _real(tensors: Sequence[Tensor]) -> list[int]:
    return [k for k, t in enumerate(tensors) if t.dtype is DType.FLOAT32]


def _body(op: Op, body: Graph, given: Sequence[Tensor | None], number: int) -> Iterator[Op]:
    for k in _real(body.inputs):
        shape = make_constant("shape", body.inputs[k].shape, DType.INT32)
        entry = make_op("RESHAPE", (given[k], shape), (body.inputs[k],), origin=op.origin)
        yield _tagged(entry, "in", number, k)
    for inner in body.ops:
        yield _tagged(inner, "op", number)


def _end(role: str, op: Op, k: int, number: int, *values: Tensor) -> Op:
    end = make_op("MAXIMUM", values, (op.outputs[k],), origin=op.origin)
    return _tagged(end, role, number, k)


def _rest(op: Op, number: int, read: Collection[int], made: Collection[int]) -> Op:
    """Return the op without its real operands and results."""
    rest = op.with_(
        inputs=tuple(None if k in read else t for k, t in enumerate(op.inputs)),
        outputs=tuple(t for k, t in enumerate(op.outputs) if k not in made),
    )
    return _tagged(rest, "call", number)


def _tagged(op: Op, role: str, number: int, position: int = 0) -> Op:
    return op.with_(custom_options=f"{role}:{number}:{position}".encode())


def role_of(op: Op) -> tuple[str, int, int] | None:
    """Return (role, number of the called graph, position) of an op that was laid out."""
    if op.custom_options is None or op.kind.startswith("CUSTOM:"):
        return None
    role, number, position = op.custom_options.decode().split(":")
    return role, int(number), int(position)


def rolled(graph: Graph) -> Graph:
    """Return a graph from `unrolled`, annotated and lowered since, with its calls as calls."""
    if not any(role_of(op) for op in graph.ops):
        return graph
    parts: dict[int, _Part] = {}
    ends: _Ends = {}
    inside: dict[Tensor, int] = {}
    ops: list[Op] = []
    for op in graph.ops:
        role, number, k = role_of(op) or ("", -1, 0)
        if not role:
            # What was added since belongs where the value is that it reads.
            number = next((inside[t] for t in op.inputs if t in inside), -1)
        part = parts.setdefault(number, _Part())
        bare = op.with_(custom_options=None)
        first, second = op.input(0), op.input(1)
        if role == "in" and first is not None:
            part.entries[k] = first, op.outputs[0]
            inside[op.outputs[0]] = number
        elif role in ("step", "end") and first is not None and second is not None:
            ends[k] = first, second, op.outputs[0]
        elif role == "call":
            ops.append(_JOINS[op.kind](bare, number, parts, ends))
            ends = {}
        elif number >= 0:
            part.ops.append(bare)
            inside |= dict.fromkeys(op.outputs, number)
        else:
            ops.append(op)
    return graph.with_(ops=tuple(ops))


def _joined_loop(op: Op, number: int, parts: Mapping[int, _Part], ends: _Ends) -> Op:
    condition, body = op.subgraphs
    part = parts.get(number, _Part())
    tested = list(condition.inputs)
    for k, (_, within) in part.entries.items():
        tested[k] = tested[k].with_(dtype=within.dtype, quant=within.quant)
    graphs = condition.with_(inputs=tuple(tested)), _called(body, part, ends, 0)
    return op.with_(inputs=_given(op.inputs, part), outputs=_results(op, ends), subgraphs=graphs)


def _joined_branch(op: Op, number: int, parts: Mapping[int, _Part], ends: _Ends) -> Op:
    both = [parts.get(number + i, _Part()) for i in range(2)]
    pairs = enumerate(zip(op.subgraphs, both, strict=True))
    graphs = tuple(_called(branch, part, ends, i) for i, (branch, part) in pairs)
    given = (op.inputs[0], *_given(op.inputs[1:], both[0]))
    return op.with_(inputs=given, outputs=_results(op, ends), subgraphs=graphs)


_JOINS: Mapping[str, Callable[[Op, int, Mapping[int, _Part], _Ends], Op]] = MappingProxyType(
    {"WHILE": _joined_loop, "IF": _joined_branch}
)


def _given(inputs: Sequence[Tensor | None], part: _Part) -> tuple[Tensor | None, ...]:
    return tuple(part.entries[k][0] if k in part.entries else t for k, t in enumerate(inputs))


def _results(op: Op, ends: _Ends) -> tuple[Tensor, ...]:
    rest = iter(op.outputs)
    count = len(op.outputs) + len(ends)
    return tuple(ends[k][2] if k in ends else next(rest) for k in range(count))


def _called(body: Graph, part: _Part, ends: _Ends, side: int) -> Graph:
    inputs, outputs = list(body.inputs), list(body.outputs)
    for k, (_, within) in part.entries.items():
        inputs[k] = within
    for k, end in ends.items():
        outputs[k] = end[side]
    return body.with_(inputs=tuple(inputs), outputs=tuple(outputs), ops=tuple(part.ops))
