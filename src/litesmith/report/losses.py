"""What a file lost, said above the table; and which ops' precision costs it, ranked."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from litesmith.report import formats as fmt
from litesmith.report.model import OpCost, Report, Warn

LARGE = frozenset({"score_drop", "low_agreement", "low_sqnr"})
_MOST = 12  # rows
_FLOAT = 32


def large_losses(warnings: Iterable[Warn]) -> list[RenderableType]:
    """Return the warnings of large losses: nobody should read the table without them."""
    lines = [
        Text.assemble(("! ", "bold red"), (one.message, "bold red"), f" {one.hint}")
        for one in warnings
        if one.code in LARGE
    ]
    return [*lines, Text()] if lines else []


def sensitivity_table(report: Report) -> list[RenderableType]:
    """Return the ranked ops, and what the columns mean."""
    if not report.sensitivity:
        return []
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for title in ("layer", "op"):
        table.add_column(title, overflow="fold")
    for title in ("bits", "costs", "changes", "weights", "given"):
        table.add_column(title, justify="right")
    for one in _shown(report.sensitivity):
        table.add_row(
            one.layers[0] if one.layers else one.op,
            one.kind,
            str(one.bits),
            fmt.small(one.output_error),
            fmt.NONE if one.answers_changed is None else f"{one.answers_changed:.1%}",
            fmt.size(one.weights_bytes) if one.weights_bytes else fmt.NONE,
            _raised(one),
            style="yellow" if one.chosen_bits else None,
        )
    left = len(report.sensitivity) - _MOST
    more = f"; {left} more rows in --json" if left > 0 else ""
    basis = (
        "costs: error of the outputs when this op alone has so few bits; changes: answers that are "
        f"others then{more}"
    )
    return [Text(), table, Text(basis, "dim")]


def _shown(costs: Iterable[OpCost]) -> list[OpCost]:
    """Return the dearest, those of raised ops first among equals of the list's length."""
    listed = list(costs)
    kept = sorted(listed, key=lambda one: one.chosen_bits is None)[:_MOST]
    return [one for one in listed if one in kept]


def _raised(one: OpCost) -> str:
    if one.chosen_bits is None:
        return fmt.NONE
    return "float" if one.chosen_bits == _FLOAT else f"{one.chosen_bits} bits"
