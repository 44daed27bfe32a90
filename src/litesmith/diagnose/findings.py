"""What is wrong with a quantized file: the noun, and how findings are ordered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from litesmith.graph import Op, Tensor

HIGH, MEDIUM, LOW = "high", "medium", "low"
_ORDER = {HIGH: 0, MEDIUM: 1, LOW: 2}


@dataclass(frozen=True)
class Finding:
    """One fault of a file.

    Attributes:
        code: stable identifier, e.g. "wasted_range".
        severity: "high" (results are wrong or lost), "medium" (accuracy or speed is given away) or
            "low" (good to know).
        kind: of the op that it is about.
        layer: where: the source's layer or the tensor's name.
        value: the number it rests on; the message says what it counts.
        message: one sentence, with numbers.
        why: what it does to the results or the latency.
        hint: the way on.
    """

    code: str
    severity: str
    kind: str
    layer: str
    value: float
    message: str
    why: str
    hint: str


def sort(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the most severe first, those of one code together."""
    listed = list(findings)
    first: dict[tuple[str, str], int] = {}
    for position, one in enumerate(listed):
        first.setdefault((one.severity, one.code), position)
    order = sorted(
        range(len(listed)),
        key=lambda i: (
            _ORDER[listed[i].severity],
            first[listed[i].severity, listed[i].code],
            -abs(listed[i].value),
            i,
        ),
    )
    return tuple(listed[i] for i in order)


def place(op: Op | None, tensor: Tensor | None = None) -> str:
    """Return the source's layer that an op came from, its result's name where nothing is known."""
    if op is not None and op.origin:
        return op.origin[0]
    if tensor is None and op is not None:
        tensor = next((t for t in (*op.outputs, *op.inputs) if t is not None), None)
    return "?" if tensor is None else tensor.name


def kinds(ops: Sequence[Op]) -> str:
    """Return kinds with counts: "2 EXP, 1 SIN"."""
    counts: dict[str, int] = {}
    for op in ops:
        counts[op.kind] = counts.get(op.kind, 0) + 1
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items(), key=lambda i: -i[1]))
