"""`litesmith export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from litesmith.cli import options as opt
from litesmith.cli.export_options import TABLES


@opt.takes(*TABLES, opt.LOADING)
def export(
    context: typer.Context,
    source: opt.Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.tflite", help="The file to write.")
    ],
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    **options: Any,
) -> int:
    """Turn a trained model into a .tflite that is proved against it."""
    from litesmith import api
    from litesmith.cli.show import running, show
    from litesmith.report.console import explained_table, export_table

    explain = bool(options.pop("explain"))
    with running(context, quiet) as listen:
        report = api.export(source, output, explain=explain, listen=listen, **options)
    show(context, report, explained_table if explain else export_table, as_json)
    return 0
