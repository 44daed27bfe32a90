"""How rules run: collect edits that do not overlap, rebuild once, repeat until none is left.

A rule looks at one op and its surroundings and answers with an `Edit`, with a `Decline` (where a
user might expect it to fire), or with None. It never changes anything itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.errors import InternalError
from litesmith.graph import Array, DType, Graph, Op, Options, Tensor, verify
from litesmith.graph.edit import drop_dead, producers, rebuild, users
from litesmith.graph.enums import Activation

_MOST_SWEEPS = 200
SMALL = 4096  # bytes of a constant that may be stored twice


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Edit:
    """What a rule wants.

    Attributes:
        replace: op → what stands in its place, for every op the rule relied on; one that stays
            maps to itself. No edit of a sweep changes an op that another one changes or relies on.
        tensors: value → the value that serves instead, everywhere.
    """

    replace: Mapping[Op, Sequence[Op]]
    tensors: Mapping[Tensor, Tensor] = field(default_factory=_nothing)


@dataclass(frozen=True)
class Decline:
    """Why a rule does not fire here although it looks as if it should."""

    op: Op
    why: str


Rule = Callable[[Op, "View"], "Edit | Decline | None"]


@dataclass(frozen=True)
class Family:
    """Rules that share one idea; one file.

    Attributes:
        name: as in `--no-rewrite NAME`.
        summary: what it does, one line.
        rules: op kind → rules that are tried on such ops, in order.
        whole: for families that look at the whole graph at once: graph → (graph, edits made).
        last: tried only when none of the families before it finds anything any more.
    """

    name: str
    summary: str
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=_nothing)
    whole: Callable[[Graph], tuple[Graph, int]] | None = None
    last: bool = False


@dataclass
class Log:
    """What happened.

    Attributes:
        fired: edits per family.
        declined: (family, decline) of the last sweep, when nothing fired any more.
    """

    fired: Counter[str] = field(default_factory=Counter)
    declined: list[tuple[str, Decline]] = field(default_factory=list)


class View:
    """A graph's edges, for rules to look around.

    Attributes:
        made_by: computed tensor → its op.
        read_by: tensor → ops that read it.
        outputs: the graph's outputs.
        position: op → its place in execution order.
        shared: addresses of constants that other graphs of the file read too.
    """

    def __init__(self, graph: Graph, shared: frozenset[int] = frozenset()) -> None:
        self.shared = shared
        self.position = {op: i for i, op in enumerate(graph.ops)}
        self.made_by = producers(graph)
        self.read_by = users(graph)
        self.outputs = frozenset(graph.outputs)

    def maker(self, tensor: Tensor | None, *kinds: str) -> Op | None:
        """Return the op that makes a tensor, if it is of one of these kinds (of any, for none)."""
        op = self.made_by.get(tensor) if tensor is not None else None
        return op if op is not None and (not kinds or op.kind in kinds) else None

    def private(self, tensor: Tensor | None, *kinds: str) -> Op | None:
        """Return the maker of a tensor that one op reads, once, and that is no output."""
        op = self.maker(tensor, *kinds)
        if op is None or tensor is None or tensor in self.outputs:
            return None
        readers = self.read_by.get(tensor, [])
        once = len(readers) == 1 and readers[0].inputs.count(tensor) == 1
        return op if once else None

    def plain(self, tensor: Tensor | None, *kinds: str) -> Op | None:
        """Return `private(…)` when that op has no fused activation."""
        op = self.private(tensor, *kinds)
        return op if op is not None and activation(op) == Activation.NONE else None

    def reader(self, tensor: Tensor) -> Op | None:
        """Return the only op that reads a tensor which is no output."""
        readers = self.read_by.get(tensor, [])
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None


def run(
    graph: Graph, families: Sequence[Family], log: Log, shared: frozenset[int] = frozenset()
) -> Graph:
    """Return the graph after all families ran to a fixed point; called graphs are left alone.

    Raises:
        InternalError: rules undo each other, or one broke the graph.
    """
    for _ in range(_MOST_SWEEPS):
        changed = False
        for family in families:
            if family.last and changed:
                continue
            graph, count = _once(graph, family, log, shared)
            if count:
                changed = True
                log.fired[family.name] += count
                graph = verify(drop_dead(graph))
        if not changed:
            return graph
        log.declined.clear()
    raise InternalError(f"rewriting does not end: {dict(log.fired)}")


def _once(graph: Graph, family: Family, log: Log, shared: frozenset[int]) -> tuple[Graph, int]:
    if family.whole is not None:
        graph, count = family.whole(graph)
        if count:
            return graph, count
    if not family.rules:
        return graph, 0
    return _sweep(graph, family, log, shared)


def _sweep(graph: Graph, family: Family, log: Log, shared: frozenset[int]) -> tuple[Graph, int]:
    view = View(graph, shared)
    swaps: dict[Op, Sequence[Op]] = {}
    tensors: dict[Tensor, Tensor] = {}
    relied: set[Op] = set()
    count = 0
    for op in graph.ops:
        for rule in family.rules.get(op.kind, ()):
            found = rule(op, view)
            if isinstance(found, Decline):
                log.declined.append((family.name, found))
            elif (
                found is not None
                and _apart(found, swaps, relied, tensors)
                and _keeps_state(found, view)
            ):
                stays = {o for o, new in found.replace.items() if tuple(new) == (o,)}
                relied |= stays
                swaps.update({o: new for o, new in found.replace.items() if o not in stays})
                tensors.update(found.tensors)
                count += 1
                break
    return (rebuild(graph, swaps, tensors), count) if count else (graph, 0)


def _apart(
    edit: Edit,
    swaps: Mapping[Op, Sequence[Op]],
    relied: set[Op],
    tensors: Mapping[Tensor, Tensor],
) -> bool:
    """True when the edit meets no other edit of this sweep."""
    if any(op in swaps for op in edit.replace) or any(t in tensors for t in edit.tensors):
        return False
    return not any(op in relied for op, new in edit.replace.items() if tuple(new) != (op,))


def _keeps_state(edit: Edit, view: View) -> bool:
    """True when ops that write a variable tensor stay, or go with all that read it.

    A variable tensor is a place, not a value: what equals it cannot serve instead, and the runtime
    lets some ops share their operand's memory (RESHAPE), so not every op may write there.
    """
    if any(t.is_variable for t in edit.tensors):
        return False
    gone = [op for op, new in edit.replace.items() if tuple(new) != (op,)]
    written = [t for op in gone for t in op.outputs if t.is_variable]
    return all(reader in edit.replace for t in written for reader in view.read_by.get(t, ()))


def bypass(op: Op, source: Tensor, view: View) -> Edit | None:
    """Return the edit that deletes an op whose only result equals `source`.

    None when the values are declared differently, or both must stay: a graph's input or constant
    that would become an output, two outputs that would become one.
    """
    result = op.outputs[0]
    declared = [(t.shape, t.shape_signature or t.shape, t.dtype, t.quant) for t in (source, result)]
    if declared[0] != declared[1] or source.is_variable or len(op.outputs) != 1:
        return None
    if result not in view.outputs:
        return Edit({op: ()}, {result: source})
    maker = view.made_by.get(source)
    if maker is None or source in view.outputs:
        return None
    return Edit({maker: (maker,), op: ()}, {source: result})


def activation(op: Op) -> int:
    """Return the op's fused activation (`Activation.NONE` for ops without the option)."""
    return int(op.option("fused_activation_function", 0) or 0)


def dims(tensor: Tensor) -> tuple[int, ...]:
    """Return a tensor's sizes, -1 for those known at run time only."""
    return tensor.shape if tensor.shape_signature is None else tensor.shape_signature


def sized(tensor: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return a value declared with sizes, -1 for those known at run time only."""
    signature = tuple(sizes) if -1 in sizes else None
    return tensor.with_(shape=tuple(abs(d) for d in sizes), shape_signature=signature)


def broadcast(a: Tensor, b: Tensor) -> tuple[int, ...] | None:
    """Return the sizes of an elementwise result, -1 for unknown ones; None when they clash."""
    one, two = dims(a), dims(b)
    rank = max(len(one), len(two))
    pairs = zip((1,) * (rank - len(one)) + one, (1,) * (rank - len(two)) + two, strict=True)
    found = []
    for x, y in pairs:
        if x != y and 1 not in (x, y) and -1 not in (x, y):
            return None
        # Beside a size above 1, an unknown one must be 1 or that size.
        found.append(y if x == 1 or (x == -1 and y > 1) else x)
    return tuple(found)


def affordable(tensor: Tensor, view: View) -> bool:
    """True when a changed copy of a constant does not blow the file up.

    That is when nothing else reads it, so the old one goes, or it is small.
    """
    alone = len(view.read_by.get(tensor, ())) == 1 and tensor not in view.outputs
    alone = alone and (tensor.data is None or address(tensor.data) not in view.shared)
    return alone or (tensor.data is not None and tensor.data.nbytes <= SMALL)


def address(data: Array) -> int:
    """Return where an array's values are: tensors that share a buffer share it."""
    return int(data.__array_interface__["data"][0])


def binary(kind: str, a: Tensor, b: Tensor, result: Tensor, like: Op, fused: int = 0) -> Op:
    """Return an ADD, SUB, MUL or DIV op.

    Args:
        kind: which.
        a: first operand.
        b: second operand.
        result: what it defines.
        like: the op it stands for; gives the origin.
        fused: fused activation.
    """
    table = kind.capitalize() + "Options"
    fields = MappingProxyType({"fused_activation_function": fused})
    return Op(kind, (a, b), (result,), Options(table, fields), origin=like.origin)


def constant(name: str, values: Array | float | np.generic) -> Tensor:
    """Return a float32 constant."""
    array = np.asarray(values, np.float32)
    return Tensor(name, array.shape, DType.FLOAT32, array)


def value(tensor: Tensor | None) -> Array | None:
    """Return the value of a float32 constant, None for anything else."""
    if tensor is None or tensor.data is None or tensor.raw or tensor.dtype is not DType.FLOAT32:
        return None
    return tensor.data


def scalar(tensor: Tensor | None) -> float | None:
    """Return the value of a float32 constant of one element, None for anything else."""
    data = value(tensor)
    return float(data.reshape(-1)[0]) if data is not None and data.size == 1 else None
