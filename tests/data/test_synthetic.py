from __future__ import annotations

import numpy as np

from litesmith.data import TensorSpec, synthetic_examples
from tests.data.helpers import gather, spec

INPUTS = [
    spec(1, 8, 8, 3),
    spec(None, None, 4, name="any"),
    spec(1, 5, dtype="int32", name="ids"),
    spec(1, 64, dtype="uint8", name="pixels"),
    spec(1, 3, dtype="bool", name="flag"),
]


def test_examples_do_not_depend_on_the_batch_split_but_on_the_seed() -> None:
    examples = synthetic_examples(INPUTS, 12, 3, {"ids": 50})
    assert (len(examples), examples.description) == (12, "synthetic")
    whole = gather(examples, 12)
    for size in (1, 5):
        assert all(map(np.array_equal, gather(examples, size), whole))
    taken = examples.take(4)
    assert np.array_equal(gather(taken)[0], whole[0][np.array(taken.rows)])
    assert not np.array_equal(gather(synthetic_examples(INPUTS, 12, 4))[0], whole[0])


def test_shapes_types_and_ranges() -> None:
    image, free, ids, pixels, flag = gather(synthetic_examples(INPUTS, 40, 0, {"ids": 50}), 40)
    assert image.shape == (40, 8, 8, 3)
    assert free.shape == (40, 1, 4)
    assert [v.dtype for v in (image, ids, pixels, flag)] == ["float32", "int32", "uint8", "bool"]
    assert -1 <= image[::2].min() < -0.9 < 0.9 < image[::2].max() <= 1
    assert 0.4 < image[1::2].std() < 0.6
    assert 0 <= ids.min() <= ids.max() < 50
    assert ids.max() > 30
    assert pixels.max() > 250
    assert gather(synthetic_examples(INPUTS, 40))[2].max() == 1


def test_a_span_is_drawn_from() -> None:
    whole = TensorSpec("a", (None, 50), "int8", span=(-128.0, 127.0))
    ratio = TensorSpec("b", (None, 50), "float32", span=(-0.5, 3.0))
    a, b = next(synthetic_examples((whole, ratio), 20).batches(20))
    assert (a.dtype, b.dtype) == (np.int8, np.float32)
    assert a.min() < -100 and a.max() > 100
    assert -0.5 <= b.min() < 0 and 2.5 < b.max() <= 3
