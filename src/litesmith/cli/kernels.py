"""`litesmith kernels`."""

from __future__ import annotations

from typing import Annotated

import typer

from litesmith.cli import options as opt


def kernels(
    context: typer.Context,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure this LiteRT on this machine (a minute).")
    ] = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> int:
    """Show what LiteRT's kernels cost with float, int8, int4 and int16 operands, op by op."""
    from litesmith import api
    from litesmith.cli.show import running, show
    from litesmith.report.kernels import kernels_table

    with running(context, quiet or not measure) as listen:
        report = api.kernels(measure=measure, listen=listen)
    show(context, report, kernels_table, as_json)
    return 0
