"""A missed budget is repaired by raising few ops; what ships is the file that was proved."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.errors import BudgetError
from litesmith.forge import export as flow
from litesmith.graph import read, write
from litesmith.report.document import document
from litesmith.runtime import Session
from tests.api.fakes import FakeSource, labels, regressor
from tests.quantize.test_sensitivity import collapsing

RANDOM = np.random.default_rng(5)
X, X_EVAL = (RANDOM.normal(0, 1, (n, 16)).astype(np.float32) for n in (128, 400))


@pytest.fixture
def use(monkeypatch):
    def put(graph):
        fake = FakeSource(graph)
        monkeypatch.setattr(flow, "open_source", lambda source, options: fake)
        return graph

    return put


def accuracy(path, graph):
    answers = Session(path.read_bytes()).run([X_EVAL])[0].argmax(1)
    return float((answers == labels(graph, X_EVAL)).mean())


def test_a_collapse_is_repaired_with_few_ops(use, tmp_path):
    graph = use(collapsing())
    out, recipe = tmp_path / "out.tflite", tmp_path / "recipe.toml"
    plain = litesmith.export("m.keras", out, data=X, eval=(X_EVAL, labels(graph, X_EVAL)))
    assert plain.score is not None
    assert plain.score.drop > 0.1
    use(collapsing())
    report = litesmith.export(
        "m.keras", out, data=X, eval=(X_EVAL, labels(graph, X_EVAL)), max_drop=0.03,
        save_recipe=recipe,
    )  # fmt: skip
    assert report.status == "ok"
    assert report.score is not None
    assert report.score.drop <= 0.03
    assert accuracy(out, graph) == pytest.approx(report.score.artifact)
    assert report.steps[-1].name == "repair"
    assert report.steps[-1].outcome == "done"
    assert "drop in accuracy went from" in report.steps[-1].why
    raised = {one.op for one in report.sensitivity if one.chosen_bits is not None}
    assert 0 < len(raised) <= 2
    assert [s.name for s in report.steps].count("quantize") == 1
    again = tmp_path / "again.tflite"
    use(collapsing())
    litesmith.export("m.keras", again, data=X, recipe=recipe)
    assert again.read_bytes() == out.read_bytes()


def test_without_labels_the_agreement_is_what_is_kept(use, tmp_path):
    use(collapsing())
    report = litesmith.export("m.keras", tmp_path / "out.tflite", data=X, max_drop=0.05)
    assert report.parity is not None
    assert report.parity.top1_agreement >= 0.95
    assert report.steps[-1].outcome == "done"
    rows = document(report)["sensitivity"]
    assert set(rows[0]) == {
        "op", "kind", "layers", "bits", "output_error", "weights_bytes", "chosen_bits",
        "answers_changed",
    }  # fmt: skip
    assert [r["output_error"] for r in rows] == sorted(
        (r["output_error"] for r in rows), reverse=True
    )


def test_what_cannot_be_repaired_is_rejected_and_says_why(use, tmp_path):
    use(regressor())
    x = RANDOM.normal(0, 1, (64, 8)).astype(np.float32)
    with pytest.raises(BudgetError) as caught:
        litesmith.export("m.keras", tmp_path / "out.tflite", data=x, max_drop=0.0)
    report = vars(caught.value)["report"]
    assert report.status == "rejected"
    assert (report.steps[-1].name, report.steps[-1].outcome) == ("repair", "declined")
    assert "float" in report.steps[-1].why
    assert read((tmp_path / "out.rejected.tflite").read_bytes()).ops


def test_a_budget_that_is_kept_changes_nothing(use, tmp_path):
    graph = use(collapsing(1.0))
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    litesmith.export("m.keras", first, data=X)
    use(graph)
    report = litesmith.export("m.keras", second, data=X, max_drop=0.5)
    assert first.read_bytes() == second.read_bytes()
    assert report.sensitivity == ()
    assert write(graph)
    assert "repair" not in {s.name for s in report.steps}
