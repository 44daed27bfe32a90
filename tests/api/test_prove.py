from __future__ import annotations

import threading

import numpy as np
import pytest

from litesmith.errors import InputError
from litesmith.forge import prove
from litesmith.forge.synthetic import generate, index_bounds
from litesmith.graph import DType
from tests.api.fakes import classifier
from tests.support.graphs import Builder, const, examples, named


def test_ahead_keeps_the_order_and_works_one_item_ahead():
    done, seen = [], []

    def work(item):
        done.append(item)
        return item * 10

    for item, result in prove.ahead(iter(range(5)), work):
        seen.append((item, result))
    assert seen == [(i, i * 10) for i in range(5)]
    assert done == list(range(5))
    assert list(prove.ahead(iter([]), work)) == []


def test_ahead_passes_errors_on():
    def work(item):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(prove.ahead(iter([1, 2]), work))


def test_the_reference_works_while_the_caller_does():
    started, go = threading.Event(), threading.Event()

    def run(batch):
        started.set()
        go.wait(5)
        return [batch[0] * 2]

    graph = classifier()
    reference = prove.Reference(run, examples(graph, count=10), graph)
    assert started.wait(5)
    go.set()
    ((inputs, outputs),) = reference.pairs()
    assert np.array_equal(outputs[0], inputs[0] * 2)
    ((again, _),) = reference.pairs()
    assert again is inputs
    exact, other = reference.fidelity(["y"], lambda b: [b[0] * 2], lambda b: [b[0] * 2 + 1])
    assert (exact.max_abs_error, other.max_abs_error) == (0.0, pytest.approx(1.0))


def test_an_error_of_the_reference_reaches_the_caller():
    def run(batch):
        raise InputError("The model refuses.")

    graph = classifier()
    reference = prove.Reference(run, examples(graph, count=10), graph)
    for _ in range(2):
        with pytest.raises(InputError, match="refuses"):
            list(reference.pairs())


def test_large_examples_are_fewer():
    b = Builder()
    graph = b.graph(b.op("RELU", b.input((1, 1024, 1024, 8))))
    assert prove.example_bytes(graph) == 2 * 32 * 2**20
    assert prove.batch_size(prove.example_bytes(graph)) == 1
    assert prove.batch_size(1) == 64


def test_indices_stay_inside_the_smallest_table():
    b = Builder()
    ids, other = b.input((1, 4), DType.INT32, "ids"), b.input((1, 4), DType.INT32, "other")
    flat = b.op("RESHAPE", ids, const([4]))
    first = b.op("GATHER", b.weights(50, 2), flat, dtype=DType.FLOAT32, axis=0)
    second = b.op("GATHER", b.weights(7, 2), flat, dtype=DType.FLOAT32, axis=0)
    graph = named(b.graph(b.op("ADD", first, second), b.op("RESHAPE", other, const([4]))))
    assert index_bounds(graph) == {"x0": 7}
    (batch,) = generate(graph, 40, 0).batches(64)
    assert batch[0].min() >= 0
    assert batch[0].max() < 7
