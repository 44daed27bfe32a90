"""What each op's precision costs at the outputs, and which ops to give more bits.

An op's cost is the error of the answers (`Trials`) when that op alone computes in few bits and all
others in float. Taking one op out of a quantized file would not show it: a value that 8 bits cannot
hold stays bad until both the op that makes it and the op that reads it are float, and each of the
two looks innocent while the other is not. While errors are small they add up, so the ranked costs
say what a set of ops costs together; `raise_until` then tries the set as a whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from litesmith.graph import Graph, Op
from litesmith.graph.facts import facts
from litesmith.quantize.annotate import annotate
from litesmith.quantize.choose import WIDE, Precisions
from litesmith.quantize.lower import lower
from litesmith.quantize.plan import integer_ops, refusal
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.schemes import FLOAT_BITS
from litesmith.quantize.trials import Trials
from litesmith.quantize.weights import FOUR_BIT

_MACS = 3e10  # multiply-accumulates that one table may take, about 15 s
_FEWEST, _MOST = 8, 64  # examples
_PRUNED = 24  # ops that are tried to be lowered again

Bits = Mapping[Op, int]


@dataclass(frozen=True)
class Subject:
    """A float graph that is to be quantized.

    Attributes:
        graph: the graph.
        ranges: of its tensors, with a sample of the examples.
        precisions: bits per op to begin with; ops named there keep them.
        floats: ops that stay float, and why.
        top: the most bits an op may get: 32, or 16 where float ops are not allowed.
    """

    graph: Graph
    ranges: Ranges
    precisions: Precisions
    floats: Mapping[Op, str] = field(default_factory=lambda: MappingProxyType({}))
    top: int = FLOAT_BITS


@dataclass(frozen=True)
class Cost:
    """One op at one precision.

    Attributes:
        op: the op.
        bits: 1 to 4 (weights; activations 8), 8 or 16 (activations; weights 8).
        error: of the answers, when this op alone has so few bits (see `Trials`).
        size: bytes of its weights at these bits.
        changed: the part of decisions that are others then; None for outputs that decide nothing.
    """

    op: Op
    bits: int
    error: float
    size: int
    changed: float | None = None


@dataclass(frozen=True)
class Sensitivity:
    """The costs of all ops that may be integers.

    Attributes:
        costs: the dearest first.
        examples: how many they were measured on.
        error: of all ops at their first bits together.
    """

    costs: tuple[Cost, ...]
    examples: int
    error: float


def measure(subject: Subject) -> Sensitivity:
    """Return the ranked costs of a graph's ops.

    Deterministic: the sample does not depend on the order of the examples, and how much of it is
    used depends on the graph alone.
    """
    found = rungs(subject)
    variants = [(op, bits) for op, steps in found.items() for bits in steps if bits < subject.top]
    trials = _trials(subject, len(variants) + 1)
    if not trials.possible:
        return Sensitivity((), 0, 0.0)
    alone = replace(subject, precisions=Precisions(FLOAT_BITS))
    costs = []
    for op, bits in variants:
        error, changed = trials.compared(built(alone, {op: bits}))
        costs.append(Cost(op, bits, error, stored_bytes(op, bits), changed))
    ranked = tuple(sorted(costs, key=lambda cost: -cost.error))
    return Sensitivity(ranked, trials.examples, trials.error(built(subject, {})))


def rungs(subject: Subject) -> dict[Op, tuple[int, ...]]:
    """Return op → the bits it may have, ascending, for integer ops that may be raised."""
    graph, precisions = subject.graph, subject.precisions
    decided, _ = integer_ops(graph, False, subject.floats, precisions)
    found = {}
    for op in graph.ops:
        if not decided.get(op, False) or op in precisions.own:
            continue
        first = _first(op, precisions)
        steps = tuple(b for b in sorted({first, 4, 8, subject.top}) if first <= b <= subject.top)
        if subject.top == WIDE and refusal(op, WIDE) is not None:
            steps = tuple(b for b in steps if b < WIDE)
        if len(steps) > 1:
            found[op] = steps
    return found


def _first(op: Op, precisions: Precisions) -> int:
    """Return the bits an op has to begin with: without an int4 kernel its weights have 8."""
    bits = precisions.of(op)
    return 8 if bits <= 4 and op.kind not in FOUR_BIT else bits


def built(subject: Subject, more: Bits) -> Graph:
    """Return the graph with some ops at other bits, float at its ends."""
    own = MappingProxyType({**subject.precisions.own, **more})
    annotated = annotate(
        subject.graph,
        subject.ranges,
        floats=subject.floats,
        precisions=replace(subject.precisions, own=own),
    )
    return lower(annotated, "float32", "float32")


def stored_bytes(op: Op, bits: int) -> int:
    """Return the bytes of an op's constant weights at these bits, as they are stored unpacked."""
    row = facts(op)
    weights = op.input(row.weights.index) if row is not None and row.weights is not None else None
    if weights is None or weights.data is None:
        return 0
    narrowest = 2 if op.kind == "FULLY_CONNECTED" and bits <= 2 else 4
    width = 8 if bits == WIDE else max(bits, narrowest)
    return -(-int(weights.data.size) * width // 8)


def raise_until(subject: Subject, found: Sensitivity, limit: float) -> Bits | None:
    """Return the ops to raise so that the error is at most `limit`; None if none suffices.

    The shortest part of the ranked list that serves is found by bisection; then ops of it that
    turn out not to be needed go back. Every set is tried on LiteRT as a file.

    Args:
        subject: what is quantized.
        found: from `measure` on it.
        limit: error of the answers.
    """
    moves = ladder(subject, found)
    trials = _trials(subject, len(moves).bit_length() + _PRUNED)
    tried: dict[int, bool] = {}

    def serves(count: int) -> bool:
        if count not in tried:
            tried[count] = trials.error(built(subject, _after(moves[:count]))) <= limit
        return tried[count]

    if not trials.possible or not moves or not serves(len(moves)):
        return None
    low, high = 0, len(moves)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if serves(middle) else (middle, high)
    return _pruned(subject, trials, _after(moves[:high]), limit)


def _pruned(subject: Subject, trials: Trials, chosen: Bits, limit: float) -> Bits:
    """Return the choice with fewer bits where they serve, ops tried first that buy least."""
    kept = dict(chosen)
    steps = rungs(subject)
    left = _PRUNED
    for op in reversed(list(kept)):
        for bits in (b for b in steps[op] if b < kept[op]):
            fewer = {**kept, op: bits}
            if bits == steps[op][0]:
                del fewer[op]
            if not fewer or left <= 0:
                continue
            left -= 1
            if trials.error(built(subject, fewer)) <= limit:
                kept = fewer
                break
    return kept


def all_raised(subject: Subject) -> Bits:
    """Return every op that may be raised at its most bits."""
    return {op: steps[-1] for op, steps in rungs(subject).items()}


def ladder(subject: Subject, found: Sensitivity) -> tuple[tuple[Op, int], ...]:
    """Return (op, the bits it is raised to), what buys most first."""
    error = {(cost.op, cost.bits): cost.error for cost in found.costs}
    moves: list[tuple[float, Op, int]] = []
    for op, steps in rungs(subject).items():
        for lower_bits, higher in itertools.pairwise(steps):
            gain = error.get((op, lower_bits), 0.0) - error.get((op, higher), 0.0)
            moves.append((gain, op, higher))
    moves.sort(key=lambda move: -move[0])
    return tuple((op, bits) for _, op, bits in moves)


def _after(moves: Iterable[tuple[Op, int]]) -> dict[Op, int]:
    found: dict[Op, int] = {}
    for op, bits in moves:
        found[op] = max(bits, found.get(op, 0))
    return found


def _trials(subject: Subject, variants: int) -> Trials:
    """Return trials on as many examples as so many variants leave time for."""
    macs = max(macs_of(subject.graph), 1) * max(variants, 1)
    count = int(np.clip(_MACS / macs, _FEWEST, _MOST))
    return Trials(subject.graph, subject.ranges.sample[:count])


def macs_of(graph: Graph) -> int:
    """Return the multiply-accumulates of a graph's ops with weights, for one invocation."""
    total = 0
    for op in graph.ops:
        row = facts(op)
        weights = op.input(row.weights.index) if row is not None and row.weights else None
        if weights is not None and weights.data is not None:
            total += int(np.prod(op.outputs[0].shape[:-1])) * int(weights.data.size)
    return total


def names_of(chosen: Bits, known: Sequence[Op]) -> tuple[str, ...]:
    """Return a choice as `--bits` has it: "RESULT=N" for ops that are among `known`.

    A name that would fit others too is left to fit them: they are raised as well.
    """
    names = {t.name for op in known for t in op.outputs}
    return tuple(
        f"{_literal(op.outputs[0].name)}={bits}"
        for op, bits in chosen.items()
        if op.outputs[0].name in names
    )


def _literal(name: str) -> str:
    """Return a name with the wildcards of a shell taken literally."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
