"""`litesmith check`."""

from __future__ import annotations

import typer

from litesmith.cli import options as opt


def check(
    context: typer.Context,
    source: opt.Source,
    target: opt.Target = None,
    signature: opt.Signature = None,
    input_shape: opt.InputShape = None,
    custom_objects: opt.CustomObjects = None,
    builder: opt.Builder = None,
    batch: opt.Batch = None,
    inputs: opt.Inputs = None,
    outputs: opt.Outputs = None,
    input: opt.Input = None,
    allow_flex: opt.AllowFlex = None,
    trust: opt.Trust = None,
    time_limit: opt.TimeLimit = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> int:
    """Load a model and say what would become of it. Writes nothing."""
    from litesmith import api
    from litesmith.cli.show import running, show
    from litesmith.report.console import check_table

    with running(context, quiet) as listen:
        report = api.check(
            source,
            target=target,
            signature=signature,
            input_shape=input_shape or (),
            custom_objects=custom_objects,
            builder=builder,
            batch=batch,
            inputs=inputs,
            outputs=outputs,
            input=input,
            allow_flex=allow_flex,
            trust=trust,
            time_limit=time_limit,
            listen=listen,
        )
    show(context, report, check_table, as_json)
    return 0
