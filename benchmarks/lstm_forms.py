"""Where an LSTM is faster as a loop than fused: the numbers in rewrite/lstm_forms.py.

Each layer as the converter writes it (a WHILE), as litesmith's loop (W·x for all steps before it)
and as UNIDIRECTIONAL_SEQUENCE_LSTM; batch 1, float32, one thread. Times are the thread's processor
time, so that other processes do not count, interleaved, medians. With `--fit`, the numbers of the
formulas are fitted again, by least squares of relative errors, outliers weighing less.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.common import arguments, median, report
from litesmith.graph import Array, Graph, write
from litesmith.rewrite import apply
from litesmith.rewrite.fuse_lstm import fuse_lstm
from litesmith.rewrite.lstm_forms import always
from litesmith.rewrite.unfuse_lstm import unfuse_lstm
from litesmith.runtime import Session
from tests.rewrite.lstm_graphs import cell, loop
from tests.support.graphs import Builder, const

UNITS = (16, 24, 32, 48, 64, 96, 128, 256)
STEPS = (10, 25, 50, 100, 200)
FEATURES = (16, 64, 128)
FORMS = ("fused", "loop", "converter")


def main() -> None:
    """Measure, print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--runs", type=int, default=21, help="of each file")
    parser.add_argument("--fit", action="store_true", help="fit the formulas again")
    options = parser.parse_args()
    sizes = itertools.product((False, True), UNITS, STEPS, FEATURES)
    rows = [_row(*size, options.runs) for size in sizes]
    report("LSTM forms", rows, options.json, threads=1, batch=1)
    if options.fit:
        print(_fitted(rows))


def _row(every: bool, units: int, steps: int, features: int, runs: int) -> dict[str, Any]:
    graph = _layer(every, units, steps, features)
    files = {
        "fused": apply(graph, (fuse_lstm(always),)).graph,
        "loop": apply(graph, (unfuse_lstm(always, always),)).graph,
        "converter": graph,
    }
    times = _times([write(files[form]) for form in FORMS], runs)
    return {
        "steps needed": "all" if every else "last",
        "units": units,
        "steps": steps,
        "features": features,
        **{f"{form} us": t for form, t in zip(FORMS, times, strict=True)},
    }


def _layer(every: bool, units: int, steps: int, features: int) -> Graph:
    """Return a layer as the converter writes it."""
    b = Builder()
    x = b.op("RESHAPE", b.input((1, steps, features)), const([steps, 1, features]))
    ends = loop(b, x, cell(b, features, units), every)
    return b.graph(b.op("RESHAPE", ends[2], const([1, steps if every else 1, units])))


def _times(files: Sequence[bytes], runs: int) -> list[float]:
    """Return median microseconds of processor time, the files taking turns."""
    sessions = [Session(file) for file in files]
    for session in sessions:
        x = np.random.default_rng(0).normal(size=session.inputs[0].shape)
        session.feed([x.astype(np.float32)])
        session.invoke()
    taken: list[list[float]] = [[] for _ in files]
    for _ in range(runs):
        for session, found in zip(sessions, taken, strict=True):
            start = time.thread_time_ns()
            session.invoke()
            found.append(1e-3 * (time.thread_time_ns() - start))
    return [median(found) for found in taken]


def _fitted(rows: Sequence[dict[str, Any]]) -> str:
    """Return the numbers of `fused_us` and `loop_us`, in the order they stand there."""
    u, t, f = (np.array([r[k] for r in rows], float) for k in ("units", "steps", "features"))
    every = np.array([r["steps needed"] == "all" for r in rows], float)
    one = np.ones_like(u)
    fused = np.stack([one, t, t * u, t * u * (f + u)], 1)
    looped = np.stack([one, t, t * u * u, t * u, t * u * f, every * t, every * t * t * u], 1)
    found = [
        _least_squares(terms, np.array([r[k] for r in rows]))
        for terms, k in ((fused, "fused us"), (looped, "loop us"))
    ]
    return "\n".join(
        f"{k}: {np.array2string(v, precision=6)}" for k, v in zip(FORMS, found, strict=False)
    )


def _least_squares(terms: Array, wanted: Array) -> Array:
    relative = terms / wanted[:, None]
    weights = np.ones(len(wanted))
    for _ in range(30):
        found = np.linalg.lstsq(relative * weights[:, None], weights, rcond=None)[0]
        weights = 1 / np.sqrt(np.maximum(np.abs(relative @ found - 1), 0.03))
    return np.asarray(found)


if __name__ == "__main__":
    main()
