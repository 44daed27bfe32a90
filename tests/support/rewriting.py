"""Run families on a graph and hold them to what every rewrite promises."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import assume, currently_in_test_context

from litesmith.graph import Graph, text, verify
from litesmith.rewrite import Family, apply
from tests.support.graphs import all_tensors, draw, execute

_GOLDEN = Path(__file__).parents[1] / "golden"


def kinds(graph: Graph) -> Counter[str]:
    """Return how often each op kind occurs."""
    return Counter(op.kind for op in graph.ops)


def check(graph: Graph, *families: Family, low: float = -2.0, high: float = 2.0) -> Graph:
    """Return the rewritten graph.

    Asserts that it is sound, settled, no larger, and computes the same on XNNPACK and on the
    optimized kernels, relative to the largest value on the way.
    """
    outcome = apply(graph, families)
    after = verify(outcome.graph)
    assert outcome.done is (after is not graph)
    assert len(after.ops) <= len(graph.ops)
    assert not apply(after, families).done
    assert [t.shape for t in after.inputs] == [t.shape for t in graph.inputs]
    for t, before in zip(after.outputs, graph.outputs, strict=True):
        assert (t.shape, t.dtype) == (before.shape, before.dtype)
    same(graph, after, low, high)
    return after


def same(graph: Graph, after: Graph, low: float = -2.0, high: float = 2.0) -> None:
    """Assert that two graphs compute the same."""
    arrays = draw(graph, 3, low=low, high=high)
    with np.errstate(all="ignore"):
        values = execute(all_tensors(graph), arrays)
        scale = max((float(np.abs(v).max(initial=0)) for v in values), default=0.0)
    if currently_in_test_context():
        assume(np.isfinite(scale) and scale < 1e8)
    for kernels in ("builtin", "default"):
        before = execute(graph, arrays, kernels)
        for a, b in zip(before, execute(after, arrays, kernels), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            worst = np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0)
            assert worst <= 1e-5 * scale, f"{kernels}: {worst} of {scale}"


def declined(graph: Graph, *families: Family) -> str:
    """Return why families decline on a graph they leave alone."""
    outcome = apply(graph, families)
    assert not outcome.done, text(outcome.graph)
    return "\n".join(outcome.explain)


def golden(name: str, cases: dict[str, Graph], *families: Family) -> None:
    """Compare the text of each graph, before and after, with tests/golden/rewrite_NAME.txt."""
    found = "\n".join(
        f"# {title}\n{text(graph)}# becomes\n{text(check(graph, *families))}"
        for title, graph in cases.items()
    )
    path = _GOLDEN / f"rewrite_{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")
