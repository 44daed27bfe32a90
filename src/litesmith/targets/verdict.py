"""Hold a graph against a target: what runs, what falls back, what cannot run, and the way on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.targets.rules import Objection, Table, breaking, objection
from litesmith.targets.table import Target

_ENDS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Refusal:
    """An op that a target does not run as it should.

    Attributes:
        op: the op.
        runs: False when nothing on this target can run it; True when it falls back to a slower
            processor beside the accelerator.
        reason: a sentence.
        way: what the user can do, a sentence or empty.
    """

    op: Op
    runs: bool
    reason: str
    way: str


def verdict(graph: Graph, target: Target) -> tuple[Refusal, ...]:
    """Return what the target does not run as it should, in the graph's order.

    Args:
        graph: in the form that ships: an integer graph where the target wants integers.
        target: what must run it.
    """
    table = target.table
    found = list(_main(graph, target))
    inner = table.fallback if table.main_only and table.fallback is not None else table
    for part in list(graph.graphs())[1:]:
        for op, seen in _as_loaded(part, inner):
            refusal = _refused(seen, inner, target, set())
            if refusal is not None:
                found.append(replace(refusal, op=op))
    return tuple(found)


def _as_loaded(graph: Graph, table: Table) -> Iterator[tuple[Op, Op]]:
    """Yield each op, and the op as the runtime sees it once it has expanded stored constants."""
    expanded: dict[Tensor, Tensor] = {}
    for op in graph.ops:
        if not any(t in expanded for t in op.inputs):
            yield op, op
        else:
            inputs = tuple(None if t is None else expanded.get(t, t) for t in op.inputs)
            yield op, op.with_(inputs=inputs)
        source = op.input(0)
        if table.folds and op.kind == "DEQUANTIZE" and source is not None and source.is_constant:
            (result,) = op.outputs
            # No rule looks at the values of real constants, so they are not worked out.
            zeros = np.broadcast_to(np.zeros((), result.dtype.numpy), result.shape)
            expanded[result] = result.with_(data=zeros)


def may(kind: str, target: Target, activations: DType, weights: DType | None = None) -> bool:
    """True when the target itself runs this kind of op on these types."""
    row = target.table.rows.get(kind)
    if row is None:
        return target.table.open
    return any((t.activations, t.weights) == (activations, weights) for t in row.types)


def may_be_per_channel(kind: str, target: Target) -> bool:
    """True when weights of this kind of op may have a scale per channel."""
    row = target.table.rows.get(kind)
    return row is None or row.per_channel is not False


def runs_hybrid(target: Target) -> bool:
    """True when float activations may meet int8 weights there (`--quantize dynamic`)."""
    return may("FULLY_CONNECTED", target, DType.FLOAT32, DType.INT8)


def runs_litert(target: Target) -> bool:
    """True when LiteRT's own kernels run what the target itself does not take."""
    fallback = target.table.fallback
    return target.table.open or (fallback is not None and fallback.open)


def per_tensor_kinds(target: Target) -> tuple[str, ...]:
    """Return the kinds of op whose weights must have one scale there."""
    return tuple(row.kind for row in target.table.rows.values() if row.per_channel is False)


def _main(graph: Graph, target: Target) -> Iterator[Refusal]:
    table = target.table
    ends = {*graph.inputs, *graph.outputs}
    behind: dict[Tensor, Op] = {}
    for op, seen in _as_loaded(graph, table):
        refusal = _refused(seen, table, target, ends)
        cause = next((behind[t] for t in op.inputs if t in behind), None)
        if refusal is None and cause is not None:
            refusal = Refusal(op, True, f"It comes behind {cause.kind}, which falls back.", "")
        if refusal is None:
            continue
        yield replace(refusal, op=op)
        if table.prefix and not _is_end(op, ends):
            behind |= dict.fromkeys(op.outputs, cause or op)


def _refused(op: Op, table: Table, target: Target, ends: set[Tensor]) -> Refusal | None:
    """Return the refusal of one op, None when the target runs it as it should."""
    broken = breaking(op, table, ends)
    if broken is not None:
        return Refusal(op, False, broken.reason, broken.way)
    against = objection(op, table)
    if against is None:
        return None
    if target.integer_only and _computes_float(op):
        if not _is_end(op, ends):
            return _float(op, table, against)
        return Refusal(op, True, "It converts the application's floats on the CPU.",
                       "Use --input-type int8 --output-type int8.")  # fmt: skip
    return _beside(op, table, against)


def _float(op: Op, table: Table, against: Objection) -> Refusal | None:
    """Refuse an op that computes in float; conversions around it go with it."""
    if op.kind in _ENDS:
        return None
    known = op.kind in table.rows
    reason = "It would stay float, and the target runs integers only."
    return Refusal(op, False, reason if known else against.reason, against.way)


def _beside(op: Op, table: Table, against: Objection) -> Refusal:
    if table.fallback is None:
        return Refusal(op, False, against.reason, against.way)
    also = objection(op, table.fallback)
    if also is None:
        return Refusal(op, True, against.reason, against.way)
    return Refusal(op, False, f"{against.reason} {also.reason}", against.way or also.way)


def _is_end(op: Op, ends: set[Tensor]) -> bool:
    """True for the conversions between the application's floats and a model's integers."""
    if op.kind not in _ENDS:
        return False
    tensor = op.inputs[0] if op.kind == "QUANTIZE" else op.outputs[0]
    return tensor in ends


def _computes_float(op: Op) -> bool:
    return not op.subgraphs and any(
        t is not None and t.dtype.is_float for t in (*op.inputs, *op.outputs)
    )
