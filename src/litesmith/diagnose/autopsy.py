"""A quantized file opened up: what is wrong with it by its own numbers, the most severe first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from litesmith.diagnose import forms, scales, weights
from litesmith.diagnose.findings import Finding, sort
from litesmith.graph import Graph

_CHECKS: tuple[Callable[[Graph], Iterator[Finding]], ...] = (
    scales.parameters,
    scales.fixed,
    scales.tied,
    weights.findings,
    scales.wasted,
    scales.inputs,
    forms.slow,
    forms.islands,
    forms.detours,
)


def autopsy(graph: Graph) -> tuple[Finding, ...]:
    """Return what is wrong with a quantized file, whoever made it; nothing is run."""
    return sort(finding for check in _CHECKS for finding in check(graph))
