"""Runs of `export` on a fake source, with a fake trainer where they train."""

from __future__ import annotations

import pytest

from litesmith.forge import export as flow
from litesmith.forge import train as training
from tests.api.fakes import FakeSource, classifier
from tests.api.trainer import Trainer


@pytest.fixture
def use_trainer(monkeypatch):
    """Return a function that puts a graph (a classifier) in the place of any source."""

    def put(graph=None, **how):
        fake, trainer = FakeSource(graph or classifier()), Trainer(**how)
        monkeypatch.setattr(flow, "open_source", lambda source, options: fake)
        monkeypatch.setattr(training, "in_a_child", trainer)
        monkeypatch.setattr(flow, "_latency", lambda *_: None)  # takes a second
        return trainer

    return put


@pytest.fixture
def out(tmp_path):
    """Return where a run writes its file."""
    return tmp_path / "out.tflite"
