"""The same examples scored through the source and through the file, and how sure the drop is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.data import Array
from litesmith.errors import InputError, InternalError
from litesmith.measure.metrics import Evidence, Metric

_ONE_SIDED_95 = 1.6448536269514722  # normal quantile
_SEED = 0


@dataclass(frozen=True)
class PairedScore:
    """Scores of the source and of the file on the same examples, in the metric's own unit.

    Attributes:
        metric: its name.
        unit: of score and drop.
        examples: how many.
        source, artifact: the two scores.
        drop: how much worse the file is (positive = worse, whichever direction is better).
        drop_bound_95: with 95 % confidence the drop on all such data is at most this (one-sided,
            paired); None for fewer than two examples or when it cannot be estimated.
    """

    metric: str
    unit: str
    examples: int
    source: float
    artifact: float
    drop: float
    drop_bound_95: float | None

    def as_json(self) -> dict[str, object]:
        """Return `score` of the JSON contract."""
        return {
            "metric": self.metric,
            "examples": self.examples,
            "source": self.source,
            "artifact": self.artifact,
            "drop": self.drop,
            "drop_bound_95": self.drop_bound_95,
        }


class PairedMeter:
    """Gathers evidence for both sides; keeps what the metric needs of each example, no more."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._source: list[Evidence] = []
        self._artifact: list[Evidence] = []

    def update(self, labels: Array, source: Sequence[Array], artifact: Sequence[Array]) -> None:
        """Add k examples: labels (k, …) and all outputs of both, (k, *output_example_shape) each.

        Raises:
            InputError: labels and outputs do not go together.
        """
        self._source.append(self.metric.evidence(labels, source))
        self._artifact.append(self.metric.evidence(labels, artifact))

    def result(self) -> PairedScore:
        """Return both scores and the drop.

        Raises:
            InputError: the score is not defined on these examples.
            InternalError: nothing was scored.
        """
        if not self._source:
            raise InternalError("No examples were scored.")
        source, artifact = _gather(self._source), _gather(self._artifact)
        scores = self.metric.score(source), self.metric.score(artifact)
        if not all(math.isfinite(score) for score in scores):
            raise InputError(
                f"The metric {self.metric.name} is not defined on these examples.",
                "It needs examples of at least two classes, and finite outputs.",
            )
        sign = 1 if self.metric.higher_is_better else -1
        drop = sign * (scores[0] - scores[1])
        bound = _mean_bound if self.metric.is_mean else _bootstrap_bound
        n = len(source[0])
        limit = bound(self.metric, source, artifact, sign) if n >= 2 else None
        return PairedScore(self.metric.name, self.metric.unit, n, scores[0], scores[1], drop, limit)


def score_once(metric: Metric, labels: Array, outputs: Sequence[Array]) -> float:
    """Return the score of all outputs (n, …) against all labels (n, …).

    Raises:
        InputError: labels and outputs do not go together.
    """
    return metric.score(metric.evidence(labels, outputs))


def _gather(parts: list[Evidence]) -> Evidence:
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _mean_bound(metric: Metric, source: Evidence, artifact: Evidence, sign: int) -> float | None:
    """Normal approximation on the differences of each example: mean + z·s/√n."""
    worse = sign * (source[0] - artifact[0])
    bound = float(worse.mean() + _ONE_SIDED_95 * worse.std(ddof=1) / math.sqrt(len(worse)))
    return bound if math.isfinite(bound) else None


def _bootstrap_bound(
    metric: Metric, source: Evidence, artifact: Evidence, sign: int
) -> float | None:
    """95th percentile of the drop over seeded resamples of the examples (both sides alike)."""
    random = np.random.default_rng(_SEED)
    n = len(source[0])
    drops = []
    for _ in range(metric.resamples):
        rows = random.integers(0, n, n)
        pair = [metric.score(tuple(part[rows] for part in side)) for side in (source, artifact)]
        drops.append(sign * (pair[0] - pair[1]))
    known = [drop for drop in drops if math.isfinite(drop)]
    return float(np.quantile(known, 0.95)) if len(known) * 2 >= len(drops) else None
