"""Ranges are the min and max of all values, whatever the order and the split of the examples."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import InputError
from litesmith.graph import DType, Graph, read
from litesmith.quantize import calibrate
from litesmith.quantize import ranges as module
from tests.support.converted import converted
from tests.support.graphs import (
    Builder,
    all_tensors,
    const,
    draw,
    examples,
    execute,
    one_op,
    random_cnn,
    tensor,
)


def observed(graph: Graph, count: int = 5, seed: int = 0) -> dict[str, tuple[float, float]]:
    ranges = calibrate(graph, examples(graph, count=count, seed=seed))
    return {t.name: ranges.of(t) for t in ranges.low}


@pytest.mark.parametrize("seed", range(6))
def test_ranges_are_those_of_numpy(seed: int) -> None:
    graph = random_cnn(seed)
    everything = all_tensors(graph)
    values = execute(everything, draw(graph, 5), "default")
    ranges = calibrate(graph, examples(graph, count=5))
    assert ranges.examples == 5
    watched = set(module.watched(graph))
    for t, value in zip(everything.outputs, values, strict=True):
        low, high = ranges.of(t)
        if t in watched:
            assert (low, high) == (value.min(), value.max()), t.name
        else:
            assert low <= value.min() and value.max() <= high, t.name


def test_order_and_split_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_cnn(3)
    arrays = draw(graph, 70)
    first = calibrate(graph, examples(graph, arrays))
    backwards = calibrate(graph, examples(graph, [a[::-1] for a in arrays]))
    for chunk, gathered in ((1, 0), (3, 64), (70, 2**20)):
        monkeypatch.setattr(module, "_CHUNK", chunk)
        monkeypatch.setattr(module, "_GATHERED", gathered)
        again = calibrate(graph, examples(graph, arrays))
        assert again.low == first.low == backwards.low
        assert again.high == first.high == backwards.high
        assert again.examples == 70


def test_asked_again_it_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_cnn(1)
    data = examples(graph, count=8)
    first = calibrate(graph, data.take(5))
    monkeypatch.setattr(module, "Session", None)
    assert calibrate(graph, data.take(5)) is first
    for other in ((graph, data.take(4)), (graph, examples(graph, count=8)), (random_cnn(1), data)):
        with pytest.raises(TypeError):
            calibrate(*other)


def test_several_inputs_tokens_and_state() -> None:
    b = Builder()
    tokens, x = b.input((1, 3), DType.INT32), b.input((1, 3, 4))
    table = b.weights(9, 4)
    y = b.op("ADD", b.op("GATHER", table, tokens, axis=0, dtype=DType.FLOAT32), x)
    graph = b.graph(y)
    ranges = calibrate(graph, examples(graph, count=4, bound=9))
    assert tokens not in ranges.low
    assert ranges.of(x)[0] < 0 < ranges.of(x)[1]
    assert table.data is not None
    assert ranges.of(graph.ops[0].outputs[0]) == (table.data.min(), table.data.max())


def test_state_is_forgotten_between_examples() -> None:
    graph = read(converted("counter"))
    data = np.ones((6, *graph.inputs[0].shape), np.float32)
    ranges = calibrate(graph, examples(graph, [data]))
    assert ranges.of(graph.outputs[0]) == (1.0, 1.0)


def test_constants_tell_their_own_range_but_for_infinities() -> None:
    ranges = module.Ranges({}, {}, 0)
    assert ranges.of(const([1.0, -2.0])) == (-2.0, 1.0)
    assert ranges.of(const(np.asarray([3, -np.inf, np.finfo(np.float32).min], np.float32))) == (
        3.0,
        3.0,
    )
    assert ranges.of(const(np.zeros(0, np.float32))) == (0.0, 0.0)
    with pytest.raises(KeyError):
        ranges.of(tensor("x", (1,)))


@pytest.mark.parametrize("kind,value", [("LOG", -1.0), ("LOG", 0.0), ("EXP", 1000.0)])
def test_infinite_and_undefined_values_are_named(kind: str, value: float) -> None:
    graph = one_op(kind, tensor("x", (1, 3)))
    data = examples(graph, [np.full((2, 1, 3), value, np.float32)])
    with pytest.raises(InputError, match=f"NaN or infinity at '{kind.lower()}0'"):
        calibrate(graph, data)


def test_progress_ends_at_one() -> None:
    graph = random_cnn(0)
    told: list[float] = []
    calibrate(graph, examples(graph, count=40), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_values_inside_loops_are_not_needed() -> None:
    graph = read(converted("lstm"))
    ranges = calibrate(graph, examples(graph))
    assert ranges.of(graph.outputs[0])[0] < ranges.of(graph.outputs[0])[1]
    assert observed(graph)
