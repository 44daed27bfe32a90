"""What a head left of an output's scores, as scores that the metrics of classes read.

A class index counts as a one-hot vector. A ranking of K classes counts as K votes for the first of
them, K − 1 for the next, and none for those that are not in it: enough for accuracy, for the best
five when K is 5 or more, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import InputError

_FIVE = 5
# Metric → what an output may hold for it.
_ENOUGH = {
    "accuracy": ("class", "ranking", "truth"),
    "top5": ("ranking",),
    "iou": ("class",),
}
_HEADS = {
    "class": "argmax", "ranking": "topk", "ranked": "topk", "truth": "threshold",
    "detections": "nms",
}  # fmt: skip


def scored(spec: TensorSpec) -> TensorSpec:
    """Return the spec of the scores that stand for an output."""
    if spec.holds == "class":
        return replace(spec, shape=(*spec.shape, spec.classes), dtype="float32", holds="")
    if spec.holds == "ranking":
        return replace(spec, shape=(*spec.shape[:-1], spec.classes), dtype="float32", holds="")
    return replace(spec, dtype="int8") if spec.holds == "truth" else spec


def as_scores(metric: str, spec: TensorSpec) -> Callable[[Array], Array]:
    """Return what makes scores of an output's values.

    Raises:
        InputError: the metric needs more than the head leaves.
    """
    if not spec.holds:
        return lambda values: values
    few = metric == "top5" and spec.holds == "ranking" and (spec.shape[-1] or 0) < _FIVE
    if spec.holds not in _ENOUGH.get(metric, ()) or few:
        kept = _HEADS[spec.holds]
        raise InputError(
            f"The metric {metric} needs more of the output '{spec.name}' than "
            f"{'--nms' if kept == 'nms' else f'--head {kept}'} leaves of it.",
            "Score the model without the head, or with --head keep or probabilities"
            f"{', or topk=5' if metric == 'top5' else ''}.",
        )
    makers: dict[str, Callable[[Array], Array]] = {
        "class": lambda values: one_hot(values, spec.classes),
        "ranking": lambda values: ballots(values, spec.classes),
        "truth": lambda values: values.astype(np.int8),
    }
    return makers[spec.holds]


def one_hot(indices: Array, classes: int) -> Array:
    """Return float32 (*shape, classes) for indices of any shape."""
    return np.asarray(indices[..., np.newaxis] == np.arange(classes), np.float32)


def ballots(ranking: Array, classes: int) -> Array:
    """Return float32 (…, classes) for rankings (…, K): K for the first, 1 for the last."""
    found = np.zeros((*ranking.shape[:-1], classes), np.float32)
    count = ranking.shape[-1]
    for place in reversed(range(count)):  # the better place counts where a class stands twice
        np.put_along_axis(found, ranking[..., place : place + 1], np.float32(count - place), -1)
    return found
