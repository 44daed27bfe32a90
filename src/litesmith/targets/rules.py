"""The nouns of a target table, and how an op is held against it. Nothing here knows a target.

A table says of one runtime: which kinds of op it runs, on which element types, under which
constraints, and where that is written down. What it does not list it does not run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from litesmith.graph import DType, Op, Tensor
from litesmith.graph.facts import FACTS, activation_positions

# Where kinds without a row in `graph/facts.py` keep the value whose type decides.
_DECIDING = {"FILL": 1, "EMBEDDING_LOOKUP": 1, "SCATTER_ND": 1}


@dataclass(frozen=True)
class Constraint:
    """A demand on one op beyond its element types.

    Attributes:
        name: of the constraint, unique in its file.
        sentence: completes "It needs …".
        holds: whether an op meets it; the op is in the form that ships, with its integer types.
        way: what a user can do, a sentence, or empty.
    """

    name: str
    sentence: str
    holds: Callable[[Op], bool]
    way: str = ""


@dataclass(frozen=True)
class Types:
    """One combination of element types that a kernel takes; `weights` None for ops without."""

    activations: DType
    weights: DType | None = None


@dataclass(frozen=True)
class Source:
    """Where facts come from, so that a reader can check and update them."""

    document: str
    version: str


@dataclass(frozen=True)
class Row:
    """What a target says of one op kind.

    Attributes:
        kind: builtin operator name.
        types: element types it takes.
        per_channel: weights may have a scale per channel; None for ops without weights.
        constraints: further demands, all of which must hold.
        source: key of `Table.sources`.
        recurrent: "fused" where a recurrent layer must arrive as this one op, because the target
            has no loops or slow ones; empty otherwise.
    """

    kind: str
    types: frozenset[Types]
    per_channel: bool | None = None
    constraints: tuple[Constraint, ...] = ()
    source: str = ""
    recurrent: str = ""

    def activation_types(self) -> tuple[DType, ...]:
        """Return the element types of activations, in the order of `DType`."""
        found = {types.activations for types in self.types}
        return tuple(dtype for dtype in DType if dtype in found)


@dataclass(frozen=True)
class Table:
    """What one runtime or compiler takes.

    Attributes:
        name: short name in messages ("Ethos-U55").
        version: of this table: the tool's version and the date the facts were taken.
        sources: key → document.
        rows: kind → row.
        generic: constraints on every op.
        breaks: constraints whose failure makes the compiler refuse the whole file.
        no_ends: element types at the file's own inputs and outputs that the compiler refuses.
        never: kinds that it is known not to run → the way around, or empty.
        fallback: the table of the processor that runs what this one does not; None: nobody does.
        elsewhere: what that means for the user, completes "It runs …".
        prefix: ops behind one that falls back fall back as well (the compiler maps one part).
        main_only: graphs that an op calls are run by the fallback.
        folds: constants behind a DEQUANTIZE count as constants: the runtime expands them once.
        open: every builtin op is taken (`rows` only adds to it).
    """

    name: str
    version: str
    sources: Mapping[str, Source]
    rows: Mapping[str, Row] = field(default_factory=lambda: MappingProxyType({}))
    generic: tuple[Constraint, ...] = ()
    breaks: tuple[Constraint, ...] = ()
    no_ends: frozenset[DType] = frozenset()
    never: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fallback: Table | None = None
    elsewhere: str = ""
    prefix: bool = False
    main_only: bool = False
    folds: bool = False
    open: bool = False


@dataclass(frozen=True)
class Objection:
    """Why a table does not take an op, and what a user can do; both are sentences."""

    reason: str
    way: str
    source: str


def table_of(rows: Iterable[Row]) -> Mapping[str, Row]:
    """Return rows by kind.

    Raises:
        ValueError: two rows are of one kind.
    """
    found: dict[str, Row] = {}
    for row in rows:
        if row.kind in found:
            raise ValueError(f"two rows for {row.kind}")
        found[row.kind] = row
    return MappingProxyType(found)


def left_out(kinds: str, ways: Mapping[str, str]) -> Mapping[str, str]:
    """Return kinds that a target is known not to run, with the way around each ("" for none)."""
    return MappingProxyType({**dict.fromkeys(kinds.split(), ""), **ways})


def activation_type(op: Op) -> DType:
    """Return the element type that an op computes on: its first computed real-valued operand's."""
    row = FACTS.get(op.kind)
    everything = range(len(op.inputs))
    positions = everything if row is None else activation_positions(op, row)
    decides = op.input(_DECIDING.get(op.kind, len(op.inputs)))
    operands = [t for t in map(op.input, positions) if t is not None]
    live = [t for t in operands if not t.is_constant]
    found = [*([] if decides is None else [decides]), *live, *operands, *op.outputs]
    # CALL_ONCE has neither operands nor results.
    return found[0].dtype if found else DType.RESOURCE


def weights_of(op: Op) -> Tensor | None:
    """Return the weights of an op, None for ops without."""
    row = FACTS.get(op.kind)
    return None if row is None or row.weights is None else op.input(row.weights.index)


def types_of(op: Op) -> Types:
    """Return the element types of an op."""
    weights = weights_of(op)
    return Types(activation_type(op), None if weights is None else weights.dtype)


def is_per_channel(op: Op) -> bool:
    """True when the weights have a scale per channel."""
    weights = weights_of(op)
    return weights is not None and weights.quant is not None and weights.quant.axis is not None


def objection(op: Op, table: Table) -> Objection | None:
    """Return why the table does not take an op, None when it does."""
    row = table.rows.get(op.kind)
    if row is None:
        if table.open and not op.kind.startswith("CUSTOM:"):
            return _first_broken(op, table.generic, "")
        return Objection(f"{table.name} has no {_readable(op)}.", _way_around(op, table), "")
    found = types_of(op)
    if found not in row.types:
        return Objection(_type_reason(op, found, row, table), "", row.source)
    if row.per_channel is False and is_per_channel(op):
        return Objection(
            f"{table.name} takes {op.kind} with one scale for all weights.",
            "Quantize its weights per tensor.",
            row.source,
        )
    return _first_broken(op, (*table.generic, *row.constraints), row.source)


def breaking(op: Op, table: Table, ends: Collection[Tensor] = ()) -> Objection | None:
    """Return why the target's compiler refuses any file with this op, None when it does not.

    Args:
        op: the op.
        table: the target's.
        ends: the file's inputs and outputs.
    """
    for constraint in table.breaks:
        if not constraint.holds(op):
            needs = f"{table.name}'s compiler needs {constraint.sentence}."
            return Objection(needs, constraint.way, "")
    for tensor in (*op.inputs, *op.outputs):
        if tensor in ends and tensor is not None and tensor.shape and tensor.dtype in table.no_ends:
            reason = (
                f"{table.name}'s compiler fails on {tensor.dtype} inputs and outputs of a file."
            )
            return Objection(reason, "Let the application compute what is before or behind it.", "")
    return None


def _first_broken(op: Op, constraints: Iterable[Constraint], source: str) -> Objection | None:
    for constraint in constraints:
        if not constraint.holds(op):
            return Objection(f"It needs {constraint.sentence}.", constraint.way, source)
    return None


def _readable(op: Op) -> str:
    if op.kind.startswith("CUSTOM:"):
        return f"custom op '{op.kind.removeprefix('CUSTOM:')}'"
    return f"{op.kind} op"


def _way_around(op: Op, table: Table) -> str:
    given = table.never.get(op.kind, "")
    return given or "Replace the layer, or cut the graph before it."


def _type_reason(op: Op, found: Types, row: Row, table: Table) -> str:
    activations = {types.activations for types in row.types}
    if found.activations not in activations:
        listed = ", ".join(row.activation_types()) or "no type"
        return f"{table.name} runs {op.kind} on {listed}, not on {found.activations}."
    weights = sorted(
        {t.weights for t in row.types if t.activations is found.activations and t.weights}
    )
    return (
        f"{table.name} runs {op.kind} on {found.activations} with {' or '.join(weights)} weights, "
        f"not with {found.weights} ones."
    )
