"""What is wrong with a quantized file, as a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from litesmith.report.model import CheckReport

if TYPE_CHECKING:
    from litesmith.diagnose import Finding

_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "dim"}
_EACH = 4  # findings of one code that are shown; --json has all


def findings_list(report: CheckReport) -> list[RenderableType]:
    """Return one paragraph per kind of finding: where, what, why it matters and the way on."""
    if report.findings is None:
        return []
    if not report.findings:
        return [Text(), Text("Nothing was found that is wrong with this file.", "dim")]
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in report.findings:
        groups.setdefault((one.severity, one.code, one.hint), []).append(one)
    return [line for group in groups.values() for line in _paragraph(group)]


def _paragraph(group: Sequence[Finding]) -> list[RenderableType]:
    first = group[0]
    title = f"{first.severity}: {first.code.replace('_', ' ')}"
    lines: list[RenderableType] = [Text(), Text(title, _STYLES.get(first.severity, ""))]
    for one in group[:_EACH]:
        lines.append(Text.assemble(f"  {one.kind} ", (one.layer, "bold"), f"  {one.message}"))
        lines.append(Text(f"    {one.why}", "dim"))
    if len(group) > _EACH:
        lines.append(Text(f"  … and {len(group) - _EACH} more, all in --json"))
    return [*lines, Text(f"  → {first.hint}", "cyan")] if first.hint else lines
