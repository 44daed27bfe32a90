"""The table of kernels on a terminal: a row per op, a column per form."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from litesmith.report import formats as fmt
from litesmith.report.model import KernelRow, KernelsReport

_SLOW, _FAST = 1.2, 0.8


def kernels_table(report: KernelsReport) -> RenderableType:
    """Return milliseconds per op and form; slower than float in red, faster in green."""
    forms = list(dict.fromkeys(row.form for row in report.kernels))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("form")
    ops = list(dict.fromkeys(row.op for row in report.kernels))
    for op in ops:
        table.add_column(_narrow(op), justify="right", no_wrap=True)
    cells = {(row.op, row.form): _cell(row) for row in report.kernels}
    for form in forms:
        table.add_row(form, *(cells.get((op, form), Text("–", "dim")) for op in ops))
    defects = [f"{row.op}, {row.form}: {row.defect}" for row in report.kernels if row.defect]
    how = "measured now" if report.measured else "recorded; --measure measures here"
    basis = f"ms of one op, median of interleaved rounds, {report.source} ({how})"
    return Group(Text(), table, *(Text(line, "yellow") for line in defects), Text(basis, "dim"))


def _narrow(op: str) -> str:
    """Return an op's name on several lines: kind, window, shapes."""
    kind, *shapes = op.split()
    return "\n".join((kind.replace("_CON", "_\nCON"), *shapes))


def _cell(row: KernelRow) -> Text:
    if row.ms is None or row.relative is None:
        return Text("no", "yellow")
    style = "red" if row.relative > _SLOW else "green" if row.relative < _FAST else ""
    return Text(f"{fmt.milliseconds(row.ms)}{' !' if row.defect else ''}", style)
