"""What the budgets of a run allow, in the units of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litesmith.forge import budget
from litesmith.forge.plan import Plan
from litesmith.quantize import Pack, find_scheme
from litesmith.report import Latency, Report

# Behind a budget missed.
_WAYS: Mapping[str, str] = {
    "--max-drop": "Try --quantize dynamic or float16, or more representative --data.",
    "--max-latency": "Use --quantize int8 with --data, or a smaller model.",
}

# The same of --max-size: (fewest bits of the scheme, weights packed or not, the next smaller form).
_SMALLER: tuple[tuple[int, bool | None, str], ...] = (
    (9, None, "Use --quantize int8 or int4 with --data, or a smaller model."),
    (5, None, "Use --quantize int4 with --data, or a smaller model."),
    (4, None, "Use --quantize ternary with --pack and --data, or a smaller model."),
    (1, False, "Add --pack, which stores weights of 3 bits and fewer tightly."),
    (2, True, "Use --quantize binary with --pack, or a smaller model."),
    (1, True, "Use a smaller model."),
)


@dataclass(frozen=True)
class Limits:
    """Limits of a file.

    Attributes:
        size: bytes, None for none.
        latency: of one invocation, None for none.
    """

    size: int | None = None
    latency: budget.MaxLatency | None = None

    def __bool__(self) -> bool:
        return self.size is not None or self.latency is not None

    def milliseconds(self, found: Latency) -> float | None:
        """Return the most ms, for a float file that takes `found.float_tflite`."""
        return None if self.latency is None else self.latency.limit(found.float_tflite)


def limits_of(plan: Plan, report: Report) -> Limits:
    """Return the limits of a run whose float file is known."""
    exact = report.float_tflite
    if plan.max_size is None or exact is None:
        return Limits(None, plan.max_latency)
    return Limits(plan.max_size.limit(exact.size_bytes), plan.max_latency)


def judge(plan: Plan, report: Report) -> budget.Verdict | None:
    """Hold what was lost against --max-drop, if it was given."""
    if plan.max_drop is None or report.parity is None:
        return None
    confident = bool(plan.options.confident)
    return budget.judge(plan.max_drop, confident, report.score, report.parity)


def missed(plan: Plan, report: Report) -> str:
    """Return which budget was missed and by how much, "" when none was."""
    limits, verdict = limits_of(plan, report), judge(plan, report)
    size = 0 if report.artifact is None else report.artifact.size_bytes
    if limits.size is not None and size > limits.size:
        return f"The smallest file found has {size:,} bytes; --max-size allows {limits.size:,}."
    if limits.latency is not None:
        found = report.latency_ms
        if found is None:
            return "The file cannot be timed here, so nothing shows that it keeps --max-latency."
        most = limits.latency.limit(found.float_tflite)
        if found.artifact > most:
            return (
                f"One invocation takes {found.artifact:.3g} ms, {_part(found)} of the float "
                f".tflite's time; --max-latency allows {most:.3g} ms."
            )
    return "" if verdict is None or verdict.kept else verdict.sentence()


def way_on(plan: Plan, sentence: str) -> str:
    """Return what helps against a budget missed."""
    if "--max-size" in sentence:
        bits, packed = find_scheme(plan.scheme).bits, any(isinstance(s, Pack) for s in plan.steps)
        return next(way for least, p, way in _SMALLER if bits >= least and p in (None, packed))
    return next((hint for option, hint in _WAYS.items() if option in sentence), "")


def _part(found: Latency) -> str:
    return f"{found.artifact / max(found.float_tflite, 1e-9):.0%}"
