from __future__ import annotations

import gc

import pytest

from litesmith.measure import measure_latency
from litesmith.measure.latency import MAX_ROUNDS, MIN_ROUNDS


class World:
    """A clock that only runs when a model does, and a log of who ran."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def clock(self) -> float:
        return self.now

    def runner(self, name: str, *durations: float) -> object:
        calls = 0

        def run() -> None:
            nonlocal calls
            self.now += durations[calls % len(durations)]
            calls += 1
            self.log.append(name)
            assert not gc.isenabled()

        return run


def test_medians_in_milliseconds_whatever_the_speed() -> None:
    world = World()
    runners = {"fast": world.runner("fast", 1e-4), "slow": world.runner("slow", 0.02)}
    result = measure_latency(runners, 2.0, world.clock)  # type: ignore[arg-type]
    assert result["fast"].value == pytest.approx(0.1)
    assert result["slow"].value == pytest.approx(20.0)
    assert result["slow"].spread == pytest.approx(0.0, abs=1e-9)
    assert {m.unit for m in result.values()} == {"ms"}
    assert world.now < 3
    assert gc.isenabled()


def test_files_take_turns_in_alternating_order() -> None:
    world = World()
    runners = {name: world.runner(name, 1.0) for name in "abc"}
    measure_latency(runners, 0.1, world.clock)  # type: ignore[arg-type]
    turns = "".join(world.log[6:])  # after the warm-up of two invocations each
    assert turns == ("aabbcc" + "ccbbaa") * 2 + "aabbcc"


def test_a_large_model_gets_the_least_number_of_rounds() -> None:
    world = World()
    result = measure_latency({"m": world.runner("m", 9.0)}, 1.0, world.clock)  # type: ignore[dict-item]
    assert result["m"].n == MIN_ROUNDS


def test_rounds_are_limited_when_time_is_not() -> None:
    world = World()
    result = measure_latency({"m": world.runner("m", 0.005)}, 1e9, world.clock)  # type: ignore[dict-item]
    assert result["m"].n == MAX_ROUNDS


def test_an_outlier_moves_neither_the_median_nor_much_of_the_spread() -> None:
    world = World()
    durations = [0.01] * 40
    durations[10] = 5.0
    result = measure_latency({"m": world.runner("m", *durations)}, 1.0, world.clock)  # type: ignore[dict-item]
    assert result["m"].value == pytest.approx(10.0)
    assert result["m"].spread is not None
