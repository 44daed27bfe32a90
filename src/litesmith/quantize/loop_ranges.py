"""Ranges of what is inside loops and branches, over all steps of all examples, by the runtime.

A tensor of a called graph cannot be an output of the file, and what is read of it after a run is of
the last step alone. So the graphs are made to keep book: a loop carries, for each tensor that it
computes, the least and the greatest value of each element so far, and a branch hands them on (one
that is not taken hands on limits that change nothing). The loop's results are then outputs like any
other, at the speed of the runtime, at any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from litesmith.data import Examples
from litesmith.graph import Array, DType, Graph, Op, Tensor, write
from litesmith.graph.build import make_constant, make_op
from litesmith.quantize.ranges import Ranges, derive, watched
from litesmith.runtime import Session

_CHUNK = 16  # examples fetched from the source at a time
_LIMIT = 3e38  # a float32 that is above all others that matter


@dataclass(frozen=True)
class _Book:
    """Where the extremes of one tensor of a called graph are kept, as tensors of the caller."""

    of: Tensor
    low: Tensor
    high: Tensor


def with_loops(graph: Graph, ranges: Ranges, data: Examples) -> Ranges:
    """Return the ranges with those of tensors in called graphs.

    Tensors of a graph that no example ran (a branch that is not taken) have the range (0, 0).

    Args:
        graph: float graph.
        ranges: of its main graph.
        data: representative examples, all of which are used.
    """
    books: list[_Book] = []
    kept = _keeping(graph, books)
    if not books:
        return ranges
    outputs = tuple(t for book in books for t in (book.low, book.high))
    session = Session(write(kept.with_(outputs=outputs, signatures=(), siblings=())))
    least, most = np.full(len(books), np.inf), np.full(len(books), -np.inf)
    for batch in data.batches(_CHUNK):
        for example in session.invocations(batch):
            _observe(session, example, least, most)
    unseen = {book.of: (0.0, 0.0) for book in books}
    found = {**unseen, **_joined(books, least, most)}
    low = {**ranges.low, **{t: r[0] for t, r in found.items()}}
    high = {**ranges.high, **{t: r[1] for t, r in found.items()}}
    for op in graph.ops:
        _inside(op, low, high)
    return replace(ranges, low=low, high=high)


def _inside(op: Op, low: dict[Tensor, float], high: dict[Tensor, float]) -> None:
    """Add the ranges of what the graphs that an op calls are given, and what follows from them."""
    if op.kind == "IF":
        for branch in op.subgraphs:
            _given(zip(branch.inputs, op.inputs[1:], strict=True), low, high)
            derive(branch, low, high)
    if op.kind == "WHILE":
        body = op.subgraphs[1]
        _given(zip(body.inputs, op.inputs, strict=True), low, high)
        # Carried values go round until they hold all that a step hands on.
        for _ in body.inputs:
            derive(body, low, high)
            _given(zip(body.inputs, body.outputs, strict=True), low, high)
        derive(body, low, high)


def _given(
    pairs: Iterable[tuple[Tensor, Tensor | None]],
    low: dict[Tensor, float],
    high: dict[Tensor, float],
) -> None:
    """Widen the range of each first tensor by that of the second."""
    known = Ranges(low, high, 0)
    for entry, given in pairs:
        if given is None or entry.dtype is not DType.FLOAT32 or given.is_variable:
            continue
        least, most = known.of(given)
        low[entry] = min(low.get(entry, least), least)
        high[entry] = max(high.get(entry, most), most)


def _observe(session: Session, example: list[Array], low: Array, high: Array) -> None:
    # A function of its own: a view that outlives it would keep the interpreter from running.
    session.reset()
    session.feed(example)
    session.invoke()
    for i, view in enumerate(session.views()):
        if view.size and i % 2 == 0:
            low[i // 2] = min(low[i // 2], float(view.min()))
        elif view.size:
            high[i // 2] = max(high[i // 2], float(view.max()))


def _joined(books: Sequence[_Book], low: Array, high: Array) -> dict[Tensor, tuple[float, float]]:
    """Return the ranges of the tensors that were computed; one graph may be called twice."""
    found: dict[Tensor, tuple[float, float]] = {}
    for book, least, most in zip(books, low, high, strict=True):
        if least > most:
            continue
        before = found.get(book.of, (np.inf, -np.inf))
        found[book.of] = (min(before[0], float(least)), max(before[1], float(most)))
    return found


def _keeping(graph: Graph, books: list[_Book]) -> Graph:
    """Return a graph whose loops and branches keep book; what they keep is added to `books`."""
    ops: list[Op] = []
    for op in graph.ops:
        keep = _KEEPERS.get(op.kind)
        ops.append(op if keep is None else keep(op, books))
    return graph.with_(ops=tuple(ops))


def _while(op: Op, books: list[_Book]) -> Op:
    condition, body = op.subgraphs
    inner: list[_Book] = []
    kept = _keeping(body, inner)
    seen = [*inner, *(_Book(t, t, t) for t in _computed(body))]
    starts, entries, ends, tested = [], [], [], []
    more: list[Op] = []
    for book in seen:
        for kind, value, sign in (("MINIMUM", book.low, 1), ("MAXIMUM", book.high, -1)):
            start = make_constant("limit", np.full(value.shape, sign * _LIMIT))
            entry, after, result = (_like(value) for _ in range(3))
            more.append(make_op(kind, (entry, value), (after,)))
            starts.append(start)
            entries.append((entry, after))
            ends.append(result)
            tested.append(_like(value))
    kept = kept.with_(
        inputs=(*body.inputs, *(e for e, _ in entries)),
        outputs=(*body.outputs, *(a for _, a in entries)),
        ops=(*kept.ops, *more),
    )
    for i, book in enumerate(seen):
        books.append(_Book(book.of, ends[2 * i], ends[2 * i + 1]))
    return op.with_(
        inputs=(*op.inputs, *starts),
        outputs=(*op.outputs, *ends),
        subgraphs=(condition.with_(inputs=(*condition.inputs, *tested)), kept),
    )


def _if(op: Op, books: list[_Book]) -> Op:
    sides: list[tuple[Graph, list[_Book]]] = []
    for branch in op.subgraphs:
        inner: list[_Book] = []
        kept = _keeping(branch, inner)
        sides.append((kept, [*inner, *(_Book(t, t, t) for t in _computed(branch))]))
    results: list[Tensor] = []
    made: list[list[Tensor]] = [[], []]
    extra: list[list[Op]] = [[], []]
    for taken, (_, seen) in enumerate(sides):
        for book in seen:
            pair = _like(book.low), _like(book.high)
            books.append(_Book(book.of, *pair))
            results += pair
            for value, sign in ((book.low, 1), (book.high, -1)):
                copy, fill = _like(value), _filled(value, sign * _LIMIT)
                zero = make_constant("zero", 0.0)
                extra[taken].append(make_op("ADD", (value, zero), (copy,)))
                made[taken].append(copy)
                extra[1 - taken].append(fill)
                made[1 - taken].append(fill.outputs[0])
    graphs = tuple(
        kept.with_(ops=(*kept.ops, *extra[i]), outputs=(*kept.outputs, *made[i]))
        for i, (kept, _) in enumerate(sides)
    )
    return op.with_(outputs=(*op.outputs, *results), subgraphs=graphs)


_KEEPERS: Mapping[str, Callable[[Op, list[_Book]], Op]] = {"WHILE": _while, "IF": _if}


def _computed(graph: Graph) -> list[Tensor]:
    """Return the float tensors whose ranges follow from no others."""
    results = {t for op in graph.ops for t in op.outputs}
    return [t for t in watched(graph) if t in results and not t.is_dynamic]


def _like(tensor: Tensor) -> Tensor:
    return Tensor(tensor.name, tensor.shape)


def _filled(like: Tensor, value: float) -> Op:
    sizes = make_constant("sizes", like.shape, DType.INT32)
    return make_op("FILL", (sizes, make_constant("limit", value)), (_like(like),))
