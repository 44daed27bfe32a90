"""What a rewrite may change in the outputs of a graph, held against the runtime's own noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from litesmith.graph import Array, DType, Graph, verify, write
from litesmith.rewrite import FAMILIES
from litesmith.rewrite.engine import Log, run
from litesmith.runtime import Session

TIMES = 3.0  # of the difference between XNNPACK and the reference kernels
FLOOR = 4.0 * 2.0**-23  # 4 ulps of the largest norm of any value on the way
RELATIVE = 1e-4  # of the output's own norm: what the floor may hide


@dataclass(frozen=True)
class Verdict:
    """One graph.

    Attributes:
        fired: edits per family.
        before, after: ops.
        error: ‖rewritten − original‖, both on XNNPACK, per output, as a part of its limit; the
            worst one.
        relative: ‖rewritten − original‖ / ‖original‖, of the worst output.
        within_noise: the error is at most TIMES the kernels' difference, without the floor.
        problem: what is wrong, "" when nothing is.
    """

    fired: Counter[str] = field(default_factory=Counter)
    before: int = 0
    after: int = 0
    error: float = 0.0
    relative: float = 0.0
    within_noise: bool = True
    problem: str = ""


def judge(graph: Graph, seed: int = 0) -> Verdict:
    """Rewrite a graph by all families; compare what it computes, over 3 random inputs."""
    log = Log()
    after = verify(run(graph, FAMILIES, log))
    counts = len(graph.ops), len(after.ops)
    if counts[1] > counts[0]:
        return Verdict(log.fired, *counts, problem="more ops")
    ends = [[(t.shape, t.shape_signature, t.dtype) for t in g.outputs] for g in (graph, after)]
    if ends[0] != ends[1]:
        return Verdict(log.fired, *counts, problem="other outputs")
    fed = _inputs(graph, seed)
    # The reference set has no ELU; the optimized kernels stand in.
    other = "builtin" if any(op.kind == "ELU" for op in graph.ops) else "reference"
    kernels = ((graph, "default"), (graph, other), (after, "default"))
    old, plain, new = (_run(g, fed, kind) for g, kind in kernels)
    floor = FLOOR * _largest(graph, fed)
    errors = [_norm(a, b) for a, b in zip(old, new, strict=True)]
    noises = [TIMES * _norm(a, b) for a, b in zip(old, plain, strict=True)]
    if not all(np.isfinite([floor, *noises])):
        return Verdict(log.fired, *counts)  # what overflows says nothing
    parts = [e / (n + floor) if e else 0.0 for e, n in zip(errors, noises, strict=True)]
    worst = max(parts, default=0.0)
    sizes = [float(np.linalg.norm(a)) for a in old]
    relative = max((e / s for e, s in zip(errors, sizes, strict=True) if s), default=0.0)
    within = all(e <= n for e, n in zip(errors, noises, strict=True))
    fine = worst <= 1 and (within or relative <= RELATIVE)
    problem = "" if fine else f"{max(errors):.3g} off, {worst:.1f} times what is allowed"
    return Verdict(log.fired, *counts, worst, relative, within, problem)


def _inputs(graph: Graph, seed: int) -> list[list[Array]]:
    """Return 3 random examples; an open batch is 1, then 3, then 2."""
    random = np.random.default_rng((seed, 2))
    rows = []
    for batch in (1, 3, 2):
        row = []
        for t in graph.inputs:
            shape = (batch, *t.shape[1:]) if t.is_dynamic else t.shape
            if t.dtype is DType.FLOAT32:
                row.append(random.normal(0, 1, shape).astype(np.float32))
            else:
                row.append(random.integers(-5, 5, shape).astype(t.dtype.numpy))
        rows.append(row)
    return rows


def _run(graph: Graph, rows: Sequence[Sequence[Array]], kernels: str) -> list[Array]:
    """Return per output all its elements over all examples."""
    session = Session(write(graph), kernels=kernels)
    found: list[list[Array]] = [[] for _ in graph.outputs]
    for row in rows:
        session.feed(row)
        session.invoke()
        for values, value in zip(found, session.fetch(), strict=True):
            values.append(value.astype(np.float64).ravel())
    return [np.concatenate(values) for values in found]


def _largest(graph: Graph, rows: Sequence[Sequence[Array]]) -> float:
    values = [t for t in graph.tensors() if t.dtype is DType.FLOAT32 and not t.is_constant]
    whole = graph.with_(outputs=tuple(values), signatures=())
    return max(float(np.linalg.norm(v)) for v in _run(whole, rows, "builtin"))


def _norm(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b)) if a.shape == b.shape else float("inf")
