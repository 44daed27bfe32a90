"""The commands and what they share. Imported for `--help`, so nothing heavy above functions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from litesmith.cli.bench import bench
from litesmith.cli.check import check
from litesmith.cli.compare import compare
from litesmith.cli.demo import demo
from litesmith.cli.export import export
from litesmith.cli.kernels import kernels
from litesmith.cli.snippet import snippet

app = typer.Typer(
    name="litesmith",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(export)
app.command()(check)
app.command()(compare)
app.command()(bench)
app.command()(snippet)
app.command()(kernels)
app.command()(demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        from litesmith.report.version import __version__

        print(f"litesmith {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """A trained Keras, TensorFlow or TFLite model in; a small, fast and verified .tflite out."""


def command() -> Any:
    """Return the command that parses and runs."""
    return typer.main.get_command(app)
