"""A failed run: one sentence, a hint and the log on stderr; with --json also the document."""

from __future__ import annotations

from litesmith.cli.streams import Streams
from litesmith.errors import LitesmithError


def print_failure(error: LitesmithError, streams: Streams, as_json: bool) -> None:
    """Tell the user what went wrong; a report that the error carries is the JSON document."""
    if as_json:
        from litesmith import __version__
        from litesmith.report import FailureReport
        from litesmith.report.document import to_json

        carried = getattr(error, "report", None)
        report = carried or FailureReport(__version__, "failed", error.as_json())
        print(to_json(report), file=streams.results, flush=True)
    from rich.console import Console
    from rich.text import Text

    console = Console(file=streams.words, soft_wrap=True, highlight=False)
    console.print(Text("Error: ", "bold red") + Text(error.message))
    if error.hint:
        console.print(Text("Hint:  ", "bold") + Text(error.hint))
    if error.log:
        console.print(Text("Log:   ", "bold") + Text(error.log))
