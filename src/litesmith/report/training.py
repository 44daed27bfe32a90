"""What training did, in one line."""

from __future__ import annotations

import math

from litesmith.report.model import Report, StepFacts


def training_of(report: Report) -> StepFacts | None:
    """Return the step that trained the graph, None when none changed it."""
    found = (s for s in report.steps if s.training is not None and s.outcome == "done")
    return next(found, None)


def training_line(report: Report) -> str:
    """Return how the graph was trained and what it helped, "" when it was not."""
    step = training_of(report)
    if step is None or step.training is None:
        return ""
    facts = step.training
    steps = f"{facts.steps:,} steps" if facts.steps >= facts.planned else (
        f"{facts.steps:,} of {facts.planned:,} steps"
    )  # fmt: skip
    parts = [f"{steps} on {facts.examples:,} examples in {facts.seconds:.0f} s"]
    if math.isfinite(facts.loss_before) and math.isfinite(facts.loss_after):
        parts.append(
            f"held-out loss {facts.loss_before:.2g} → {facts.loss_after:.2g}, "
            f"agreement {facts.agreement_before:.1%} → {facts.agreement_after:.1%}"
        )
    return f"training: {'; '.join(parts)}"
