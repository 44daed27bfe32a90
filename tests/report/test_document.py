from __future__ import annotations

import json

import numpy as np
import pytest

from litesmith.report import Report, StepFacts, Warn
from litesmith.report.document import document, to_json

# Keys of the contract: extended, never renamed.
CONTRACT = (
    "litesmith status error source artifact parity score latency_ms target steps seconds warnings"
)


def test_a_bare_report_has_every_key_of_the_contract():
    found = document(Report("1.2.3"))
    assert set(CONTRACT.split()) <= set(found)
    assert found["status"] == "failed"
    assert found["source"] is found["artifact"] is found["parity"] is found["score"] is None
    assert found["steps"] == found["warnings"] == []


def test_numbers_are_finite_or_null():
    step = StepFacts(
        "s", {"a": float("nan"), "b": np.float32("inf"), "c": np.int64(3)}, "", "", 0.5
    )
    found = json.loads(to_json(Report("1", steps=(step,), seconds=float("inf"))))
    assert found["steps"][0]["options"] == {"a": None, "b": None, "c": 3}
    assert found["seconds"] is None


def test_text_keeps_its_letters_and_tuples_become_lists():
    found = to_json(Report("1", warnings=(Warn("c", "größer ×2", ""),)))
    assert "größer ×2" in found
    assert json.loads(found)["warnings"] == [{"code": "c", "message": "größer ×2", "hint": ""}]


def test_only_reports_are_documents():
    with pytest.raises(TypeError):
        document(("not", "a", "report"))
