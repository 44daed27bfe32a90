from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from litesmith.data import TensorSpec
from litesmith.errors import InputError
from litesmith.measure import choose_metric, score_once

RANDOM = np.random.default_rng(0)


def spec(*shape: int | None, dtype: str = "float32", name: str = "out") -> TensorSpec:
    return TensorSpec(name, (None, *shape), dtype)


def score(name: str | None, labels: np.ndarray, output: np.ndarray) -> float:
    out = TensorSpec("out", (None, *output.shape[1:]), str(output.dtype))
    return score_once(choose_metric(name, labels, [out]), labels, [output])


def classes(n: int = 50, c: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(c), random.integers(0, c, n - c)])
    output = random.random((n, c)) + 0.5 * np.eye(c)[labels]
    return labels, output / output.sum(axis=1, keepdims=True)


@given(st.integers(0, 99), st.integers(2, 9))
def test_class_metrics_equal_scikit_learn(seed: int, c: int) -> None:
    labels, output = classes(40, c, seed)
    one_hot = np.eye(c)[labels]
    expected = oracle.accuracy_score(labels, output.argmax(axis=1))
    for form in (labels, labels[:, None], labels.astype(np.float32), one_hot, one_hot.astype(int)):
        assert score("accuracy", form, output) == pytest.approx(expected)
        assert choose_metric(None, form, [spec(c)]).name == "accuracy"
    if c > 5:
        top = oracle.top_k_accuracy_score(labels, output, k=5, labels=range(c))
        assert score("top5", labels, output) == pytest.approx(top)
    if c > 2:
        auc = oracle.roc_auc_score(labels, output, multi_class="ovr")
    else:
        auc = oracle.roc_auc_score(labels, output[:, 1])
    for form in (labels, labels[:, None], one_hot):
        assert score("auc", form, output) == pytest.approx(auc)


@given(st.integers(0, 99), st.integers(1, 4))
def test_binary_metrics_equal_scikit_learn_ties_included(seed: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1], random.integers(0, 2, 40)])
    output = random.integers(0, levels + 1, 42) / levels
    expected = oracle.roc_auc_score(labels, output)
    right = oracle.accuracy_score(labels, output >= 0.5)
    for form in (output, output[:, None]):
        assert score("auc", labels, form) == pytest.approx(expected)
        assert score(None, labels, form) == pytest.approx(right)
        assert score(None, labels[:, None], form) == pytest.approx(right)


@given(st.integers(0, 99))
def test_errors_equal_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, output = random.normal(size=(30, 3)), random.normal(size=(30, 3)).astype(np.float32)
    assert score("mae", labels, output) == pytest.approx(oracle.mean_absolute_error(labels, output))
    assert score("mse", labels, output) == pytest.approx(oracle.mean_squared_error(labels, output))
    assert choose_metric(None, labels, [spec(3)]).name == "mae"
    flat = score("mae", labels[:, 0], output[:, :1])
    assert flat == pytest.approx(np.abs(labels[:, 0] - output[:, 0]).mean())


@given(st.integers(0, 99), st.booleans())
def test_iou_equals_scikit_learns_jaccard(seed: int, void: bool) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, (4, 5, 6))
    output = random.random((4, 5, 6, 3))
    seen = np.ones(labels.shape, bool)
    if void:
        seen = random.random(labels.shape) > 0.2
    given_labels = np.where(seen, labels, 255)
    expected = oracle.jaccard_score(
        labels[seen], output.argmax(-1)[seen], average="macro", labels=[0, 1, 2]
    )
    assert score("iou", given_labels, output) == pytest.approx(expected)
    assert score("iou", given_labels[..., None], output) == pytest.approx(expected)
    if not void:
        assert score("iou", np.eye(3)[labels], output) == pytest.approx(expected)


def test_iou_of_a_single_channel_and_classes_that_never_occur() -> None:
    labels = RANDOM.integers(0, 2, (3, 4, 5))
    output = RANDOM.random((3, 4, 5, 1))
    pairs = [(labels == c, (output[..., 0] >= 0.5) == c) for c in (0, 1)]
    expected = np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs])
    for form in (output, output[..., 0]):
        assert score("iou", labels, form) == pytest.approx(expected)
    only = np.zeros((1, 2, 2), int)
    assert score("iou", only, np.eye(5)[only]) == 1.0


def test_dense_accuracy_is_the_mean_over_positions() -> None:
    labels = RANDOM.integers(0, 4, (5, 3, 3))
    output = RANDOM.random((5, 3, 3, 4))
    expected = (output.argmax(-1) == labels).mean()
    assert score("accuracy", labels, output) == pytest.approx(expected)
    assert score(None, labels, output) == pytest.approx(expected)


def test_a_model_that_answers_with_class_indices() -> None:
    labels, answers = np.array([0, 3, 2, 9]), np.array([0, 3, 1, 9], np.int32)
    assert score(None, labels, answers) == 0.75
    assert score(None, labels, answers[:, None]) == 0.75


def test_top5_breaks_ties_by_the_lower_index() -> None:
    output = np.zeros((2, 9))
    assert score("top5", np.array([4, 5]), output) == 0.5


def test_multi_label_auc_is_the_mean_over_columns() -> None:
    labels, output = RANDOM.integers(0, 2, (60, 3)), RANDOM.random((60, 3))
    expected = oracle.roc_auc_score(labels, output, average="macro")
    assert score("auc", labels, output) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "labels", "output", "message"),
    [
        ("accuracy", [1, 2, 3], np.ones((3, 3)), "run from 1 to 3, but the output has 3 classes"),
        ("accuracy", [0.5, 1, 2], np.ones((3, 3)), "fractions"),
        ("accuracy", [0, 1, -1], np.ones((3, 3)), "run from -1"),
        ("accuracy", [0, 1, 1], np.full((3, 1), 4.5), "not the probability"),
        ("accuracy", np.ones((3, 4)), np.ones((3, 3)), r"\(4,\) per example.*\(3,\)"),
        ("top5", [0, 1, 1], np.ones((3, 1)), "top5 needs"),
        ("mae", [0, 1, 1], np.ones((3, 2)), "mae needs labels of the output's shape"),
        ("auc", [0, 1, 1], np.ones((3, 2, 2)), "auc needs"),
        ("iou", [0, 1, 1], np.ones((3, 2)), "iou needs"),
        ("iou", np.full((3, 2, 2), 7), np.ones((3, 2, 2, 3)), "run from 7"),
        ("iou", np.ones((3, 4)), np.ones((3, 2, 2, 3)), "iou needs labels"),
        ("acuracy", [0, 1, 1], np.ones((3, 2)), "not known"),
    ],
)
def test_what_does_not_go_together_is_told(
    name: str, labels: object, output: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        score(name, np.asarray(labels), output)


def test_hints_lead_on() -> None:
    with pytest.raises(InputError) as caught:
        score("acuracy", np.zeros(3), np.ones((3, 2)))
    assert "accuracy" in caught.value.hint
    with pytest.raises(InputError) as caught:
        score("accuracy", np.array([1, 2]), np.ones((2, 2)))
    assert "begin at 0" in caught.value.hint


def test_default_metric() -> None:
    integers, fractions = np.arange(6), np.arange(6) / 2
    assert choose_metric(None, integers, [spec(9)]).name == "accuracy"
    assert choose_metric(None, integers, [spec(1)]).name == "mae"  # six values, one number out
    assert choose_metric(None, integers % 2, [spec(1)]).name == "accuracy"
    assert choose_metric(None, fractions, [spec(1)]).name == "mae"
    assert choose_metric(None, integers, [spec(dtype="int64")]).name == "accuracy"
    assert choose_metric(None, RANDOM.random((6, 9)), [spec(9)]).name == "mae"
    assert choose_metric(None, integers, [spec(None)]).name == "accuracy"


def test_the_output_that_goes_with_the_labels_is_scored() -> None:
    outputs = [spec(4, 2, name="boxes"), spec(5, name="class"), spec(1, name="age")]
    metric = choose_metric(None, np.arange(5), outputs)
    assert (metric.name, metric.output) == ("accuracy", 1)
    assert choose_metric("mae", np.arange(5) / 2, outputs).output == 2
    with pytest.raises(InputError, match=r"go with 2 of the model's outputs as accuracy"):
        choose_metric(None, np.arange(5), [spec(5), spec(5)])
    with pytest.raises(InputError, match=r"go with none"):
        choose_metric("iou", np.zeros((5, 7, 7)), outputs)


def test_a_users_metric(tmp_path: Path) -> None:
    path = tmp_path / "scores.py"
    path.write_text(
        "import numpy as np\n"
        "def worst(y, p):\n    return np.abs(y - p).max()\n"
        "worst.higher_is_better = False\n"
        "def both(y, p):\n    return float(len(p))\n"
        "def fails(y, p):\n    return 1 / 0\n"
        "def nan(y, p):\n    return float('nan')\n"
        "value = 3\n"
    )
    y, p = np.arange(4.0), np.array([0, 1, 2, 5.0])
    metric = choose_metric(f"py:{path}:worst", y, [spec()])
    assert (score_once(metric, y, [p]), metric.higher_is_better) == (2.0, False)
    both = choose_metric(f"py:{path}:both", y, [spec(), spec()])
    assert (score_once(both, y, [p, p]), both.higher_is_better) == (2.0, True)
    for name, message in (("fails", r"scores.py:8: ZeroDivision"), ("nan", "returned nan")):
        bad = choose_metric(f"py:{path}:{name}", y, [spec()])
        with pytest.raises(InputError, match=message):
            score_once(bad, y, [p])
    with pytest.raises(InputError, match="not a function"):
        choose_metric(f"py:{path}:value", y, [spec()])
