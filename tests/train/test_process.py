"""The process that trains: what it brings back, how it ends, what an interrupt does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from litesmith.data import load_examples
from litesmith.data.specs import TensorSpec
from litesmith.errors import ConversionError, InputError, InternalError
from litesmith.quantize import Quantize
from litesmith.train import process
from litesmith.train.nouns import Settings
from litesmith.train.process import Ears, Job, train
from tests.api.fakes import FEATURES, classifier, features
from tests.train.fake_child import STEPS

SPECS = (TensorSpec("x0", (None, FEATURES), "float32"),)
X = features(64)


def make_job(**settings):
    examples = load_examples(X, SPECS)
    step = Quantize("int4")
    prepared = step.prepared(classifier(), examples)
    student = step.annotated(prepared).graph
    return Job(prepared.draft.graph, student, examples, Settings(**settings))


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch, logs):
    import tempfile

    path = tmp_path / "tmp"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    monkeypatch.setattr(
        process, "PROGRAM", replace(process.PROGRAM, module="tests.train.fake_child")
    )
    return path


@pytest.fixture
def fake(monkeypatch):
    return lambda how: monkeypatch.setenv("LITESMITH_FAKE", how)


def weights_of(graph):
    return [t.data for t in graph.tensors() if t.data is not None]


def test_the_result_is_the_parents_graph_with_other_constants(temporary):
    job = make_job()
    points, states = [], []
    result = train(job, Ears(points.append, states.append))
    trained = result.trained
    before, after = weights_of(job.student), weights_of(trained.graph)
    assert np.array_equal(after[0], before[0] * np.float32(0.5))
    assert all(np.array_equal(a, b) for a, b in zip(after[1:], before[1:], strict=True))
    assert trained.graph.inputs == job.student.inputs  # identity: nothing else was changed
    assert (trained.done, trained.why, trained.steps) == (True, "5 steps", STEPS)
    assert trained.loss == (1.0, 0.2)
    assert trained.frozen == ("CUSTOM:X",)
    assert not result.interrupted
    assert result.examples == 64
    assert [p.step for p in points] == [1, 2, 3, 4, 5] == [p.step for p in result.curve]
    assert points[1].fraction == 0.4
    assert len(states) == 1
    assert list(temporary.iterdir()) == []


def test_a_state_is_gone_on_with_by_the_same_job_alone():
    states = []
    train(make_job(), Ears(state=states.append))
    again = train(make_job(steps=None), resume=states[-1])
    assert again.trained.why == "0 steps"
    for other in (make_job(seed=1), replace(make_job(), examples=load_examples(X[:50], SPECS))):
        with pytest.raises(InputError, match="another model, other examples or options"):
            train(other, resume=states[-1])
    with pytest.raises(InputError, match="saved state"):
        train(make_job(), resume=states[-1][:200])


@pytest.mark.parametrize(
    ("how", "error", "says", "hint"),
    [
        ("kill", ConversionError, "The process training the model was ended by signal 9", "memory"),
        ("leave", ConversionError, "ended with exit code 3", "log"),
        ("no tensorflow", ConversionError, "Training needs TensorFlow", "pip install"),
        ("break", InternalError, "ZeroDivisionError: a defect", ""),
        ("refuse", InputError, "do not fit", "Take others"),
    ],
)
def test_deaths_are_one_sentence_a_hint_and_a_log(fake, temporary, logs, how, error, says, hint):
    fake(how)
    with pytest.raises(error, match=says) as caught:
        train(make_job())
    assert hint in caught.value.hint
    if how != "refuse":
        assert Path(caught.value.log or "").parent == logs
    assert list(temporary.iterdir()) == []


def test_nothing_to_train_comes_back_as_a_reason(fake):
    fake("constant")
    job = make_job()
    result = train(job)
    assert result.trained.graph is job.student
    assert not result.trained.done
    assert result.trained.why == "the float model answers all examples alike"


def interrupting(at, again=False):
    """Return ears that interrupt the main thread as a terminal does."""
    main = threading.main_thread().ident
    said = []

    def point(one):
        if one.step == at:
            signal.pthread_kill(main, signal.SIGINT)

    def stopping():
        said.append("stopping")
        if again:
            raise KeyboardInterrupt  # the second one comes while the first is answered

    return Ears(point, lambda content: said.append(content), stopping), said


def test_an_interrupt_keeps_the_best_so_far(fake, temporary):
    fake("endless")
    job = make_job()
    ears, said = interrupting(3)
    result = train(job, ears)
    assert result.interrupted
    assert result.trained.done
    assert 3 <= result.trained.steps < 1000
    assert not np.array_equal(weights_of(result.trained.graph)[0], weights_of(job.student)[0])
    assert said[0] == "stopping"
    assert isinstance(said[-1], bytes)
    assert list(temporary.iterdir()) == []


def test_a_second_interrupt_ends_it_all(fake, temporary):
    fake("endless")
    ears, _ = interrupting(3, again=True)
    with pytest.raises(KeyboardInterrupt):
        train(make_job(), ears)
    assert list(temporary.iterdir()) == []


def test_a_listener_that_fails_fails_the_run(fake, temporary):
    def broken(point):
        raise ValueError("the listener's own")

    fake("endless")
    with pytest.raises(ValueError, match="the listener's own"):
        train(make_job(), Ears(broken))
    assert list(temporary.iterdir()) == []


def test_examples_of_several_shapes_are_refused(temporary):
    spec = (TensorSpec("x0", (None, None), "float32"),)
    ragged = [np.zeros((2, 8), np.float32), np.zeros((2, 9), np.float32)]
    examples = load_examples(lambda: iter(ragged), spec)
    with pytest.raises(InputError, match="different shapes"):
        train(replace(make_job(), examples=examples))
    assert list(temporary.iterdir()) == []


def test_a_killed_parent_leaves_nothing(temporary):
    script = (
        "from dataclasses import replace\n"
        "from litesmith.train import process\n"
        "from tests.train.test_process import make_job\n"
        "process.PROGRAM = replace(process.PROGRAM, module='tests.train.fake_child')\n"
        "process.train(make_job(), process.Ears(lambda p: print(p.step, flush=True)))\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary), "LITESMITH_FAKE": "endless"}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        work = next(temporary.glob("litesmith-*"))
        parent.send_signal(signal.SIGKILL)
    for _ in range(200):
        if not work.exists() and not _users_of(work):
            return
        time.sleep(0.05)
    pytest.fail(f"left behind: {work} {_users_of(work)}")


def _users_of(work):
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in lines.stdout.splitlines() if str(work) in line]
