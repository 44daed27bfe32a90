"""The further signatures of a file, each held against the original."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from litesmith import graph as graphs
from litesmith.forge import prove
from litesmith.forge.synthetic import generate
from litesmith.graph import Graph
from litesmith.graph.signatures import sole
from litesmith.measure import Fidelity
from litesmith.report import Parity
from litesmith.runtime import Session
from litesmith.sources import Source

_BETTER_SMALL = ("float_max_abs_error", "max_abs_error", "relative_error", "float_relative_error")
_BETTER_LARGE = ("cosine", "sqnr_db", "top1_agreement", "float_top1_agreement")


def fidelities(
    opened: Source, exact: Graph, final: Graph, seed: int
) -> Iterator[tuple[Fidelity, Fidelity]]:
    """Yield the fidelity of the float file and of the one that ships, on generated inputs.

    Args:
        opened: the original; its `info.siblings` are what is yielded.
        exact: the float file's graph.
        final: the graph that ships.
        seed: of the inputs.
    """
    for sibling in opened.info.siblings:
        parts = [sole(graph, sibling.key) for graph in (exact, final)]
        runs = [Session(graphs.write(part)).run for part in parts]
        examples = generate(parts[0], prove.PARITY_EXAMPLES, seed, sibling.inputs)
        run = _runner(opened, sibling.key)
        reference = prove.Reference(run, examples, parts[0])
        names = [f"{sibling.key}/{spec.name}" for spec in sibling.outputs]
        first, second = reference.fidelity(names, *runs)
        yield first, second


def with_sibling(parity: Parity, other: Parity) -> Parity:
    """Return the parity of both signatures: every output is listed, the worst one counts."""
    changes: dict[str, Any] = {"outputs": (*parity.outputs, *other.outputs)}
    for names, worse in ((_BETTER_SMALL, max), (_BETTER_LARGE, min)):
        for name in names:
            changes[name] = _worst(getattr(parity, name), getattr(other, name), worse)
    return replace(parity, **changes)


def _worst(a: float | None, b: float | None, worse: Callable[..., float]) -> float | None:
    known = [x for x in (a, b) if x is not None]
    return worse(known) if known else None


def _runner(opened: Source, key: str) -> prove.Run:
    return lambda batch: opened.run(batch, key)
