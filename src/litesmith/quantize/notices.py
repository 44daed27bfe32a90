"""What the user should know of a quantized graph: what stays float, what will be slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from litesmith.graph import DType, Graph, Op
from litesmith.graph.census import float_ops
from litesmith.graph.edit import producers
from litesmith.graph.facts import FACTS
from litesmith.graph.step import Notice
from litesmith.quantize.kernel_table import ratio
from litesmith.quantize.plan import CARRIERS
from litesmith.quantize.slow_forms import form_of, slow_forms
from litesmith.quantize.weights import FOUR_BIT


def describe(ops: tuple[Op, ...]) -> str:
    """Return op kinds with counts: "2 POW, 1 SIN"."""
    return ", ".join(f"{n} {kind}" for kind, n in Counter(op.kind for op in ops).most_common())


def float_notices(graph: Graph, reasons: Mapping[Op, str], inside: str = "") -> tuple[Notice, ...]:
    """Return one notice per kind of op that stays float in an integer graph.

    Args:
        graph: that ships.
        reasons: op of the main graph → why it stays float.
        inside: why ops inside loops do, "" where only a part of them does.
    """
    why = {op.kind: reason for op, reason in reasons.items()}
    main = set(graph.ops)
    kinds: dict[str, list[Op]] = {}
    loops: list[Op] = []
    for op in float_ops(graph):
        if op not in main:
            loops.append(op)
        elif op.kind not in ("QUANTIZE", "DEQUANTIZE"):
            kinds.setdefault(op.kind, []).append(op)
    found = [
        _notice(ops, why.get(kind, _CARRIES if kind in CARRIERS else _GUARDS))
        for kind, ops in kinds.items()
    ]
    if loops:
        found.append(_notice(tuple(loops), _inside(loops, inside), describe(tuple(loops))))
    return tuple(found)


def _inside(ops: Sequence[Op], because: str) -> str:
    """Return why ops of called graphs stay float, and what of their weights does, too."""
    why = f"they are inside a loop or branch{because and f', and {because}'}"
    rows = [(op, FACTS.get(op.kind)) for op in ops]
    weights = [op.input(row.weights.index) for op, row in rows if row and row.weights]
    left = {t for t in weights if t is not None and t.is_constant and t.dtype is DType.FLOAT32}
    if not left:
        return why
    count = sum(t.data.size for t in left if t.data is not None)
    return (
        f"{why}; {count} of their weights stay float32, too: as int8, with a scale per channel, "
        "they would hardly be smaller"
    )


_CARRIES = "it only carries values between float ops"
_GUARDS = "it keeps what a float op reads from 0 or overflow, which rounding may lead to"


def _notice(ops: Sequence[Op], why: str, what: str = "") -> Notice:
    more = f" and {len(ops) - 1} more" if len(ops) > 1 else ""
    return Notice(
        "float_op",
        f"{what or f'{len(ops)} {ops[0].kind}'} stay{'' if len(ops) > 1 or what else 's'} float "
        f"(at '{place(ops[0])}'{more}): {why}.",
        "A float island costs conversions and does not run on integer-only targets.",
    )


def place(op: Op) -> str:
    """Return a name by which the user can find an op: its layer's, or its result's."""
    names = op.origin or tuple(t.name for t in op.outputs)
    return names[0] if names else "?"


def prices(graph: Graph) -> tuple[Notice, ...]:
    """Return one notice per kind of op whose form LiteRT's kernels are slow in, with numbers."""
    return tuple(
        Notice(
            "slow_kernel",
            f"{len(slow.ops)} {slow.kind} in {slow.form} form: LiteRT's kernel takes "
            f"{slow.times:.2g} times as long as that of {slow.against} (`litesmith kernels`).",
            slow.hint,
        )
        for slow in slow_forms(graph)
        if not slow.defect
    )


def keeps_bytes(graph: Graph, form: str, asked: Collection[Op] = ()) -> str | None:
    """Return which weights kept 8 bits where fewer were asked for, and why; None when none did.

    Args:
        graph: quantized graph.
        form: "int4", or "hybrid int4" and "expanded int4" where activations are float.
        asked: ops that were to have 8 bits or more.
    """
    made_by = producers(graph)
    slow, against = form, form.replace("4", "8")
    forms = ((op, form_of(op, made_by)) for op in graph.ops if op not in asked)
    kept = Counter(op.kind for op, found in forms if found in (against, "expanded int8"))
    found = []
    for kind, count in kept.items():
        times = ratio(kind, slow, against)
        why = (
            f"the int4 kernel takes {times:.2g} times as long"
            if times is not None and kind not in FOUR_BIT
            else "they are few, or LiteRT has no int4 kernel for them"
        )
        found.append(f"{count} {kind} keep 8 bits: {why}")
    return "; ".join(found) or None
