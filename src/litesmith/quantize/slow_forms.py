"""Ops whose form LiteRT's kernels are slow or wrong in, by the one table of what kernels cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.facts import FACTS
from litesmith.quantize.kernel_table import defect, ratio

_SLOWER = 1.5  # from here on it is worth a word
_STORED = (DType.INT2, DType.INT4, DType.INT8)
_BYTES = "It saves bytes, not time: --bits {kind}=8 is faster."


@dataclass(frozen=True)
class _Better:
    """What does better than a form.

    Attributes:
        form: a name of `kernel_files.FORMS`.
        hint: the way on.
    """

    form: str
    hint: str


_BETTER: Mapping[str, _Better] = {
    "int16x8": _Better(
        "int8",
        "XNNPACK has no int16 activations; keep them for few ops: --quantize int8 --bits OP=16.",
    ),
    "int4": _Better("int8", _BYTES),
    "hybrid int4": _Better("hybrid int8", _BYTES),
    "expanded int4": _Better("expanded int8", _BYTES),
    "hybrid int8": _Better(
        "float",
        "Export with --quantize dynamic of litesmith, which expands such weights on loading.",
    ),
    "hybrid int2": _Better("hybrid int8", "Use weights of 4 or 8 bits."),
}


@dataclass(frozen=True)
class SlowForm:
    """Ops of one kind in one form.

    Attributes:
        kind: op kind.
        form: a name of `kernel_files.FORMS`.
        against: the form that does better.
        times: how many times as long the kernel takes, 0 where it is wrong.
        defect: what is wrong with it, "" for nothing.
        hint: the way on.
        ops: those of this form.
    """

    kind: str
    form: str
    against: str
    times: float
    defect: str
    hint: str
    ops: tuple[Op, ...]


def slow_forms(graph: Graph) -> Iterator[SlowForm]:
    """Yield the forms of a graph's ops, called graphs included, that are slow or wrong."""
    found: dict[tuple[str, str], list[Op]] = {}
    for part in graph.graphs():
        made_by = producers(part)
        for op in part.ops:
            if (form := form_of(op, made_by)) is not None:
                found.setdefault((op.kind, form), []).append(op)
    for form, better in _BETTER.items():
        for (kind, own), ops in found.items():
            if own != form:
                continue
            times, wrong = ratio(kind, form, better.form) or 0.0, defect(kind, form)
            if wrong or times > _SLOWER:
                hint = better.hint.format(kind=kind)
                yield SlowForm(kind, form, better.form, times, wrong, hint, tuple(ops))


def form_of(op: Op, made_by: Mapping[Tensor, Op]) -> str | None:
    """Return the name that `kernel_files` has for the form of an op with weights.

    Args:
        op: any op.
        made_by: tensor → the op that makes it.
    """
    row = FACTS.get(op.kind)
    weights = op.input(row.weights.index) if row and row.weights else None
    data = op.input(row.activations[0]) if row and row.weights else None
    if weights is None or data is None:
        return None
    maker = made_by.get(weights)
    expanded = maker is not None and maker.kind == "DEQUANTIZE"
    stored = maker.inputs[0] if maker is not None and expanded else weights
    if stored is None or stored.dtype not in _STORED:
        return None
    if data.dtype is DType.INT16:
        return "int16x8"
    if data.dtype is DType.INT8:
        return stored.dtype.value
    blocks = stored.quant is not None and stored.quant.blockwise is not None
    name = f"{'expanded' if expanded else 'hybrid'} {stored.dtype.value}"
    return f"{name} blocks" if blocks else name
