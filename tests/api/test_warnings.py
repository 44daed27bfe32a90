"""No large loss is passed over: a warning above the table, with a way on, whatever the scheme."""

from __future__ import annotations

import pytest
from rich.console import Console

from litesmith.forge import warnings
from litesmith.forge.options import ExportOptions
from litesmith.quantize import SCHEMES
from litesmith.report import Parity, Report, Score, Warn
from litesmith.report.console import export_table

WAYS = {
    **dict.fromkeys(("int8", "int16x8"), ("--train auto", "--float-ops", "--explain")),
    **dict.fromkeys(("int4", "int3", "ternary", "binary"), ("--train auto", "--bits PATTERN=8")),
    **dict.fromkeys(("dynamic-int4", "weights-int4"), ("--train auto", "--bits PATTERN=8")),
    **dict.fromkeys(("dynamic", "weights-int8"), ("--float-ops", "compare")),
    **dict.fromkeys(("none", "float16"), ("compare",)),
}


def parity(sqnr_db: float, agreement: float | None) -> Parity:
    return Parity(100, False, 0.0, 0.1, 0.1, 0.9, sqnr_db, agreement, ())


def score(artifact: float) -> Score:
    drop = 0.9 - artifact
    return Score("accuracy", 500, 0.9, artifact, drop, drop + 0.01, unit="fraction")


LOSSES = {
    "score_drop": {"score": score(0.4)},
    "low_agreement": {"parity": parity(3.0, 0.4)},
    "low_sqnr": {"parity": parity(3.0, None)},
}


def told(scheme, code):
    report = Report("0", **LOSSES[code])
    found = [w for w in warnings.after(report, ExportOptions(), scheme) if w.code == code]
    return report, found


def test_every_scheme_has_its_ways() -> None:
    assert set(WAYS) == set(SCHEMES)


@pytest.mark.parametrize("code", LOSSES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_large_loss_is_a_warning_with_a_way_on(scheme: str, code: str) -> None:
    _, (notice,) = told(scheme, code)
    assert all(way in notice.hint for way in WAYS[scheme]), notice.hint
    if scheme == "int8":
        assert "--quantize int16x8" in notice.hint


@pytest.mark.parametrize("code", LOSSES)
def test_it_stands_above_the_table(code: str) -> None:
    report, (notice,) = told("int8", code)
    warned = Report(
        report.litesmith, **LOSSES[code], warnings=(Warn(notice.code, notice.message, notice.hint),)
    )
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(export_table(warned))
    first = next(line for line in console.export_text().splitlines() if line.strip())
    assert first.startswith("! ") and notice.message in first


@pytest.mark.parametrize("code", LOSSES)
def test_small_losses_are_none(code: str) -> None:
    small = {"score": score(0.895), "parity": parity(40.0, 0.99)}
    found = warnings.after(Report("0", **small), ExportOptions(), "int8")
    assert code not in {notice.code for notice in found}
