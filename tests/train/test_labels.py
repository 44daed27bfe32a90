from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import InputError
from litesmith.graph import Tensor
from litesmith.train.labels import fitted_labels

ROW, MAP, ONE = (Tensor("y", shape) for shape in ((1, 4), (1, 2, 3, 4), (1, 1)))
RANDOM = np.random.default_rng(0)
CLASSES, PIXELS = RANDOM.integers(0, 4, 7), RANDOM.integers(0, 4, (7, 2, 3))


@pytest.mark.parametrize(
    ("labels", "output"),
    [(CLASSES, ROW), (CLASSES[:, None], ROW), (CLASSES.astype(np.float32), ROW), (PIXELS, MAP)],
)
def test_class_indices(labels, output):
    found = fitted_labels("cross_entropy", labels, output)
    assert found.dtype == np.int64
    assert np.array_equal(found.reshape(-1), labels.reshape(-1))


@pytest.mark.parametrize(("labels", "output"), [(CLASSES, ROW), (PIXELS, MAP)])
def test_one_hot_rows_are_indices(labels, output):
    found = fitted_labels("cross_entropy", np.eye(4)[labels], output)
    assert np.array_equal(found.reshape(-1), labels.reshape(-1))


def test_numbers_take_the_outputs_shape():
    y = RANDOM.normal(size=7)
    found = fitted_labels("mean_squared_error", y, ONE)
    assert (found.shape, found.dtype) == ((7, 1), np.float32)
    assert fitted_labels("binary_cross_entropy", CLASSES % 2, ONE).shape == (7, 1)
    assert fitted_labels("py:m.py:f", y, ROW).dtype == np.float32
    assert fitted_labels("py:m.py:f", CLASSES, ROW) is CLASSES


@pytest.mark.parametrize(
    ("loss", "labels", "output", "says"),
    [
        ("cross_entropy", CLASSES + 1, ROW, "classes from 1 to 4"),
        ("cross_entropy", CLASSES - 1, ROW, "classes from -1"),
        ("cross_entropy", CLASSES + 0.5, ROW, "a class index"),
        ("cross_entropy", PIXELS, ROW, "a class index"),
        ("mean_squared_error", CLASSES, ROW, "one number per value"),
        ("binary_cross_entropy", CLASSES[:, None] + 5, ONE, "from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_a_sentence(loss, labels, output, says):
    with pytest.raises(InputError, match=says) as caught:
        fitted_labels(loss, labels, output)
    assert caught.value.hint
