from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.data import TensorSpec
from litesmith.errors import InputError, InternalError
from litesmith.measure import PairedMeter, PairedScore, choose_metric


def paired(
    name: str | None, labels: np.ndarray, source: np.ndarray, artifact: np.ndarray, size: int = 9
) -> PairedScore:
    spec = TensorSpec("out", (None, *source.shape[1:]), "float32")
    meter = PairedMeter(choose_metric(name, labels, [spec]))
    for start in range(0, len(labels), size):
        part = slice(start, start + size)
        meter.update(labels[part], [source[part]], [artifact[part]])
    return meter.result()


def data(seed: int, n: int = 60, c: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, c, n)
    source = random.random((n, c)) + np.eye(c)[labels]
    return labels, source, source + random.normal(0, 0.5, (n, c))


@given(st.integers(0, 99), st.integers(1, 70))
def test_accuracy_drop_and_its_bound(seed: int, size: int) -> None:
    labels, source, artifact = data(seed)
    result = paired("accuracy", labels, source, artifact, size)
    right = [(x.argmax(1) == labels).astype(float) for x in (source, artifact)]
    assert (result.metric, result.unit, result.examples) == ("accuracy", "fraction", 60)
    assert result.source == pytest.approx(right[0].mean())
    assert result.drop == pytest.approx(right[0].mean() - right[1].mean())
    d = right[0] - right[1]
    bound = d.mean() + 1.644854 * d.std(ddof=1) / math.sqrt(60)
    assert result.drop_bound_95 == pytest.approx(bound)
    json.dumps(result.as_json(), allow_nan=False)


@pytest.mark.parametrize("name", ["mae", "mse"])
def test_for_errors_an_increase_is_a_drop(name: str) -> None:
    y = np.linspace(0, 1, 20)
    result = paired(name, y, y + 0.1, y + 0.3)
    assert result.drop == pytest.approx(result.artifact - result.source)
    assert result.drop > 0
    assert result.drop_bound_95 == pytest.approx(result.drop)  # the same for every example


def test_the_bootstrap_is_reproducible_and_near_the_normal_bound() -> None:
    labels, source, artifact = data(1, 400, 2)
    auc = paired("auc", labels, source, artifact)
    assert auc == paired("auc", labels, source, artifact, 50)
    assert auc.drop_bound_95 is not None
    assert auc.drop < auc.drop_bound_95 < auc.drop + 0.1


def test_the_bound_of_a_users_mean_agrees_with_the_normal_one(tmp_path: Path) -> None:
    path = tmp_path / "score.py"
    path.write_text("def right(y, p):\n    return (p.argmax(1) == y).mean()\n")
    labels, source, artifact = data(2, 400)
    mine = paired(f"py:{path}:right", labels, source, artifact)
    known = paired("accuracy", labels, source, artifact)
    assert mine.drop == pytest.approx(known.drop)
    assert mine.drop_bound_95 == pytest.approx(known.drop_bound_95, abs=0.01)


def test_the_bound_holds_about_95_times_in_100() -> None:
    held = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        labels = np.zeros(200, int)
        wrong_source, wrong_artifact = random.random(200) < 0.2, random.random(200) < 0.25
        outputs = [np.eye(2)[w.astype(int)] for w in (wrong_source, wrong_artifact)]
        bound = paired("accuracy", labels, *outputs, 200).drop_bound_95
        held += bound is not None and bound >= 0.05
    assert 0.9 < held / 300 < 0.99


def test_few_examples_and_undefined_scores() -> None:
    labels, source, artifact = data(3)
    assert paired("accuracy", labels[:1], source[:1], artifact[:1]).drop_bound_95 is None
    with pytest.raises(InputError, match="auc is not defined"):
        paired("auc", np.ones(5, int), source[:5, :2], artifact[:5, :2])
    with pytest.raises(InternalError):
        PairedMeter(choose_metric("mae", labels, [TensorSpec("o", (None,), "float32")])).result()


def test_resamples_without_both_classes_do_not_count() -> None:
    labels = np.array([0] * 30 + [1])
    output = np.linspace(0, 1, 31)[:, None]
    result = paired("auc", labels, output, output)
    assert result.drop_bound_95 == 0.0
