"""What every verb does around its call: progress on stderr, the result on stdout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import typer
    from rich.console import RenderableType

    from litesmith.cli.streams import Streams
    from litesmith.forge.options import Listener

_TITLES = {
    "load": "Loading the model",
    "convert": "Converting to float .tflite",
    "lint": "Looking at the data",
    "calibrate": "Quantizing",
    "repair": "Raising precision",
    "sensitivity": "Trying every op's precision",
    "verify": "Verifying against the original",
    "measure": "Measuring latency",
    "layers": "Comparing tensor by tensor",
}
_PLAIN_WIDTH = 100


@contextmanager
def running(context: typer.Context, quiet: bool) -> Iterator[Listener]:
    """Yield a listener that shows progress: bars on a terminal, else one line per stage."""
    words = _streams(context).words
    if quiet:
        yield lambda stage, fraction: None
    elif words.isatty():
        with _bars(words) as listen:
            yield listen
    else:
        yield _lines(words)


def show(
    context: typer.Context,
    report: Any,
    table: Callable[[Any], RenderableType],
    as_json: bool,
) -> None:
    """Print a result: one JSON document, or a table."""
    results = _streams(context).results
    if as_json:
        from litesmith.report.document import to_json

        print(to_json(report), file=results, flush=True)
        return
    from rich.console import Console

    width = None if results.isatty() else _PLAIN_WIDTH
    Console(file=results, width=width, highlight=False).print(table(report))
    results.flush()


def show_code(
    context: typer.Context, code: str, language: str, output: Path | None, as_json: bool
) -> None:
    """Print code, or where it was written, or both as one JSON document."""
    streams = _streams(context)
    if as_json:
        from litesmith.report.document import to_json
        from litesmith.report.version import __version__

        place = None if output is None else str(output)
        facts = {"litesmith": __version__, "status": "ok", "error": None}
        facts |= {"language": language, "path": place, "code": code}
        print(to_json(facts), file=streams.results, flush=True)
    elif output is None:
        print(code, end="", file=streams.results, flush=True)
    else:
        print(f"Wrote {output}.", file=streams.words)


def _streams(context: typer.Context) -> Streams:
    streams: Streams = context.obj
    return streams


def _lines(words: Any) -> Listener:
    told: set[str] = set()

    def listen(stage: str, fraction: float | None) -> None:
        if stage not in told:
            told.add(stage)
            print(f"{_TITLES.get(stage, stage)} …", file=words, flush=True)

    return listen


@contextmanager
def _bars(words: Any) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=Console(file=words), transient=True)
    tasks: dict[str, Any] = {}

    def listen(stage: str, fraction: float | None) -> None:
        if stage not in tasks:
            for task in tasks.values():
                progress.update(task, total=1.0, completed=1.0)
            tasks[stage] = progress.add_task(_TITLES.get(stage, stage), total=None)
        if fraction is not None:
            progress.update(tasks[stage], total=1.0, completed=fraction)

    with progress:
        yield listen
