"""The training process with nothing faked, on a graph of two small layers."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

from litesmith.errors import InputError
from litesmith.train.nouns import Settings
from litesmith.train.process import Ears, train
from tests.train.test_process import make_job, weights_of

pytestmark = pytest.mark.slow
LABELS = np.arange(64) % 5


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights_of(a), weights_of(b), strict=True))


def test_the_same_seed_trains_the_same_graph():
    first, again, other = (train(make_job(steps=8, seed=s)).trained.graph for s in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)


def test_resuming_ends_where_going_on_would_have():
    whole = train(make_job(steps=400))
    main, states, told = threading.main_thread().ident, [], []

    def interrupt(point):
        if not told:
            told.append(point.step)
            signal.pthread_kill(main, signal.SIGINT)

    part = train(make_job(steps=400), Ears(interrupt, states.append))
    assert part.interrupted
    assert told[0] <= part.trained.steps < 400
    rest = train(make_job(steps=400), resume=states[-1])
    assert rest.trained.steps == 400
    assert rest.curve[0].step > told[0]
    assert rest.trained.loss[1] == pytest.approx(whole.trained.loss[1], rel=1e-3)
    done = []
    train(make_job(steps=400), Ears(state=done.append), resume=states[-1])
    again = train(make_job(steps=400), resume=done[-1])
    assert again.curve == ()
    assert same(again.trained.graph, rest.trained.graph)


def test_a_loss_of_the_users_own(tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(
        "import tensorflow as tf\n"
        "def loss(y_true, y_pred):\n"
        "    assert y_pred.shape[1:] == (5,)\n"
        "    return tf.keras.losses.sparse_categorical_crossentropy(y_true, y_pred)\n"
        "def broken(y_true, y_pred):\n"
        "    return y_true.nonsense\n"
        "def text(y_true, y_pred):\n"
        "    return 'good'\n"
    )

    def taught(name):
        settings = Settings(steps=4, loss=f"py:{code}:{name}", labels=LABELS)
        return train(replace(make_job(), settings=settings))

    assert taught("loss").trained.steps == 4
    for name, says in (("broken", "nonsense"), ("text", "no loss"), ("gone", "has no 'gone'")):
        with pytest.raises(InputError, match=says):
            taught(name)
