"""Were the budgets kept that the user set with --max-drop, --max-size and --max-latency?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litesmith.errors import InputError
from litesmith.forge.options import MaxDrop
from litesmith.report import Parity, Score


@dataclass(frozen=True)
class Verdict:
    """The loss that counts and the most that was allowed, both in `what`'s unit."""

    what: str
    loss: float
    limit: float

    @property
    def kept(self) -> bool:
        """True when the loss is within the budget (but for rounding)."""
        return self.loss <= self.limit + 1e-12

    def sentence(self) -> str:
        """Return why the file was rejected."""
        return f"{self.what} is {self.loss:.4g}; --max-drop allows {self.limit:.4g}."


def judge(budget: MaxDrop, confident: bool, score: Score | None, parity: Parity) -> Verdict:
    """Hold the losses against the budget.

    With a score: its drop, or the 95 % bound of it. Without: the loss of top-1 agreement, or for
    outputs without classes the relative output error.
    """
    if score is not None:
        limit = budget.value * abs(score.source) if budget.relative else budget.value
        if confident and score.drop_bound_95 is not None:
            return Verdict(
                f"The 95 % bound of the drop in {score.metric}", score.drop_bound_95, limit
            )
        return Verdict(f"The drop in {score.metric}", score.drop, limit)
    if parity.top1_agreement is not None:
        return Verdict("The loss of top-1 agreement", 1 - parity.top1_agreement, budget.value)
    return Verdict("The relative output error", parity.relative_error or 0.0, budget.value)


_UNITS = {"%": 0.01, "mb": 1e6, "kb": 1e3, "b": 1.0, "": 1.0}


@dataclass(frozen=True)
class MaxSize:
    """The most bytes the file may have: `value` bytes, or that part of the float .tflite."""

    value: float
    relative: bool

    def limit(self, float_bytes: int) -> int:
        """Return the limit in bytes, for a float file of so many."""
        return int(self.value * float_bytes) if self.relative else int(self.value)


def parse_max_size(given: int | str) -> MaxSize:
    """Return 60000, "60kB", "1.5 MB" or "25%" (of the float .tflite) as a budget.

    Raises:
        InputError: another form, or nothing above 0.
    """
    text = str(given).strip().lower()
    unit = next(name for name in _UNITS if text.endswith(name))
    try:
        value = float(text.removesuffix(unit)) * _UNITS[unit]
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise InputError(
            f"--max-size {given} is not a size.",
            "Write bytes (60000), 60kB, 1.5MB, or 25% of the float .tflite.",
        )
    return MaxSize(value, unit == "%")


@dataclass(frozen=True)
class MaxLatency:
    """The most one invocation may take: `value` ms, or that part of the float .tflite's time."""

    value: float
    relative: bool

    def limit(self, float_ms: float) -> float:
        """Return the limit in ms, for a float file that takes so many, timed beside it."""
        return self.value * float_ms if self.relative else self.value


def parse_max_latency(given: float | str) -> MaxLatency:
    """Return 4, "4ms" or "50%" (of the float .tflite) as a budget.

    Raises:
        InputError: another form, or nothing above 0.
    """
    text = str(given).strip().lower()
    relative = text.endswith("%")
    try:
        value = float(text.removesuffix("%").removesuffix("ms")) / (100 if relative else 1)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise InputError(
            f"--max-latency {given} is not a time.",
            "Write milliseconds on this machine (4ms), or 50% of the float .tflite's time.",
        )
    return MaxLatency(value, relative)
