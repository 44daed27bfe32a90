"""What LiteRT's kernels cost in each form of weights, as recorded: milliseconds of one op.

Made by `litesmith kernels --measure`, which measures again on another machine or LiteRT. The
planner and the notices read ratios from here, never milliseconds.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from types import MappingProxyType

SOURCE = "LiteRT 2.3.0, x86-64 with AVX-512, one thread, 2026-11-24"

# Op → form → milliseconds (median of interleaved rounds), or what is wrong with the kernel.
MEASURED: Mapping[str, Mapping[str, float | str]] = MappingProxyType({
    "CONV_2D 3x3 56x56x64→64": {
        "float": 2.391, "hybrid int8": 0.584, "hybrid int4": 3.073,
        "hybrid int2": "answers NaN", "expanded int8": 2.395, "expanded int4": 7.976,
        "int8": 0.563, "int4": 2.161, "int2": "refused", "packed": 1.993, "int16x8": 61.783,
    },
    "CONV_2D 1x1 28x28x256→256": {
        "float": 0.964, "hybrid int8": 0.297, "hybrid int4": 1.604,
        "hybrid int2": "answers NaN", "expanded int8": 0.964, "expanded int4": 3.315,
        "int8": 0.261, "int4": 0.805, "int2": "refused", "packed": 0.779, "int16x8": 25.226,
    },
    "CONV_2D 3x3 12x12x32→32": {
        "float": 0.0282, "hybrid int8": 0.0080, "hybrid int4": 0.0346,
        "hybrid int2": "answers NaN", "expanded int8": 0.0280, "expanded int4": 0.0868,
        "int8": 0.0075, "int4": 0.0259, "int2": "refused", "packed": 0.0254, "int16x8": 0.689,
    },
    "DEPTHWISE_CONV_2D 3x3 56x56x128→128": {
        "float": 0.179, "hybrid int8": 0.835,
        "hybrid int4": "refused: Type FLOAT32 with filter type INT4 not currently supported",
        "hybrid int2": "refused", "expanded int8": 0.179, "expanded int4": 0.640, "int8": 0.216,
        "int4": 1.346, "int2": "refused", "int16x8": 7.141,
    },
    "FULLY_CONNECTED 1024→1024": {
        "float": 0.0520, "hybrid int8": 0.0136, "hybrid int4": 0.0081,
        "hybrid int4 blocks": 0.0119, "hybrid int2": 0.0170, "expanded int8": 0.0524,
        "expanded int4": 0.0820, "int8": 0.0151, "int4": 0.0083,
        "int2": 0.0183, "packed": 0.171, "int16x8": 0.363,
    },
    "FULLY_CONNECTED 64→64": {
        "float": 0.0007, "hybrid int8": 0.0006, "hybrid int4": 0.0006,
        "hybrid int4 blocks": 0.0006, "hybrid int2": 0.0007, "expanded int8": 0.0007,
        "expanded int4": 0.0010, "int8": 0.0006, "int4": 0.0006,
        "int2": 0.0007, "packed": 0.0016, "int16x8": 0.0026,
    },
    "FULLY_CONNECTED 28x28x256→256": {
        "float": 0.945, "hybrid int8": 0.295, "hybrid int4": 0.304, "hybrid int4 blocks": 0.407,
        "hybrid int2": 0.636, "expanded int8": 0.941, "expanded int4": 2.986, "int8": 0.259,
        "int4": 0.287, "int2": 0.635, "packed": 0.769, "int16x8": 18.435,
    },
})  # fmt: skip


def recorded() -> Iterator[tuple[str, str, tuple[float | None, float | None, str]]]:
    """Yield (op, form, (milliseconds, relative to float, defect)) of every row."""
    for case, forms in MEASURED.items():
        base = forms["float"]
        assert isinstance(base, float)
        for form, value in forms.items():
            if isinstance(value, str):
                yield case, form, (None, None, value)
            else:
                yield case, form, (value, value / base, "")


def ratio(kind: str, form: str, against: str) -> float | None:
    """Return how many times as long one form of an op takes as another, None when unknown.

    Args:
        kind: op kind; the median over its recorded shapes counts.
        form: a name of `kernel_files.FORMS`.
        against: another.
    """
    found = []
    for case, forms in MEASURED.items():
        a, b = forms.get(form), forms.get(against)
        if case.split()[0] == kind and isinstance(a, float) and isinstance(b, float):
            found.append(a / b)
    return statistics.median(found) if found else None


def defect(kind: str, form: str) -> str:
    """Return what is wrong with the kernel of one form of an op, "" where nothing is or is known.

    Args:
        kind: op kind.
        form: a name of `kernel_files.FORMS`.
    """
    found = [forms.get(form) for case, forms in MEASURED.items() if case.split()[0] == kind]
    return next((value for value in found if isinstance(value, str)), "")
