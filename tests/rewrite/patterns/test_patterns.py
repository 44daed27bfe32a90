"""Every pattern reaches its minimum, and computes the same on LiteRT."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from litesmith.rewrite import FAMILIES
from tests.rewrite.patterns.keras_models import MODELS
from tests.rewrite.patterns.pattern import Pattern
from tests.rewrite.patterns.table import PATTERNS, markdown
from tests.support.rewriting import check, kinds

_DOCS = Path(__file__).parents[3] / "docs" / "rewrites.md"
_START, _END = "<!-- patterns -->\n", "<!-- /patterns -->\n"
DIRECT = [p for p in PATTERNS if p.direct is not None]


@pytest.mark.parametrize("pattern", DIRECT, ids=lambda p: p.name)
def test_the_minimum_is_reached(pattern: Pattern) -> None:
    after = check(pattern.graph(), *FAMILIES)
    assert kinds(after) == pattern.minimum


def test_names_are_one_to_one() -> None:
    names = Counter(p.name for p in PATTERNS)
    assert names == Counter(MODELS.keys()), "a pattern without a Keras model, or the other way"


def test_the_docs_say_the_same() -> None:
    """UPDATE_GOLDEN=1 writes the table into docs/rewrites.md."""
    text = _DOCS.read_text(encoding="utf-8")
    before, rest = text.split(_START)
    table, after = rest.split(_END)
    if os.environ.get("UPDATE_GOLDEN"):
        _DOCS.write_text(before + _START + markdown() + _END + after, encoding="utf-8")
        table = markdown()
    assert table == markdown()
