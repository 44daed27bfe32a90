"""Scores of what a head leaves: accuracy of indices is that of the scores they come from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.data import TensorSpec
from litesmith.errors import InputError
from litesmith.measure import choose_metric, score_once
from litesmith.measure.votes import ballots, one_hot

CLASSES = 7


def spec(*shape: int, holds: str = "", dtype: str = "float32", name: str = "out") -> TensorSpec:
    return TensorSpec(name, (None, *shape), dtype, holds=holds, classes=CLASSES if holds else 0)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, CLASSES, 40), random.random((40, CLASSES)).astype(np.float32)


@given(st.integers(0, 50), st.booleans())
@settings(max_examples=20, deadline=None)
def test_of_indices(seed: int, hot: bool) -> None:
    labels, scores = drawn(seed)
    given_ = np.eye(CLASSES, dtype=np.int64)[labels] if hot else labels
    index = scores.argmax(-1).astype(np.int32)
    metric = choose_metric(None, given_, [spec(holds="class", dtype="int32")])
    assert metric.name == "accuracy"
    assert score_once(metric, given_, [index]) == pytest.approx(np.mean(index == labels))


@given(st.integers(0, 50), st.integers(5, CLASSES))
@settings(max_examples=20, deadline=None)
def test_of_rankings(seed: int, count: int) -> None:
    labels, scores = drawn(seed)
    order = np.argsort(-scores, -1)[:, :count].astype(np.int32)
    values = np.take_along_axis(scores, order, -1)
    outputs = [
        spec(count, holds="ranked", name="y"),
        spec(count, holds="ranking", dtype="int32", name="y_indices"),
    ]
    top5 = score_once(choose_metric("top5", labels, outputs), labels, [values, order])
    whole = score_once(choose_metric("top5", labels, [spec(CLASSES)]), labels, [scores])
    assert top5 == pytest.approx(whole)
    accuracy = score_once(choose_metric(None, labels, outputs), labels, [values, order])
    assert accuracy == pytest.approx(np.mean(order[:, 0] == labels))


def test_iou_of_indices() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, (6, 5, 4))
    scores = random.random((6, 5, 4, CLASSES)).astype(np.float32)
    index = scores.argmax(-1).astype(np.int32)
    dense = spec(5, 4, holds="class", dtype="int32")
    found = score_once(choose_metric("iou", labels, [dense]), labels, [index])
    whole = score_once(choose_metric("iou", labels, [spec(5, 4, CLASSES)]), labels, [scores])
    assert found == pytest.approx(whole)


def test_of_truth_values() -> None:
    labels = np.array([[1, 0, 1], [0, 0, 1]])
    reached = np.array([[True, False, False], [False, False, True]])
    metric = choose_metric("accuracy", labels, [spec(3, holds="truth", dtype="bool")])
    assert score_once(metric, labels, [reached]) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("metric", "outputs"),
    [
        ("top5", [spec(holds="class", dtype="int32")]),
        ("auc", [spec(holds="class", dtype="int32")]),
        ("mae", [spec(holds="class", dtype="int32")]),
        ("top5", [spec(3, holds="ranked"), spec(3, holds="ranking", dtype="int32")]),
        ("iou", [spec(3, holds="ranked"), spec(3, holds="ranking", dtype="int32")]),
        ("auc", [spec(CLASSES, holds="truth", dtype="bool")]),
    ],
)
def test_metrics_that_need_more(metric: str, outputs: list[TensorSpec]) -> None:
    with pytest.raises(InputError, match="needs more of the output"):
        choose_metric(metric, np.arange(4), outputs)


def test_votes() -> None:
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(ballots(np.array([[2, 0], [1, 1]]), 3), [[1, 0, 2], [0, 2, 0]])
