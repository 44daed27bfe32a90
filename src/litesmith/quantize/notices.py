"""What the user should know of a quantized graph: what stays float, what will be slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.census import float_ops
from litesmith.graph.edit import producers
from litesmith.graph.facts import FACTS
from litesmith.graph.step import Notice
from litesmith.quantize.kernel_table import ratio
from litesmith.quantize.plan import CARRIERS
from litesmith.quantize.weights import FOUR_BIT


def describe(ops: tuple[Op, ...]) -> str:
    """Return op kinds with counts: "2 POW, 1 SIN"."""
    return ", ".join(f"{n} {kind}" for kind, n in Counter(op.kind for op in ops).most_common())


def float_notices(graph: Graph, reasons: Mapping[Op, str]) -> tuple[Notice, ...]:
    """Return one notice per kind of op that stays float in an integer graph."""
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
        found.append(_notice(tuple(loops), _inside(loops), describe(tuple(loops))))
    return tuple(found)


def _inside(ops: Sequence[Op]) -> str:
    """Return why ops of called graphs stay float, and what of their weights does, too."""
    why = "they are inside a loop or branch"
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


@dataclass(frozen=True)
class _Price:
    """A form that LiteRT's kernels are slow in.

    Attributes:
        form: a name of `kernel_files.FORMS`.
        against: the form that does better.
        hint: the way on.
    """

    form: str
    against: str
    hint: str


_PRICES = (
    _Price(
        "int16x8",
        "int8",
        "XNNPACK has no int16 activations; keep them for few ops: --quantize int8 --bits OP=16.",
    ),
    _Price("int4", "int8", "It saves bytes, not time: --bits {kind}=8 is faster."),
    _Price("hybrid int4", "hybrid int8", "It saves bytes, not time: --bits {kind}=8 is faster."),
    _Price(
        "expanded int4", "expanded int8", "It saves bytes, not time: --bits {kind}=8 is faster."
    ),
)
_SLOWER = 1.5  # from here on it is worth a word


def prices(graph: Graph) -> tuple[Notice, ...]:
    """Return one notice per kind of op whose form LiteRT's kernels are slow in, with numbers."""
    made_by = producers(graph)
    forms = Counter((op.kind, form) for op in graph.ops if (form := _form(op, made_by)))
    found = []
    for price in _PRICES:
        for (kind, form), count in forms.items():
            times = ratio(kind, form, price.against) if form == price.form else None
            if times is not None and times > _SLOWER:
                found.append(
                    Notice(
                        "slow_kernel",
                        f"{count} {kind} in {form} form: LiteRT's kernel takes {times:.2g} times "
                        f"as long as that of {price.against} (`litesmith kernels`).",
                        price.hint.format(kind=kind),
                    )
                )
    return tuple(found)


def keeps_bytes(graph: Graph, form: str, asked: Collection[Op] = ()) -> str | None:
    """Return which weights kept 8 bits where fewer were asked for, and why; None when none did.

    Args:
        graph: quantized graph.
        form: "int4", or "hybrid int4" and "expanded int4" where activations are float.
        asked: ops that were to have 8 bits or more.
    """
    made_by = producers(graph)
    slow, against = form, form.replace("4", "8")
    forms = ((op, _form(op, made_by)) for op in graph.ops if op not in asked)
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


def _form(op: Op, made_by: Mapping[Tensor, Op]) -> str | None:
    """Return the name that `kernel_files` has for the form of an op with weights."""
    row = FACTS.get(op.kind)
    weights = op.input(row.weights.index) if row and row.weights else None
    data = op.input(row.activations[0]) if row and row.weights else None
    if weights is None or data is None:
        return None
    maker = made_by.get(weights)
    expanded = maker is not None and maker.kind == "DEQUANTIZE"
    stored = maker.inputs[0] if maker is not None and expanded else weights
    if stored is None or stored.dtype not in (DType.INT4, DType.INT8):
        return None
    if data.dtype is DType.INT16:
        return "int16x8"
    if data.dtype is DType.INT8:
        return stored.dtype.value
    blocks = stored.quant is not None and stored.quant.blockwise is not None
    name = f"{'expanded' if expanded else 'hybrid'} {stored.dtype.value}"
    return f"{name} blocks" if blocks else name
