"""What each runtime can run, as frozen tables.

Add here: a row in `table.py` for a target, and for a new family a file with its `Table`: rows of
ops, element types and constraints, each with its source (`rules.py` has the nouns). Tests hold the
rows against the real tools; docs/targets.md is written from them. Later, beside them, the
real tool that proves that a file runs there. Nothing in this room runs a model.
"""

from litesmith.targets.rules import Constraint, Row, Source, Table, Types
from litesmith.targets.table import TARGETS, Target, find_target
from litesmith.targets.verdict import (
    Refusal,
    may,
    may_be_per_channel,
    per_tensor_kinds,
    runs_hybrid,
    runs_litert,
    verdict,
)

__all__ = [
    "TARGETS",
    "Constraint",
    "Refusal",
    "Row",
    "Source",
    "Table",
    "Target",
    "Types",
    "find_target",
    "may",
    "may_be_per_channel",
    "per_tensor_kinds",
    "runs_hybrid",
    "runs_litert",
    "verdict",
]
