"""One number that was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """A measured value and how sure it is.

    Attributes:
        name: what was measured.
        value: in `unit`.
        unit: "ms", "bytes", "fraction", …
        n: how many observations it rests on.
        spread: interquartile range of the observations in `unit`, None when there is just one.
    """

    name: str
    value: float
    unit: str
    n: int
    spread: float | None = None
