"""`litesmith compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from litesmith.cli import options as opt


def compare(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="The reference: a source or a .tflite.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other: a source or a .tflite.")],
    data: opt.Data = None,
    preprocess: opt.Preprocess = None,
    signature: opt.Signature = None,
    input_shape: opt.InputShape = None,
    custom_objects: opt.CustomObjects = None,
    builder: opt.Builder = None,
    inputs: opt.Inputs = None,
    outputs: opt.Outputs = None,
    input: opt.Input = None,
    allow_flex: opt.AllowFlex = None,
    trust: opt.Trust = None,
    time_limit: opt.TimeLimit = None,
    seed: opt.Seed = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
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
            signature=signature,
            input_shape=input_shape or (),
            custom_objects=custom_objects,
            builder=builder,
            inputs=inputs,
            outputs=outputs,
            input=input,
            allow_flex=allow_flex,
            trust=trust,
            seed=seed,
            time_limit=time_limit,
            listen=listen,
        )
    show(context, report, compare_table, as_json)
    return 0
