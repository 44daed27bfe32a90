"""A trained Keras, TensorFlow or TFLite model in; a small, fast and verified .tflite out.

    import litesmith

    report = litesmith.export("model.keras", "model.tflite", data=images, eval=(images, labels))

The public names and nothing else; they are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litesmith.api import annotate, bench, check, compare, export, kernels, snippet
    from litesmith.errors import (
        BudgetError,
        ConversionError,
        InputError,
        InternalError,
        LitesmithError,
        LoadError,
    )
    from litesmith.report import BenchReport, CheckReport, CompareReport, KernelsReport, Report
    from litesmith.report.version import __version__
    from litesmith.train.model import from_trainable, trainable

_HOMES = {
    "litesmith.api": (
        "annotate",
        "bench",
        "check",
        "compare",
        "export",
        "kernels",
        "snippet",
    ),
    "litesmith.errors": (
        "BudgetError",
        "ConversionError",
        "InputError",
        "InternalError",
        "LitesmithError",
        "LoadError",
    ),
    "litesmith.report": ("BenchReport", "CheckReport", "CompareReport", "KernelsReport", "Report"),
    "litesmith.report.version": ("__version__",),
    "litesmith.train.model": ("from_trainable", "trainable"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BenchReport",
    "BudgetError",
    "CheckReport",
    "CompareReport",
    "ConversionError",
    "InputError",
    "InternalError",
    "KernelsReport",
    "LitesmithError",
    "LoadError",
    "Report",
    "__version__",
    "annotate",
    "bench",
    "check",
    "compare",
    "export",
    "from_trainable",
    "kernels",
    "snippet",
    "trainable",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'litesmith' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
