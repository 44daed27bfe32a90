"""`litesmith demo`: the digits example, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litesmith.cli import options as opt

_PREPROCESS = "scale=0.0625,offset=0"
_MAX_DROP = "0.01"


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where to write digits.tflite.")
    ] = Path("."),
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> int:
    """Export a fine-tuned digit classifier to int8 and prove it on real handwritten digits."""
    from litesmith import api
    from litesmith.cli.show import running, show
    from litesmith.report.console import demo_table

    model, data = _example()
    with running(context, quiet) as listen:
        report = api.export(
            model,
            output / "digits.tflite",
            quantize="int8",
            data=f"{data}#x_train",
            eval=f"{data}#x_test,y_test",
            preprocess=_PREPROCESS,
            max_drop=_MAX_DROP,
            listen=listen,
        )
    show(context, report, demo_table, as_json)
    return 0


def _example() -> tuple[Path, Path]:
    """Return the example's model and data: packaged in a wheel, else in the checkout.

    Raises:
        InputError: neither is there.
    """
    from litesmith.errors import InputError

    package = Path(__file__).parents[1]
    for folder in (package / "_examples" / "digits", package.parents[1] / "examples" / "digits"):
        model, data = folder / "digits.keras", folder / "digits.npz"
        if model.is_file() and data.is_file():
            return model, data
    raise InputError("The digits example was not installed.", "Reinstall litesmith.")
