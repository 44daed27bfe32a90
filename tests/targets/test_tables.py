"""Every table says something about every op kind, with a source; and the docs say the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from litesmith.graph import DType
from litesmith.graph.facts import FACTS
from litesmith.targets import TARGETS, Table, find_target, may, may_be_per_channel, runs_hybrid
from litesmith.targets.rules import Row, table_of
from litesmith.targets.verdict import per_tensor_kinds
from tests.targets.page import MARK, markdown

_DOCS = Path(__file__).parents[2] / "docs" / "targets.md"
_TABLES = {target.table.name: target.table for target in TARGETS.values()}
tables = pytest.mark.parametrize("table", _TABLES.values(), ids=list(_TABLES))


@tables
def test_every_kind_of_the_fact_table_has_a_row_or_is_known_not_to_run(table: Table):
    assert set(FACTS) - set(table.rows) - set(table.never) == set()
    assert set(table.rows) & set(table.never) == set()


@tables
def test_every_row_names_its_source(table: Table):
    assert {row.source for row in table.rows.values()} <= set(table.sources)
    assert table.version


@tables
def test_names_of_constraints_are_unique_and_sentences_complete_it_needs(table: Table):
    rows = [c for row in table.rows.values() for c in row.constraints]
    for constraint in (*rows, *table.generic, *table.breaks):
        assert not constraint.sentence.endswith(".")
        assert constraint.way == "" or constraint.way.endswith(".")
    for row in table.rows.values():
        names = [constraint.name for constraint in row.constraints]
        assert len(names) == len(set(names)), row.kind


@tables
def test_ops_with_weights_say_which_and_how(table: Table):
    for kind, facts in FACTS.items():
        row = table.rows.get(kind)
        if facts.weights is not None and row is not None:
            assert row.per_channel is not None, kind
            assert all(types.weights is not None for types in row.types), kind


def test_a_kind_has_one_row():
    with pytest.raises(ValueError, match="two rows for ADD"):
        table_of([Row("ADD", frozenset()), Row("ADD", frozenset())])


def test_what_later_steps_ask():
    u55, micro, edge = map(find_target, ("ethos-u55-128", "micro", "edgetpu"))
    assert may("CONV_2D", u55, DType.INT16, DType.INT8)
    assert not may("CONV_2D", u55, DType.INT8, DType.INT4)
    assert may("CONV_2D", micro, DType.INT8, DType.INT4)
    assert not may("SQRT", u55, DType.INT8)
    assert (may_be_per_channel("FULLY_CONNECTED", edge), per_tensor_kinds(edge)) == (
        False,
        ("FULLY_CONNECTED",),
    )
    assert may_be_per_channel("CONV_2D", edge)
    assert runs_hybrid(find_target("cpu"))
    assert not runs_hybrid(micro)


def test_targets_without_loops_want_fused_recurrent_layers():
    fused = {name for name, target in TARGETS.items() if target.recurrent == "fused"}
    assert {"micro", "edgetpu", "ethos-u55-128", "ethos-u85-256"} <= fused
    assert find_target("cpu").recurrent == "auto"


def test_the_docs_say_the_same():
    """UPDATE_GOLDEN=1 writes the tables into docs/targets.md."""
    introduction, mark, written = _DOCS.read_text().partition(MARK)
    assert mark
    if os.environ.get("UPDATE_GOLDEN"):
        _DOCS.write_text(introduction + MARK + markdown())
        written = markdown()
    assert written == markdown()
