"""Fidelity, task scores, size and latency: numbers that carry how many observations they rest on.

What may be added here: a metric — one row in `metrics.METRICS` and its functions in `evidence.py`;
another kind of measurement — one module with a frozen result. Meters take batches and keep no more
than they must; nothing here runs a model.
"""

from __future__ import annotations

from litesmith.measure.fidelity import Fidelity, FidelityMeter, OutputFidelity
from litesmith.measure.latency import Runner, measure_latency
from litesmith.measure.measurement import Measurement
from litesmith.measure.metrics import METRICS, Metric, choose_metric
from litesmith.measure.score import PairedMeter, PairedScore, score_once
from litesmith.measure.size import Size, measure_size

__all__ = [
    "METRICS",
    "Fidelity",
    "FidelityMeter",
    "Measurement",
    "Metric",
    "OutputFidelity",
    "PairedMeter",
    "PairedScore",
    "Runner",
    "Size",
    "choose_metric",
    "measure_latency",
    "measure_size",
    "score_once",
]
