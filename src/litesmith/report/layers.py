"""Where two models part ways, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from litesmith.report import formats as fmt
from litesmith.report.model import CompareReport

if TYPE_CHECKING:
    from litesmith.diagnose import Layer

_MOST = 24  # rows; of more layers, those that add most


def layers_table(report: CompareReport) -> list[RenderableType]:
    """Return the layers in the order of execution, and what the columns mean."""
    if not report.layers:
        return []
    shown = tuple(_shown(report.layers))
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for title in ("layer", "op", "in B"):
        table.add_column(title, overflow="fold")
    for title in ("SQNR", "cosine", "error", "adds", "rank"):
        table.add_column(title, justify="right")
    for one in shown:
        table.add_row(
            one.name,
            one.kind,
            one.dtype,
            fmt.decimal(one.sqnr_db, 1, " dB"),
            fmt.decimal(one.cosine, 5),
            fmt.percent(one.relative_error, 2),
            fmt.percent(one.added, 2),
            fmt.NONE if one.rank is None else str(one.rank),
            style="yellow" if one.rank in (1, 2, 3) and (one.added or 0.0) > 0 else None,
        )
    return [Text(), table, *(Text(line, "dim") for line in _basis(report, len(shown)))]


def _shown(layers: Iterable[Layer]) -> Iterable[Layer]:
    listed = tuple(layers)
    if len(listed) <= _MOST:
        return listed
    return (one for one in listed if one.rank is not None and one.rank <= _MOST)


def _basis(report: CompareReport, shown: int) -> Iterable[str]:
    count = len(report.layers or ())
    yield (
        f"{count} of {report.layers_of} tensors, {report.layers_examples} examples; error: of all "
        "ops up to here; adds: of this op alone, fed what B feeds it"
    )
    if shown < count:
        yield f"shown are the {shown} that add most; --json has all"
