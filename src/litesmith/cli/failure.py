"""A failed run: one sentence, a hint and the log on stderr; with --json also the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litesmith.cli.streams import Streams
from litesmith.errors import LitesmithError


def print_failure(error: LitesmithError, streams: Streams, args: Sequence[str]) -> None:
    """Tell the user what went wrong; a report that the error carries is the JSON document."""
    if "--json" in args:
        from litesmith.report.document import to_json

        print(to_json(_report(error, args)), file=streams.results, flush=True)
    from rich.console import Console
    from rich.text import Text

    console = Console(file=streams.words, soft_wrap=True, highlight=False)
    console.print(Text("Error: ", "bold red") + Text(error.message))
    if error.hint:
        console.print(Text("Hint:  ", "bold") + Text(error.hint))
    if error.log:
        console.print(Text("Log:   ", "bold") + Text(error.log))


def _report(error: LitesmithError, args: Sequence[str]) -> Any:
    from litesmith.report import FailureReport, Report
    from litesmith.report.version import __version__

    noun = Report if "export" in args[:1] or "demo" in args[:1] else FailureReport
    return error.report or noun(__version__, "failed", error.as_json())
