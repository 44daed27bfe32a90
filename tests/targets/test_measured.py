"""The rows against what the targets' own tools did with every case (`measured/`, `measure.py`)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from litesmith.targets import find_target, verdict
from litesmith.targets.rules import breaking, objection
from tests.targets.cases import Case, cases

_FOLDER = Path(__file__).parent / "measured"

# Where the tools' behavior is not a rule worth a row: the table is the stricter side of each.
_STRICTER = {
    "tflite_micro": set[str](),
    "ethos-u55-128": set[str](),
    "ethos-u85-256": {"PRELU-shared-int32", "RESIZE_BILINEAR-plain_down-int32"},
}


def _measured(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())["found"]
    return found


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(cases())


def _placed(case: Case, name: str) -> str:
    table = find_target(name).table
    if breaking(case.op, table, {*case.graph.inputs, *case.graph.outputs}) is not None:
        return "fails"
    return "npu" if objection(case.op, table) is None else "cpu"


@pytest.mark.parametrize(
    ("name", "facts"), [("ethos-u55-128", "vela_ethos_u55"), ("ethos-u85-256", "vela_ethos_u85")]
)
def test_ops_are_placed_where_vela_placed_them(name, facts):
    measured = _measured(facts)
    wrong = {
        case.name: (measured[case.name], _placed(case, name))
        for case in _cases()
        if measured.get(case.name, _placed(case, name)) != _placed(case, name)
    }
    assert set(wrong) == _STRICTER[name], wrong
    assert all(_rank(mine) < _rank(theirs) for theirs, mine in wrong.values())


def _rank(placed: str) -> int:
    return ("fails", "cpu", "npu").index(placed)


def test_micro_runs_what_its_interpreter_ran():
    measured = _measured("tflite_micro")
    micro = find_target("micro")
    wrong = {
        case.name: measured[case.name]
        for case in _cases()
        if case.name in measured
        and (measured[case.name] == "runs") != (verdict(case.graph, micro) == ())
    }
    assert set(wrong) == _STRICTER["tflite_micro"], wrong


def test_nearly_every_case_was_measured():
    """A new sample of an op need not wait for the tools; many of them mean: measure again."""
    names = {case.name for case in _cases()}
    for facts in ("vela_ethos_u55", "vela_ethos_u85", "tflite_micro"):
        assert len(names & set(_measured(facts))) > 0.95 * len(names)
