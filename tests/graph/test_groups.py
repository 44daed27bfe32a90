"""Disjoint sets of tensors."""

from __future__ import annotations

from litesmith.graph.groups import Groups
from tests.support.graphs import tensor


def test_groups() -> None:
    a, b, c, d = (tensor(n, (1,)) for n in "abcd")
    groups = Groups()
    for t in (a, b, c, d):
        groups.find(t)
    groups.join((a, b))
    groups.join((c, d))
    assert [[t.name for t in s] for s in groups.sets()] == [["a", "b"], ["c", "d"]]
    groups.join((b, d))
    assert len(groups.sets()) == 1
    assert len({id(groups.find(t)) for t in (a, b, c, d)}) == 1
