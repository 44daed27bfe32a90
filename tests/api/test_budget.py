from __future__ import annotations

import pytest

from litesmith.errors import InputError
from litesmith.forge.budget import judge, parse_max_latency, parse_max_size
from litesmith.forge.options import MaxDrop
from litesmith.report import Parity, Score

PARITY = Parity(100, False, 0.0, 0.2, 0.05, 1.0, 40.0, 0.97, ())
NO_CLASSES = Parity(100, False, 0.0, 0.2, 0.05, 1.0, 40.0, None, ())
SCORE = Score("accuracy", 500, 0.5, 0.48, 0.02, 0.03)


@pytest.mark.parametrize(
    ("budget", "confident", "score", "parity", "kept"),
    [
        (MaxDrop(0.02, False), False, SCORE, PARITY, True),
        (MaxDrop(0.019, False), False, SCORE, PARITY, False),
        (MaxDrop(0.02, False), True, SCORE, PARITY, False),
        (MaxDrop(0.03, False), True, SCORE, PARITY, True),
        (MaxDrop(0.05, True), False, SCORE, PARITY, True),  # 5 % of 0.5 is 0.025
        (MaxDrop(0.03, True), False, SCORE, PARITY, False),
        (MaxDrop(0.03, False), False, None, PARITY, True),
        (MaxDrop(0.02, False), False, None, PARITY, False),
        (MaxDrop(0.05, False), False, None, NO_CLASSES, True),
        (MaxDrop(0.04, False), False, None, NO_CLASSES, False),
    ],
)
def test_judge(budget, confident, score, parity, kept):
    assert judge(budget, confident, score, parity).kept is kept


def test_the_sentence_names_the_loss_and_the_budget():
    verdict = judge(MaxDrop(0.01, False), False, SCORE, PARITY)
    assert verdict.sentence() == "The drop in accuracy is 0.02; --max-drop allows 0.01."


def test_a_gain_is_within_any_budget():
    gain = Score("accuracy", 500, 0.5, 0.52, -0.02, -0.01)
    assert judge(MaxDrop(0.0, False), False, gain, PARITY).kept


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        (60000, 60000),
        ("60000", 60000),
        ("60 kB", 60000),
        ("1.5MB", 1_500_000),
        ("700b", 700),
        ("25%", 50),
    ],
)
def test_max_size(given, limit):
    assert parse_max_size(given).limit(200) == limit


@pytest.mark.parametrize("given", ["", "kB", "-1", "0", "many", "inf", "nan%"])
def test_max_size_refuses(given):
    with pytest.raises(InputError, match="--max-size"):
        parse_max_size(given)


@pytest.mark.parametrize(("given", "limit"), [(4, 4), ("4ms", 4), ("0.5 ms", 0.5), ("50%", 10)])
def test_max_latency(given, limit):
    assert parse_max_latency(given).limit(20.0) == limit


@pytest.mark.parametrize("given", ["", "ms", "-1", "0%", "fast", "inf", "4s"])
def test_max_latency_refuses(given):
    with pytest.raises(InputError, match="--max-latency"):
        parse_max_latency(given)
