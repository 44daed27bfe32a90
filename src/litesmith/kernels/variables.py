"""Resource variables become plain values: every example starts from what the file starts with.

What a variable holds after the last op is forgotten, as a runtime does that is reset between
examples.
"""

from __future__ import annotations

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op

_KINDS = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"})


def stateless(graph: Graph) -> Graph:
    """Return the graph with values in place of variables; itself where it has none.

    Variables inside of loops and branches stay, and cannot be evaluated.
    """
    if not any(op.kind in _KINDS for op in graph.ops):
        return graph
    held: dict[tuple[str, str], Tensor] = {}
    names: dict[Tensor, tuple[str, str]] = {}
    return graph.with_(ops=tuple(_rewritten(graph, held, names)))


def _rewritten(
    graph: Graph, held: dict[tuple[str, str], Tensor], names: dict[Tensor, tuple[str, str]]
) -> list[Op]:
    """Return the ops that are left; `held` is what each variable holds after them."""
    left: list[Op] = []
    for op in graph.ops:
        if op.kind == "CALL_ONCE":
            left += _rewritten(op.subgraphs[0], held, names)
        elif op.kind == "VAR_HANDLE":
            names[op.outputs[0]] = _name(op)
        elif op.kind == "ASSIGN_VARIABLE":
            handle, value = op.inputs
            assert handle is not None and value is not None
            held[names[handle]] = value
        elif op.kind == "READ_VARIABLE":
            left.append(_read(op, held, names))
        else:
            left.append(op)
    return left


def _read(op: Op, held: dict[tuple[str, str], Tensor], names: dict[Tensor, tuple[str, str]]) -> Op:
    """Return an op that makes the value read of the value held; 0 before anything was assigned."""
    (handle,), (result,) = op.inputs, op.outputs
    assert handle is not None
    shape = make_constant("shape", result.shape, DType.INT32)
    value = held.get(names[handle])
    if value is None:
        return make_op("FILL", [shape, make_constant("zero", 0, result.dtype)], [result])
    return make_op("RESHAPE", [value, shape], [result])


def _name(op: Op) -> tuple[str, str]:
    return str(op.option("container", "")), str(op.option("shared_name", ""))
