"""The example axis: merged into a leading one, taken apart again, aligned, added, left out."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from litesmith.graph import DType
from litesmith.kernels.value import (
    Call,
    DeclinedError,
    Value,
    aligned,
    batched,
    example_count,
    merged,
    one_by_one,
    unmerged,
)
from tests.support.graphs import const, make, tensor


def value(*shape: int, many: bool = True) -> Value:
    return Value(tf.reshape(tf.range(int(np.prod(shape)), dtype=tf.float32), shape), many)


def call(*values: Value | None, kind: str = "ADD") -> Call:
    outputs = (tensor("y", (2,)),)
    inputs = tuple(None if v is None else tensor("x", (2,)) for v in values)
    return Call(make(kind, inputs, outputs), values, lambda graph, given: given)


@pytest.mark.parametrize(("shape", "many"), [((4, 1, 3, 2), True), ((2, 3, 2), False)])
def test_what_is_merged_comes_apart_again(shape: tuple[int, ...], many: bool) -> None:
    given = value(*shape, many=many)
    found = merged(given, 2)
    assert len(found.shape) == 3
    again = unmerged(found, given, 2)
    assert again.batched is many
    np.testing.assert_array_equal(again.tensor, given.tensor)


def test_merging_an_unknown_number_of_examples() -> None:
    @tf.function(autograph=False)
    def run(x: tf.Tensor) -> tf.Tensor:
        given = Value(x, True)
        assert given.shape == (2, None, 3) and given.rank == 3
        found = merged(given, 2)
        assert found.shape.as_list() == [None, None, 3]
        return unmerged(found, given, 2).tensor

    spec = tf.TensorSpec((None, 2, None, 3))
    x = np.arange(5 * 2 * 4 * 3, dtype=np.float32).reshape(5, 2, 4, 3)
    np.testing.assert_array_equal(run.get_concrete_function(spec)(tf.constant(x)), x)


def test_unknown_sizes_among_the_merged_axes() -> None:
    @tf.function(autograph=False)
    def run(x: tf.Tensor) -> tf.Tensor:
        given = Value(x, True)
        again = unmerged(merged(given, 1) * 2, given, 1)
        assert again.shape == (None, 2, 3)
        return again.tensor

    spec = tf.TensorSpec((None, None, 2, 3))
    x = np.arange(5 * 4 * 2 * 3, dtype=np.float32).reshape(5, 4, 2, 3)
    np.testing.assert_array_equal(run.get_concrete_function(spec)(tf.constant(x)), 2 * x)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((value(5, 3), value(4, 3, many=False)), (5, 4, 3)),
        ((value(5, 2, 4, 3), value(5, 3)), (5, 2, 4, 3)),
        ((value(5, 4, 3), value(3, many=False)), (5, 4, 3)),
        ((value(4, 3, many=False), value(3, many=False)), (4, 3)),
        ((value(5, 2, 1, 2, 1, 2, 1), value(5, 1, 3, 1, 3, 1, 3)), (5, 2, 3, 2, 3, 2, 3)),
    ],
)
def test_ranks_are_filled_behind_the_examples(
    values: tuple[Value, Value], wanted: tuple[int, ...]
) -> None:
    a, b = aligned(*values)
    assert (a + b).shape == wanted


def test_examples_may_have_as_many_as_an_axis() -> None:
    """3 examples of (2, 3) and a row of 3: the example axis is never taken for a graph's."""
    x, row = value(3, 2, 3), value(3)
    a, b = aligned(x, Value(row.tensor, False))
    np.testing.assert_array_equal(a + b, x.tensor + row.tensor)
    c, d = aligned(x, Value(tf.reshape(tf.range(9.0), (3, 3)), True))
    assert (c + d).numpy()[1, 0].tolist() == (x.tensor[1, 0] + tf.range(3.0, 6.0)).numpy().tolist()


def test_what_is_the_same_for_all_examples_is_repeated() -> None:
    assert batched(value(2, 3, many=False), 4).shape == (4, 2, 3)
    given = value(4, 3)
    assert batched(given, 9) is given.tensor


def test_operands() -> None:
    made = call(value(5, 2), None, value(2, many=False))
    assert made.batched and example_count(made) == 5
    assert made.has(0) and not made.has(1) and not made.has(7)
    with pytest.raises(AssertionError, match="operand 1"):
        made.value(1)


def test_static_operands() -> None:
    inputs = (const([1, 2]), tensor("x", (2,), DType.INT32))
    op = make("SUM", inputs, (tensor("y", ()),))
    known, computed = Value(tf.constant([3, 4]), False), Value(tf.constant([[3, 4]]), True)
    assert Call(op, (known, known), lambda g, v: v).static(0).tolist() == [1, 2]
    assert Call(op, (known, known), lambda g, v: v).static(1).tolist() == [3, 4]
    with pytest.raises(DeclinedError, match="SUM"):
        Call(op, (known, computed), lambda g, v: v).static(1)


def test_one_example_after_the_other() -> None:
    def kernel(given: Call) -> tuple[Value, ...]:
        assert not given.batched
        return (Value(given.tensor(0) * tf.reduce_max(given.tensor(1)), False),)

    x, y = value(3, 2), value(2, many=False)
    (found,) = one_by_one(kernel)(call(x, y))
    assert found.batched
    np.testing.assert_array_equal(found.tensor, x.tensor)
    (alone,) = one_by_one(kernel)(call(y, y))
    assert not alone.batched
