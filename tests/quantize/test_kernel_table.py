"""What kernels cost: the recorded table, and the one-op files that make it."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import read, verify
from litesmith.quantize.kernel_files import CASES, FORMS, Case, Form, kernel_file
from litesmith.quantize.kernel_table import MEASURED, ratio, recorded
from litesmith.runtime import Session

_SMALL = (
    Case("CONV_2D", (1, 5, 4, 8), (6, 3, 3, 8)),
    Case("DEPTHWISE_CONV_2D", (1, 5, 4, 8), (1, 3, 3, 8)),
    Case("FULLY_CONNECTED", (1, 64), (8, 64)),
    Case("FULLY_CONNECTED", (1, 3, 2, 32), (8, 32)),
)
_MISSING = (
    ("CONV_2D", "int2"),
    ("DEPTHWISE_CONV_2D", "int2"),
    ("DEPTHWISE_CONV_2D", "hybrid int4"),
)
_SHIPPED = tuple(f for f in FORMS if f.name != "hybrid int2")


def test_the_table_has_a_row_for_every_case_and_form() -> None:
    assert list(MEASURED) == [case.name for case in CASES]
    for case in CASES:
        forms = {form.name for form in FORMS if kernel_file(case, form) is not None}
        assert forms == MEASURED[case.name].keys()
    rows = list(recorded())
    assert all((ms is None) == bool(defect) for _, _, (ms, _, defect) in rows)
    assert all(relative == 1 for _, form, (_, relative, _) in rows if form == "float")


def test_ratios() -> None:
    slow = ratio("CONV_2D", "int16x8", "float")
    assert slow is not None and slow > 10
    assert ratio("DEPTHWISE_CONV_2D", "hybrid int4", "float") is None
    assert ratio("SOFTMAX", "int8", "float") is None


@pytest.mark.parametrize("form", _SHIPPED, ids=lambda f: f.name)
@pytest.mark.parametrize("case", _SMALL, ids=lambda c: c.kind)
def test_files_answer_what_their_numbers_mean(case: Case, form: Form) -> None:
    file, exact = kernel_file(case, form), kernel_file(case, FORMS[0], numbers=form)
    if file is None or (case.kind, form.name) in _MISSING:
        pytest.skip("LiteRT has no such kernel")
    verify(read(file.model))
    answers = []
    for one in (file, exact):
        assert one is not None
        session = Session(one.model)
        session.feed([one.fed])
        session.invoke()
        answers.append(session.fetch()[0] * one.scale)
    # Integer results are rounded to steps, and clipped where a sum is far out.
    assert np.abs(answers[0] - answers[1]).max() < 0.1 * np.abs(answers[1]).max()
