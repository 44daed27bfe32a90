"""What a file's metadata says, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litesmith.interface.metadata import PortSummary, Summary

_SHOWN = 6  # labels; the rest are counted


def metadata_rows(said: Summary | None) -> Iterator[tuple[str, str]]:
    """Yield (title, text) rows; none when the file says nothing."""
    if said is None:
        return
    title = " · ".join(filter(None, (said.name, said.version, said.description)))
    yield "metadata", title or "of the ends"
    for port in (*said.inputs, *said.outputs):
        text = ", ".join(_facts(port))
        if text:
            yield f"  {port.name}", text
    if said.missing:
        yield "  missing files", ", ".join(said.missing)


def _facts(port: PortSummary) -> Iterator[str]:
    if port.mean:
        yield f"(raw − {_numbers(port.mean)}) / {_numbers(port.std)}"
    if port.labels:
        shown = ", ".join(port.labels[:_SHOWN]) + (" …" if len(port.labels) > _SHOWN else "")
        yield f"{len(port.labels)} labels: {shown}"
    if port.threshold is not None:
        yield f"results below {port.threshold:g} are not shown"


def _numbers(values: tuple[float, ...]) -> str:
    return ";".join(f"{value:g}" for value in values)
