"""The child that loads, converts and runs models, as its parent starts it."""

from __future__ import annotations

from litesmith.children import Program
from litesmith.errors import ConversionError, LoadError

PROGRAM = Program(
    module="litesmith.sources.child",
    what="source",
    phases={
        "open": ("loading the model", LoadError),
        "lower": ("converting the model", ConversionError),
        "convert": ("converting the model", ConversionError),
        "open_file": ("running the file", ConversionError),
        "run_file": ("running the file", ConversionError),
        "run": ("running the original model", ConversionError),
    },
)
