"""`litesmith bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litesmith.cli import options as opt


def bench(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="A.tflite [B.tflite …]", help="Files.")],
    threads: Annotated[int, typer.Option(metavar="N", help="Threads of the runtime.")] = 1,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> int:
    """Measure size and latency of .tflite files, interleaved so that noise hits all alike."""
    from litesmith import api
    from litesmith.cli.show import running, show
    from litesmith.report.console import bench_table

    with running(context, quiet) as listen:
        report = api.bench(*files, threads=threads, listen=listen)
    show(context, report, bench_table, as_json)
    return 0
