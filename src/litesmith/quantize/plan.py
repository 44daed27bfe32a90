"""Which ops run in integers, and which tensors must share a scale."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.census import READS_SHAPE
from litesmith.graph.edit import producers, users
from litesmith.graph.enums import CLAMPS
from litesmith.graph.facts import activations, facts
from litesmith.graph.float_only import FLOAT_ONLY
from litesmith.quantize import cells
from litesmith.quantize.choose import WIDE, Precisions
from litesmith.quantize.schemes import FLOAT_BITS

_INT8 = Precisions(8)

# Ops that only carry values from one op to the next; alone between float ops they stay float.
CARRIERS = frozenset(
    {
        "RESHAPE",
        "SQUEEZE",
        "EXPAND_DIMS",
        "TRANSPOSE",
        "STRIDED_SLICE",
        "SLICE",
        "PAD",
        "PADV2",
        "MIRROR_PAD",
        "CONCATENATION",
        "PACK",
        "UNPACK",
        "SPLIT",
        "SPLIT_V",
        "DILATE",
        "FILL",
        "GATHER",
        "GATHER_ND",
        "MATRIX_SET_DIAG",
        "ONE_HOT",
        "SPARSE_TO_DENSE",
        "DYNAMIC_UPDATE_SLICE",
        "EMBEDDING_LOOKUP",
        "TILE",
        "BROADCAST_TO",
        "SELECT",
        "SELECT_V2",
        "REVERSE_V2",
        "SPACE_TO_DEPTH",
        "DEPTH_TO_SPACE",
        "SPACE_TO_BATCH_ND",
        "BATCH_TO_SPACE_ND",
    }
)


def integer_ops(
    graph: Graph,
    integer_outputs: bool | Collection[Tensor] = False,
    refused: Mapping[Op, str] = MappingProxyType({}),
    precisions: Precisions = _INT8,
) -> tuple[dict[Op, bool], dict[Op, str]]:
    """Decide for every op of the main graph whether it becomes an integer op.

    Args:
        graph: float graph.
        integer_outputs: outputs that the application reads as integers (True for all), so that
            carriers before them pay off.
        refused: ops that must stay float for a reason found elsewhere (their scales, for one).
        precisions: bits per op.

    Returns:
        (op → decision, op → reason why a float op must stay float). Ops without float operands
        are in neither: there is nothing to decide.
    """
    decided: dict[Op, bool] = {}
    reasons: dict[Op, str] = {}
    for op in graph.ops:
        if not _computes_float(op):
            continue
        reason = refused.get(op) or refusal(op, precisions.of(op))
        decided[op] = reason is None
        if reason is not None:
            reasons[op] = reason
    cells.settled(graph, decided, reasons)
    _release_before_loops(graph, decided, reasons, precisions.own)
    if isinstance(integer_outputs, bool):
        integer_outputs = graph.outputs if integer_outputs else ()
    _release_carriers(graph, decided, set(integer_outputs), precisions.own)
    return decided, reasons


def refusal(op: Op, bits: int = 8) -> str | None:
    """Return why an op cannot run in integers, None when it can.

    Args:
        op: float op.
        bits: 16 for int16 activations, 32 when float was asked for.
    """
    if bits == FLOAT_BITS:
        return "float was asked for"
    row = facts(op)
    if row is None or row.int8 is None:
        return FLOAT_ONLY.get(op.kind, "litesmith knows no integer form of it")
    if bits == WIDE and row.int16 is None:
        return "LiteRT has no kernel of int16 activations for it"
    for check in (cells.refusal,) if row.cell else _CHECKS:
        reason = check(op)
        if reason:
            return reason
    return None


def _float32_only(op: Op) -> str | None:
    row = facts(op)
    assert row is not None
    if not activations(op, row):
        return "it has no float32 operand"
    wide = [t for t in (*op.inputs, *op.outputs) if t is not None and t.dtype.is_float]
    return None if all(t.dtype is DType.FLOAT32 for t in wide) else "it mixes float types"


def _activation_clamps(op: Op) -> str | None:
    fused = op.option("fused_activation_function", 0)
    return None if fused in CLAMPS else "its fused activation has no integer form"


def _weights_constant(op: Op) -> str | None:
    row = facts(op)
    if row is None or row.weights is None:
        return None
    weights = op.input(row.weights.index)
    bias = op.input(row.weights.bias)
    if weights is None or not weights.is_constant or weights.raw:
        return "its weights are computed, not constant"
    if weights.dtype is not DType.FLOAT32:
        return f"its weights are {weights.dtype} already"
    if bias is not None and not bias.is_constant:
        return "its bias is computed, not constant"
    return None


def _static(op: Op) -> str | None:
    row = facts(op)
    assert row is not None
    return "its operand is state" if any(t.is_variable for t in activations(op, row)) else None


_CHECKS: tuple[Callable[[Op], str | None], ...] = (
    _float32_only,
    _activation_clamps,
    _weights_constant,
    _static,
)


def _computes_float(op: Op) -> bool:
    if op.kind in READS_SHAPE:
        return False
    values = [t for t in op.inputs if t is not None and not t.is_constant]
    return any(t.dtype.is_float for t in (*values, *op.outputs))


# What a loop or recurrent op reads by the way; in integers it would be rounded for nothing.
_CHEAP = frozenset({
    "ABS", "ADD", "LEAKY_RELU", "MAXIMUM", "MINIMUM", "MUL", "RELU", "RELU6", "RELU_0_TO_1",
    "RELU_N1_TO_1", "SUB",
})  # fmt: skip
_LOOPS = frozenset({"IF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "WHILE"})
_BEFORE = "only loops that stay float read it"


def _release_before_loops(
    graph: Graph, decided: dict[Op, bool], reasons: dict[Op, str], named: Collection[Op]
) -> None:
    """Let cheap ops stay float whose results nothing but float loops read."""
    read_by = users(graph)
    for op in reversed(graph.ops):
        if not decided.get(op, False) or op.kind not in _CHEAP | CARRIERS or op in named:
            continue
        readers = [r for t in op.outputs for r in read_by.get(t, [])]
        ends = any(t in graph.outputs or t.is_variable for t in op.outputs)
        if readers and not ends and all(_floats(r, decided, reasons) for r in readers):
            decided[op], reasons[op] = False, _BEFORE


def before_loops(graph: Graph) -> list[Op]:
    """Return the ops with weights whose results nothing but loops and recurrent ops read.

    They may pass ops that carry values, or that compute by the way, on their way there.
    """
    read_by = users(graph)
    found: list[Op] = []
    passing: set[Op] = set()
    for op in reversed(graph.ops):
        readers = [r for t in op.outputs for r in read_by.get(t, [])]
        leads = bool(readers) and all(r.kind in _LOOPS or r in passing for r in readers)
        if not leads or any(t in graph.outputs for t in op.outputs):
            continue
        row = facts(op)
        if row is not None and row.weights is not None:
            found.append(op)
        elif op.kind in _CHEAP | CARRIERS:
            passing.add(op)
    return found


def _floats(op: Op, decided: Mapping[Op, bool], reasons: Mapping[Op, str]) -> bool:
    """True for a loop that stays float, and for what only such loops read."""
    return not decided.get(op, True) and (op.kind in _LOOPS or reasons.get(op) == _BEFORE)


def _release_carriers(
    graph: Graph, decided: dict[Op, bool], outputs: set[Tensor], named: Collection[Op]
) -> None:
    """Let carriers that only connect float ops stay float: quantizing them would buy nothing.

    A carrier stays integer when the user named it, or when a path of carriers leads from it to an
    op that computes in integers, or to an integer output.
    """
    made_by, read_by = producers(graph), users(graph)
    anchored = {
        op
        for op, integer in decided.items()
        if integer
        and (op.kind not in CARRIERS or op in named or any(t in outputs for t in op.outputs))
    }
    todo = list(anchored)
    while todo:
        op = todo.pop()
        before = [made_by[t] for t in op.inputs if t in made_by]
        after = [reader for t in op.outputs for reader in read_by.get(t, [])]
        for other in (*before, *after):
            if decided.get(other, False) and other not in anchored:
                anchored.add(other)
                todo.append(other)
    for op, integer in decided.items():
        decided[op] = integer and op in anchored
