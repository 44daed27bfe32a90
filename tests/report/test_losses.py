from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from litesmith.report import OpCost, Report, Warn
from litesmith.report.console import explained_table, export_table

LOSS = Warn("score_drop", "accuracy drops by 20.0 points on 100 examples.", "Set --max-drop.")
OTHER = Warn("slower", "The file is slow.", "")
COST = OpCost("conv_out", "CONV_2D", ("stem",), 8, 0.25, 1200)


def text(renderable) -> str:
    console = Console(width=120, record=True, file=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_a_large_loss_stands_above_the_table():
    shown = text(export_table(Report("0", warnings=(OTHER, LOSS))))
    assert shown.index("drops by 20.0 points") < shown.index("model") < shown.index("is slow")
    assert shown.count("drops by") == 1


def test_the_ranked_ops_are_shown_when_some_were_raised_or_when_asked():
    quiet = Report("0", sensitivity=(COST,))
    raised = replace(quiet, sensitivity=(replace(COST, chosen_bits=32),))
    assert "stem" not in text(export_table(quiet))
    assert "stem" in text(explained_table(quiet))
    assert "float" in text(export_table(raised))
    assert text(explained_table(raised)).count("stem") == 1


def test_the_list_is_cut_but_raised_ops_stay():
    many = tuple(replace(COST, op=f"op{i}", layers=(f"layer{i}",)) for i in range(30))
    last = replace(many[-1], chosen_bits=8)
    shown = text(export_table(Report("0", sensitivity=(*many[:-1], last))))
    assert "layer29" in shown
    assert "layer20" not in shown
    assert "18 more rows" in shown
