"""`litesmith snippet`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litesmith.cli import options as opt


def snippet(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="A.tflite", help="The file to run.")],
    language: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="LANGUAGE",
            help="python, cpp, micro (TensorFlow Lite Micro), kotlin or swift.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where the code goes, else printed."),
    ] = None,
    c_array: Annotated[
        Path | None,
        typer.Option(metavar="OUT.cc", help="Also write the file as a C++ array, with OUT.h."),
    ] = None,
    as_json: opt.Json = False,
) -> int:
    """Write code that loads, feeds and reads this very file, quantization included."""
    from litesmith import api
    from litesmith.cli.show import show_code

    code = api.snippet(file, language, c_array=c_array)
    if output is not None:
        from litesmith.forge.snippet import save

        save(code, output, file)
    show_code(context, code, language, output, as_json)
    return 0
