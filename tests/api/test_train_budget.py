"""Training and budgets: what is repaired or made to fit is trained anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import litesmith
from litesmith.errors import BudgetError
from litesmith.runtime import Session
from tests.api.fakes import labels
from tests.api.trainer import X, names, wide


def test_a_repaired_file_is_trained_anew_with_its_bits(use_trainer, out, tmp_path):
    trainer = use_trainer(wide())
    recipe = tmp_path / "r.toml"
    report = litesmith.export(
        "m.keras", out, data=X, quantize="int4", train="auto", max_drop=0.005, save_recipe=recipe,
    )  # fmt: skip
    assert report.steps[-1].name == "repair"
    assert report.steps[-1].outcome == "done"
    assert len(trainer.jobs) > 1
    assert [s.name for s in report.steps].count("train") == 1
    assert names(tmp_path) == ["out.tflite", "r.toml"]
    bits = {t.quant.bits for t in trainer.jobs[-1].student.tensors() if t.data is not None}
    assert 8 in bits
    first = out.read_bytes()
    use_trainer(wide())
    litesmith.export("m.keras", out, data=X, recipe=recipe)
    assert out.read_bytes() == first


def test_after_an_interrupt_nothing_is_trained_again(use_trainer, out):
    trainer = use_trainer(wide(), interrupted=True, steps=2)
    with pytest.raises(BudgetError) as caught:
        litesmith.export("m.keras", out, data=X, quantize="int4", train="auto", max_drop=0.0)
    assert len(trainer.jobs) == 1
    assert "stopped by an interrupt" in vars(caught.value)["report"].steps[-1].why


def test_a_file_made_to_fit_is_trained_once_more(use_trainer, out):
    trainer = use_trainer(wide())
    first = litesmith.export("m.keras", out, data=X, quantize="int8")
    assert first.artifact is not None
    trainer = use_trainer(wide())
    report = litesmith.export(
        "m.keras", out, data=X, quantize="int8", train="auto",
        max_size=int(first.artifact.size_bytes * 0.8),
    )  # fmt: skip
    assert report.steps[-1].name == "fit"
    assert len(trainer.jobs) == 2
    four = {t.quant.bits for t in trainer.jobs[-1].student.tensors() if t.data is not None}
    assert 4 in four
    assert [s.name for s in report.steps].count("train") == 1
    x = np.zeros((2, 8), np.float32)
    assert np.isfinite(Session(out.read_bytes()).run([x])[0]).all()
    assert replace(report, seconds=0.0)


def test_a_file_that_lost_much_untrained_is_told_of_training(use_trainer, out):
    y = labels(wide(), X)
    use_trainer(wide())
    bits = {"quantize": "int4", "bits": ["*=3"]}
    report = litesmith.export("m.keras", out, data=X, eval=(X, y), **bits)
    (warning,) = [w for w in report.warnings if w.code == "score_drop"]
    assert "--train auto" in warning.hint
    use_trainer(wide(), done=False)
    report = litesmith.export("m.keras", out, data=X, eval=(X, y), train="auto", **bits)
    (warning,) = [w for w in report.warnings if w.code == "score_drop"]
    assert "--train" not in warning.hint
