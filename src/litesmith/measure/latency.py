"""How long one invocation takes, files interleaved so that noise hits all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from litesmith.measure.measurement import Measurement

MIN_ROUNDS = 5
MAX_ROUNDS = 200
_BURST_S = 0.005
_WARM_UP_S = 0.02

Clock = Callable[[], float]


class Runner(Protocol):
    """One loaded file with its inputs set; a call is one invocation."""

    def __call__(self) -> object:
        """Run the model once."""


def measure_latency(
    runners: Mapping[str, Runner], budget_s: float = 2.0, clock: Clock = time.perf_counter
) -> dict[str, Measurement]:
    """Return the time of one invocation per file, in milliseconds.

    The files take turns. A turn is one invocation that does not count (another file's data is in
    the caches), then a burst of about 5 ms whose mean is one observation; the order alternates.
    `value` is the median observation, `spread` their interquartile range, `n` the number of timed
    invocations. The garbage collector is off meanwhile.

    Args:
        runners: by name, each ready to run; single-threaded unless the caller set more threads.
        budget_s: seconds for all files together; at least `MIN_ROUNDS` rounds are made anyway.
        clock: seconds, monotonic.
    """
    with _no_garbage_collection():
        counts = {name: _warm_up(run, clock) for name, run in runners.items()}
        observed = _rounds(runners, counts, budget_s, clock)
    return {
        name: Measurement(
            name, statistics.median(times), "ms", len(times) * counts[name], _spread(times)
        )
        for name, times in observed.items()
    }


def _warm_up(run: Runner, clock: Clock) -> int:
    """Run until caches and lazy set-up have settled; return how many invocations make a burst."""
    run()
    start, count = clock(), 0
    while count == 0 or (clock() - start < _WARM_UP_S and count < 1000):
        run()
        count += 1
    per_run = max((clock() - start) / count, 1e-7)
    return max(1, min(1000, round(_BURST_S / per_run)))


def _rounds(
    runners: Mapping[str, Runner], counts: Mapping[str, int], budget_s: float, clock: Clock
) -> dict[str, list[float]]:
    observed: dict[str, list[float]] = {name: [] for name in runners}
    order = list(runners)
    start = clock()
    for done in range(MAX_ROUNDS):
        if done >= MIN_ROUNDS and clock() - start > budget_s:
            break
        for name in order:
            observed[name].append(_burst(runners[name], counts[name], clock))
        order.reverse()
    return observed


def _burst(run: Runner, count: int, clock: Clock) -> float:
    run()
    start = clock()
    for _ in range(count):
        run()
    return (clock() - start) / count * 1e3


def _spread(times: list[float]) -> float:
    low, _, high = statistics.quantiles(times, n=4)
    return high - low


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
