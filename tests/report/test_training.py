from __future__ import annotations

from dataclasses import replace

from litesmith.report import StepFacts, TrainingFacts
from litesmith.report.console import export_table
from litesmith.report.training import training_line, training_of
from tests.report.test_console import REPORT, printed

FACTS = TrainingFacts(1000, 600, 600, 0.31, 0.012, 0.62, 0.985, 34.2, "finished")


def trained(facts, outcome="done"):
    step = StepFacts("train", {}, outcome, "why", 35.0, training=facts)
    return replace(REPORT, steps=(*REPORT.steps, step))


def test_a_trained_file_is_called_that_and_a_line_says_what_it_helped():
    line = (
        "training: 600 steps on 1,000 examples in 34 s; held-out loss 0.31 → 0.012, "
        "agreement 62.0% → 98.5%"
    )
    assert training_line(trained(FACTS)) == line
    text = printed(export_table(trained(FACTS)), 200)
    assert ", trained" in text
    assert line in text


def test_stopped_early_and_without_a_look():
    nothing = float("nan")
    facts = replace(FACTS, steps=40, loss_before=nothing, stopped="interrupted")
    line = "training: 40 of 600 steps on 1,000 examples in 34 s"
    assert training_line(trained(facts)) == line


def test_nothing_is_said_of_what_did_not_help():
    report = trained(FACTS, "declined")
    assert training_of(report) is None
    assert training_line(report) == ""
    assert ", trained" not in printed(export_table(report))
    assert training_line(REPORT) == ""
