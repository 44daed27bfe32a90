"""Scores of a model on labelled examples.

A metric turns a batch into **evidence** (arrays with one row per example, all a score needs) and
all evidence into a score. A new metric is one row of `METRICS`, its functions in `evidence.py`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.data import Array, TensorSpec, load_python, user_code
from litesmith.errors import InputError
from litesmith.measure import evidence as ev
from litesmith.measure.votes import as_scores, scored

Evidence = tuple[Array, ...]
_RESAMPLES = 400
_USER_RESAMPLES = 100
_PY = "py:"


@dataclass(frozen=True)
class Metric:
    """How outputs are scored against labels.

    Attributes:
        name: as in `--metric`.
        unit: of the score and of its drop.
        higher_is_better: False for errors.
        evidence: (labels (k, …), outputs of k examples) → arrays (k, …); raises InputError when
            labels and outputs do not go together.
        score: evidence of n examples → the score.
        is_mean: the score is the mean of the only evidence array.
        output: position of the output that is scored, None when all are (`py:` metrics).
        resamples: bootstrap samples for the bound, when the score is no mean.
    """

    name: str
    unit: str
    higher_is_better: bool
    evidence: Callable[[Array, Sequence[Array]], Evidence]
    score: Callable[[Evidence], float]
    is_mean: bool = False
    output: int | None = 0
    resamples: int = _RESAMPLES


@dataclass(frozen=True)
class _Row:
    unit: str
    higher_is_better: bool
    evidence: Callable[[Array, Array], Evidence]
    score: Callable[[Evidence], float]
    fits: Callable[[Array, TensorSpec], bool]
    is_mean: bool = True


METRICS: Mapping[str, _Row] = {
    "accuracy": _Row("fraction", True, ev.correct, ev.mean, ev.has_classes),
    "top5": _Row("fraction", True, ev.in_top5, ev.mean, ev.has_many_classes),
    "mae": _Row("label unit", False, ev.absolute_error, ev.mean, ev.same_shape),
    "mse": _Row("label unit squared", False, ev.squared_error, ev.mean, ev.same_shape),
    "auc": _Row("fraction", True, ev.ranks, ev.area, ev.has_classes, is_mean=False),
    "iou": _Row("fraction", True, ev.overlap, ev.mean_iou, ev.has_classes, is_mean=False),
}


def choose_metric(name: str | None, labels: Array, outputs: Sequence[TensorSpec]) -> Metric:
    """Return the metric of that name, for the output that the labels go with.

    Without a name: accuracy when the labels are classes of an output, else mae.

    Args:
        name: a key of `METRICS`, `py:file.py:function`, or None.
        labels: (n, …) all labels.
        outputs: the model's outputs, in its order.

    Raises:
        InputError: unknown metric, or no output (or more than one) that the labels go with.
    """
    if name is not None and name.startswith(_PY):
        return _user_metric(name, len(outputs))
    chosen = name or _default(labels, outputs)
    if chosen not in METRICS:
        close = difflib.get_close_matches(chosen, METRICS, 1)
        raise InputError(
            f"The metric '{chosen}' is not known.",
            f"Did you mean '{close[0]}'?"
            if close
            else f"Known: {', '.join(METRICS)}, py:file.py:function.",
        )
    row = METRICS[chosen]
    position = _output_for(chosen, row, labels, outputs)
    scores = as_scores(chosen, outputs[position])
    return Metric(
        chosen,
        row.unit,
        row.higher_is_better,
        lambda labels, outputs: row.evidence(labels, scores(outputs[position])),
        row.score,
        row.is_mean,
        position,
    )


def _default(labels: Array, outputs: Sequence[TensorSpec]) -> str:
    choices = [scored(spec) for spec in outputs]
    return "accuracy" if any(ev.are_classes(labels, spec) for spec in choices) else "mae"


def _output_for(name: str, row: _Row, labels: Array, outputs: Sequence[TensorSpec]) -> int:
    chosen = [i for i, spec in enumerate(outputs) if spec.holds not in ("ranked", "detections")]
    if len(chosen) == 1:
        return chosen[0]  # a misfit is told by the evidence, with the shapes it sees
    fitting = [i for i in chosen if row.fits(labels, scored(outputs[i]))]
    if len(fitting) == 1:
        return fitting[0]
    shapes = ", ".join(f"{spec.name} {spec.example_shape}" for spec in outputs)
    raise InputError(
        f"Labels of shape {labels.shape[1:]} per example go with "
        f"{'none' if not fitting else len(fitting)} of the model's outputs as {name}: {shapes}.",
        "Write a metric of (y_true, all outputs) and name it: --metric py:file.py:function.",
    )


def _user_metric(name: str, count: int) -> Metric:
    function = load_python(name)
    if not callable(function):
        raise InputError(f"--metric {name}: this is not a function.")

    def score(gathered: Evidence) -> float:
        labels, *outputs = gathered
        with user_code(f"The metric {name}"):
            value: Any = function(labels, outputs[0] if count == 1 else tuple(outputs))
            number = float(np.asarray(value))
        if not math.isfinite(number):
            raise InputError(f"The metric {name} returned {number}.")
        return number

    return Metric(
        name,
        "",
        bool(getattr(function, "higher_is_better", True)),
        lambda labels, outputs: (labels, *(np.asarray(output) for output in outputs)),
        score,
        output=None,
        resamples=_USER_RESAMPLES,
    )
