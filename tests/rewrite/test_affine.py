"""Random graphs mean the same after all families of constant scales and shifts ran."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from litesmith.graph import Graph
from tests.rewrite.affine_graphs import affine_graphs, check


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(affine_graphs())
def test_random_graphs(graph: Graph) -> None:
    check(graph)
