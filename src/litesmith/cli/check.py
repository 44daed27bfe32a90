"""`litesmith check`."""

from __future__ import annotations

from typing import Any

import typer

from litesmith.cli import options as opt


@opt.loads()
def check(
    context: typer.Context,
    source: opt.Source,
    data: opt.Data = None,
    preprocess: opt.Preprocess = None,
    target: opt.Target = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    **loading: Any,
) -> int:
    """Load a model and say what would become of it. Writes nothing."""
    from litesmith import api
    from litesmith.cli.show import running, show
    from litesmith.report.console import check_table

    with running(context, quiet) as listen:
        report = api.check(
            source,
            data=data,
            preprocess=preprocess,
            target=target,
            listen=listen,
            **loading,
        )
    show(context, report, check_table, as_json)
    return 0
