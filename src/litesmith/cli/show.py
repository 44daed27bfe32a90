"""What every verb does around its call: progress on stderr, the result on stdout."""

from __future__ import annotations

import math
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
    "train": "Training",
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
        yield _Lines(words)


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


class _Lines:
    """Progress without a terminal: a line per stage, and one per look that training takes."""

    def __init__(self, words: Any) -> None:
        self._words = words
        self._told: set[str] = set()

    def __call__(self, stage: str, fraction: float | None) -> None:
        if stage not in self._told:
            self._told.add(stage)
            self.say(f"{_TITLES.get(stage, stage)} …")

    def training(self, point: Any) -> None:
        """Tell where training is."""
        self.say(f"  step {point.step} of {point.steps}: {_where(point)}")

    def say(self, sentence: str) -> None:
        """Tell something that is no progress."""
        print(sentence, file=self._words, flush=True)


def _where(point: Any) -> str:
    """Return "loss 0.031, agreement 96.1 %, 40 s left" of a `litesmith.train.process.Point`."""
    parts = []
    if math.isfinite(point.loss):
        parts += [f"loss {point.loss:.3g}", f"agreement {point.agreement:.1%}"]
    left = point.seconds_left
    if math.isfinite(left):
        parts.append(f"{left / 60:.0f} min left" if left >= 120 else f"{left:.0f} s left")
    return ", ".join(parts) or "…"


class _Bars:
    """Progress on a terminal: a bar per stage.

    Args:
        progress: a `rich.progress.Progress` that runs.
    """

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def __call__(self, stage: str, fraction: float | None) -> None:
        if stage not in self._tasks:
            for task in self._tasks.values():
                self._progress.update(task, total=1.0, completed=1.0)
            title = _TITLES.get(stage, stage)
            self._tasks[stage] = self._progress.add_task(title, total=None)
        if fraction is not None:
            self._progress.update(self._tasks[stage], total=1.0, completed=fraction)

    def training(self, point: Any) -> None:
        """Tell where training is, beside its bar."""
        title = f"{_TITLES['train']} ({_where(point)})"
        self._progress.update(self._tasks["train"], description=title)

    def say(self, sentence: str) -> None:
        """Tell something that is no progress, above the bars."""
        self._progress.console.print(sentence, highlight=False)


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
    with Progress(*columns, console=Console(file=words), transient=True) as progress:
        yield _Bars(progress)
