"""`litesmith compare`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from litesmith.cli import options as opt


@opt.loads("batch")
def compare(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="The reference: a source or a .tflite.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other: a source or a .tflite.")],
    data: opt.Data = None,
    preprocess: opt.Preprocess = None,
    per_layer: Annotated[
        bool,
        typer.Option("--per-layer", help="Also compare every tensor that both compute."),
    ] = False,
    seed: opt.Seed = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    **loading: Any,
) -> int:
    """Hold the outputs of two models against each other, on the same examples."""
    from litesmith import api
    from litesmith.cli.show import running, show
    from litesmith.report.console import compare_table

    with running(context, quiet) as listen:
        report = api.compare(
            a,
            b,
            data=data,
            preprocess=preprocess,
            per_layer=per_layer,
            seed=seed,
            listen=listen,
            **loading,
        )
    show(context, report, compare_table, as_json)
    return 0
