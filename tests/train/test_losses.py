"""Losses are what their formulas say, computed anew in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import entropy

from litesmith.graph.heads import Head
from litesmith.train.losses import agreement, label_loss, output_loss
from tests.support.graphs import tensor

SCORES = tensor("scores", (1, 5))


def drawn(seed: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return tuple(random.normal(0, scale, (6, 5)).astype(np.float32) for _ in range(2))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 8.0]), st.sampled_from([0.5, 1.0]))
def test_softmax(seed, scale, beta):
    a, b = drawn(seed, scale)
    p, q = (np.exp(log_softmax(beta * x.astype(np.float64), -1)) for x in (a, b))
    wanted = entropy(p, q, axis=-1).mean()
    found = float(output_loss(Head(SCORES, "SOFTMAX", beta), a, b))
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-5)
    assert float(output_loss(Head(SCORES, "SOFTMAX", beta), a, a)) == pytest.approx(0, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 4.0]))
def test_logistic_and_plain(seed, scale):
    a, b = drawn(seed, scale)
    p, q = (1 / (1 + np.exp(-x.astype(np.float64))) for x in (a, b))
    wanted = (entropy([p, 1 - p], [q, 1 - q])).sum(-1).mean()
    assert float(output_loss(Head(SCORES, "LOGISTIC"), a, b)) == pytest.approx(wanted, rel=1e-3)
    plain = np.square(a - b).mean() / a.var()
    assert float(output_loss(Head(SCORES), a, b)) == pytest.approx(plain, rel=1e-4)


def test_agreement():
    a, b = drawn(0, 1.0)
    same = (a.argmax(-1) == b.argmax(-1)).mean()
    assert float(agreement(Head(SCORES, "SOFTMAX"), a, b)) == pytest.approx(same)
    assert float(agreement(Head(SCORES, "LOGISTIC"), a, b)) == pytest.approx(
        ((a > 0) == (b > 0)).mean()
    )
    assert float(agreement(Head(SCORES), a, a)) == 1


def test_labels():
    scores, _ = drawn(1, 1.0)
    labels = np.arange(6) % 5
    wanted = -log_softmax(scores, -1)[np.arange(6), labels].mean()
    found = label_loss("cross_entropy", Head(SCORES, "SOFTMAX"), labels, scores)
    assert float(found) == pytest.approx(wanted, rel=1e-5)
    numbers = np.zeros((6, 5), np.float32)
    for name, norm in (("mean_squared_error", np.square), ("mean_absolute_error", np.abs)):
        found = label_loss(name, Head(SCORES), numbers, scores)
        assert float(found) == pytest.approx(norm(scores).mean(), rel=1e-5)
