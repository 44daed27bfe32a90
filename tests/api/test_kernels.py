"""`kernels`: the recorded table, and one measured here."""

from __future__ import annotations

import pytest

from litesmith import api
from litesmith.errors import InputError
from litesmith.forge import kernels as module
from litesmith.quantize.kernel_files import Case
from litesmith.report.document import document
from litesmith.report.kernels import kernels_table
from tests.report.test_console import printed


def test_the_recorded_table() -> None:
    report = api.kernels()
    assert not report.measured and report.machine is None
    text = printed(kernels_table(report))
    assert "int16x8" in text and "recorded" in text and "answers NaN" in text
    assert document(report)["kernels"][0].keys() == {"op", "form", "ms", "relative", "defect"}


def test_measured_here(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("DEPTHWISE_CONV_2D", (1, 5, 4, 8), (1, 3, 3, 8))
    monkeypatch.setattr(module, "CASES", (case,))
    report = api.kernels(measure=True, seconds=0.01)
    assert report.measured and report.machine is not None
    rows = {row.form: row for row in report.kernels}
    assert rows["float"].relative == 1
    assert rows["hybrid int4"].ms is None and "refused" in (rows["hybrid int4"].defect or "")
    assert rows["int8"].defect is None
    assert "no" in printed(kernels_table(report))


def test_no_time_at_all() -> None:
    with pytest.raises(InputError, match="seconds above 0"):
        api.kernels(measure=True, seconds=0)
