"""What an interrupted training leaves behind, and how it is gone on with."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.errors import BudgetError, ConversionError, InputError
from litesmith.forge import keeper
from tests.api.fakes import regressor
from tests.api.trainer import STATE, X, names, step_of


def test_an_interrupted_run_writes_the_file_and_says_how_to_go_on(use_trainer, out):
    use_trainer(interrupted=True, steps=2)
    report = litesmith.export("m.keras", out, data=X, train="auto")
    assert names(out.parent) == ["out.tflite", "out.train.npz"]
    facts = step_of(report).training
    assert facts is not None
    assert facts.stopped == "interrupted"
    assert facts.state == str(out.with_name("out.train.npz"))
    (warning,) = [w for w in report.warnings if w.code == "training_stopped"]
    assert "--resume" in warning.hint
    trainer = use_trainer()
    report = litesmith.export("m.keras", out, data=X, train="auto", resume=True)
    assert trainer.resumed == [STATE]
    assert names(out.parent) == ["out.tflite"]


def test_a_run_that_dies_leaves_the_state_and_the_old_file(use_trainer, out):
    out.write_bytes(b"precious")
    use_trainer(
        error=ConversionError("The process training the model was ended.", "Memory.", "/log")
    )
    with pytest.raises(ConversionError, match="was ended"):
        litesmith.export("m.keras", out, data=X, train="auto")
    assert out.read_bytes() == b"precious"
    assert names(out.parent) == ["out.tflite", "out.train.npz"]
    use_trainer(error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        litesmith.export("m.keras", out, data=X, train="auto")
    assert out.read_bytes() == b"precious"


def test_a_missed_budget_keeps_the_state(use_trainer, out):
    use_trainer(regressor())
    with pytest.raises(BudgetError):
        litesmith.export("m.keras", out, data=X, train="auto", max_drop=0.0)
    assert "out.train.npz" in names(out.parent)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something", STATE[:-40], b"x" * 999])
@pytest.mark.parametrize("resume", [True, None])
def test_a_damaged_or_foreign_file_is_left_alone(use_trainer, out, content, resume):
    use_trainer()
    path = out.with_name("out.train.npz")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"out\.train\.npz") as caught:
        litesmith.export("m.keras", out, data=X, train="auto", resume=resume)
    assert caught.value.hint
    assert path.read_bytes() == content
    assert names(out.parent) == ["out.train.npz"]


def test_data_of_that_name_is_not_overwritten(use_trainer, out):
    use_trainer()
    path = out.with_name("out.train.npz")
    np.savez(path, x=X)
    with pytest.raises(InputError, match="holds something else"):
        litesmith.export("m.keras", out, data=f"{path}#x", train="auto")


def test_a_state_that_cannot_be_written_is_told(use_trainer, out, monkeypatch):
    def full(files):
        raise InputError("There is no space.")

    use_trainer()
    monkeypatch.setattr(keeper, "write_files", full)
    report = litesmith.export("m.keras", out, data=X, train="auto")
    assert "state_not_kept" in {w.code for w in report.warnings}
    assert names(out.parent) == ["out.tflite"]
