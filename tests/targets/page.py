"""The tables as Markdown: what docs/targets.md holds behind its introduction."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.targets.rules import Row, Table
from litesmith.targets.table import TARGETS

MARK = "<!-- tables -->\n"


def markdown() -> str:
    """Return everything behind `MARK`."""
    return "\n".join(_sections())


def _sections() -> Iterator[str]:
    tables: dict[str, Table] = {}
    names: dict[str, list[str]] = {}
    for target in TARGETS.values():
        tables[target.table.name] = target.table
        names.setdefault(target.table.name, []).append(f"`{target.name}`")
    for name, table in tables.items():
        yield "\n".join([f"## {name}: {', '.join(names[name])}", *_section(table)])


def _section(table: Table) -> Iterator[str]:
    yield f"Table: {table.version}. Sources:"
    yield ""
    for key, source in table.sources.items():
        yield f"- {key}: {source.document}, {source.version}"
    yield ""
    if table.elsewhere:
        yield f"What it does not take runs {table.elsewhere}."
    else:
        yield "What it does not take cannot run."
    if table.generic:
        yield f"Every op needs {_listed(c.sentence for c in table.generic)}."
    if table.breaks:
        broken = _listed(c.sentence for c in table.breaks)
        yield f"Its compiler refuses a whole file without {broken}."
    if table.no_ends:
        ends = ", ".join(table.no_ends)
        yield f"Its compiler refuses files with inputs or outputs of type {ends}."
    yield ""
    yield "| op | element types | needs | source |"
    yield "|---|---|---|---|"
    for row in sorted(table.rows.values(), key=lambda row: row.kind):
        yield f"| {row.kind} | {_types(row)} | {_needs(row)} | {row.source} |"
    yield ""
    if table.never:
        ways = (f"{kind} ({way})" if way else kind for kind, way in sorted(table.never.items()))
        yield f"Known not to run: {', '.join(ways)}."
        yield ""


def _listed(sentences: Iterator[str]) -> str:
    return "; ".join(sentences)


def _types(row: Row) -> str:
    if not row.activation_types():
        return "none"
    if len(row.activation_types()) > 12:
        return "any"
    if all(types.weights is None for types in row.types):
        return ", ".join(row.activation_types())
    order = {dtype: place for place, dtype in enumerate(row.activation_types())}
    pairs = sorted(row.types, key=lambda t: (order[t.activations], str(t.weights)))
    return ", ".join(f"{types.activations}×{types.weights}" for types in pairs)


def _needs(row: Row) -> str:
    needs = [constraint.sentence for constraint in row.constraints]
    if row.per_channel is False:
        needs.append("one scale for all weights")
    if row.recurrent:
        needs.append("fused from the layer's loop")
    return "; ".join(needs)
