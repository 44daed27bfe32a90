"""Numbers as people read them; what was not measured is a dash."""

from __future__ import annotations

NONE = "–"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage."""
    return NONE if value is None else f"{value * 100:.{digits}f} %"


def small(value: float | None) -> str:
    """Return three digits, tiny values with an exponent."""
    return NONE if value is None else f"{value:.1e}" if 0 < abs(value) < 0.001 else f"{value:.3g}"


def decimal(value: float | None, digits: int, unit: str = "") -> str:
    """Return a fixed number of decimals."""
    return NONE if value is None else f"{value:.{digits}f}{unit}"


def milliseconds(value: float | None) -> str:
    """Return a time in milliseconds, in microseconds when it is tiny."""
    if value is None:
        return NONE
    if value < 0.01:
        return f"{value * 1000:.2f} µs"
    digits = 3 if value < 1 else 2 if value < 100 else 0
    return f"{value:.{digits}f} ms"


def times(before: float | None, after: float | None) -> str:
    """Return how many times faster `after` is."""
    return f"{before / after:.2f}×" if before and after else NONE


def size(count: int | None) -> str:
    """Return bytes, kB or MB (powers of ten)."""
    if count is None:
        return NONE
    if count < 10_000:
        return f"{count:,} B"
    return f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{count / 1e6:,.2f} MB"
