"""Loops and branches.

A loop whose counters are known beforehand is run by LiteRT once to count its turns. Short ones are
unrolled, their counters numbers; long ones are a tf.while_loop. Where the condition depends on the
example, the loop goes on until every example is done, and those that are keep what they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import tensorflow as tf

from litesmith.graph import Array, Graph, Tensor, write
from litesmith.graph.edit import drop_dead
from litesmith.kernels.operands import count_of
from litesmith.kernels.recurrent import UNROLLED
from litesmith.kernels.value import Call, DeclinedError, Kernel, TfTensor, Value, batched
from litesmith.runtime import Session

_MOST_TURNS = 100_000
# The results of these do not depend on what their operands hold.
_BLIND = frozenset({"RANK", "SHAPE", "ZEROS_LIKE"})

Values = tuple[Value, ...]


def _while(call: Call) -> Values:
    values = tuple(call.value(i) for i in range(len(call.values)))
    if tf.executing_eagerly():
        return _by_hand(call, values)
    turns = _counted(call)
    if turns is not None and len(turns) <= UNROLLED:
        return _unrolled(call, values, turns)
    return _looped(call, values, None if turns is None else len(turns))


def _unrolled(call: Call, values: Values, turns: Sequence[Mapping[int, Array]]) -> Values:
    """Run the body once per turn, with what is known of the carried values as constants."""
    for known in turns:
        now = tuple(
            Value(tf.constant(known[i]), False) if i in known else v for i, v in enumerate(values)
        )
        values = call.run(call.op.subgraphs[1], now)
    return values


def _counted(call: Call) -> list[Mapping[int, Array]] | None:
    """Return per turn the carried values that the condition follows from, None if unknown."""
    condition, body = call.op.subgraphs
    places = _followed(condition, body)
    try:
        now = {p: call.static(p) for p in places}
    except DeclinedError:
        return None
    ask = Session(write(_part(condition, places, condition.outputs)))
    go_on = Session(write(_part(body, places, [body.outputs[p] for p in places])))
    turns: list[Mapping[int, Array]] = []
    while _asked(ask, list(now.values()))[0].item():
        turns.append(now)
        if len(turns) > _MOST_TURNS:
            return None
        now = dict(zip(places, _asked(go_on, list(now.values())), strict=True))
    return turns


def _followed(condition: Graph, body: Graph) -> list[int]:
    """Return the carried positions that decide how often a body runs."""
    places: set[int] = set()
    todo = _sources(condition, condition.outputs)
    while todo - places:
        places |= todo
        todo = _sources(body, [body.outputs[p] for p in places])
    return sorted(places)


def _sources(graph: Graph, wanted: Iterable[Tensor]) -> set[int]:
    """Return the positions of the inputs that tensors follow from."""
    need = set(wanted)
    for op in reversed(graph.ops):
        if need.intersection(op.outputs):
            need.update(t for t in op.inputs if t is not None)
    return {i for i, t in enumerate(graph.inputs) if t in need}


def _part(graph: Graph, places: Sequence[int], outputs: Sequence[Tensor]) -> Graph:
    inputs = tuple(graph.inputs[p] for p in places)
    return drop_dead(Graph(inputs, tuple(outputs), graph.ops))


def _asked(session: Session, values: list[Array]) -> list[Array]:
    session.feed(values)
    session.invoke()
    return session.fetch()


def _by_hand(call: Call, values: Values) -> Values:
    """Run a loop eagerly: whether it goes on is asked each time."""
    condition, body = call.op.subgraphs
    while True:
        (more,) = call.run(condition, values)
        if not bool(tf.reduce_any(more.tensor)):
            return values
        values = _kept(more, call.run(body, values), values)


def _kept(more: Value, new: Values, old: Values) -> Values:
    """Return the new values, the old ones for examples that are done."""
    if not more.batched:
        return new
    pairs = zip(new, old, strict=True)
    return tuple(a if a is b else _chosen(more, a, b) for a, b in pairs)


def _chosen(condition: Value, a: Value, b: Value) -> Value:
    """Return per example one of two values."""
    count = count_of(condition)
    shape = (-1, *(1,) * a.rank)
    sides = batched(a, count), batched(b, count)
    return Value(tf.where(tf.reshape(condition.tensor, shape), *sides), True)


def _looped(call: Call, values: Values, turns: int | None) -> Values:
    condition, body = call.op.subgraphs
    flags = _stays_batched(call)
    count = next((count_of(v) for v in values if v.batched), 1)
    start = [_flagged(v, f, count) for v, f in zip(values, flags, strict=True)]

    def as_values(tensors: Sequence[TfTensor]) -> Values:
        return tuple(Value(t, f) for t, f in zip(tensors, flags, strict=True))

    def ask(*tensors: TfTensor) -> TfTensor:
        return tf.reduce_any(call.run(condition, as_values(tensors))[0].tensor)

    def turn(*tensors: TfTensor) -> list[TfTensor]:
        old = as_values(tensors)
        new = call.run(body, old)
        if turns is None:
            new = _kept(call.run(condition, old)[0], new, old)
        ended = [_flagged(v, f, count) for v, f in zip(new, flags, strict=True)]
        return [tf.ensure_shape(t, s.shape) for t, s in zip(ended, start, strict=True)]

    ends = tf.while_loop(ask, turn, start, maximum_iterations=turns)
    return as_values(ends)


def _flagged(value: Value, flag: bool, count: TfTensor) -> TfTensor:
    return batched(value, count) if flag else value.tensor


def _stays_batched(call: Call) -> list[bool]:
    """Return which carried values ever depend on the example."""
    condition, body = call.op.subgraphs
    flags = [v is not None and v.batched for v in call.values]
    while True:
        after = [a or b for a, b in zip(flags, _reached(body, flags), strict=True)]
        if any(_reached(condition, after)):
            pairs = zip(after, body.inputs, body.outputs, strict=True)
            after = [flag or a is not b for flag, a, b in pairs]
        if after == flags:
            return flags
        flags = after


def _reached(graph: Graph, flags: Sequence[bool]) -> list[bool]:
    """Return which outputs of a graph depend on some of its inputs."""
    reached = {t for t, flag in zip(graph.inputs, flags, strict=True) if flag}
    for op in graph.ops:
        if op.kind not in _BLIND and reached.intersection(op.inputs):
            reached.update(op.outputs)
    return [t in reached for t in graph.outputs]


def _if(call: Call) -> Values:
    """Where the condition depends on the example, both branches run."""
    condition, operands = call.value(0), tuple(call.value(i) for i in range(1, len(call.values)))
    yes, no = call.op.subgraphs
    known = None if condition.batched else tf.get_static_value(condition.tensor)
    if known is not None:
        return call.run(yes if known.item() else no, operands)
    condition = condition.with_(tf.reshape(condition.tensor, (-1,) if condition.batched else ()))
    if condition.batched:
        sides = call.run(yes, operands), call.run(no, operands)
        return tuple(_chosen(condition, a, b) for a, b in zip(*sides, strict=True))
    dependent = [v.batched for v in operands]
    flags = [a or b for a, b in zip(_reached(yes, dependent), _reached(no, dependent), strict=True)]
    count = next((count_of(v) for v in operands if v.batched), 1)

    def side(graph: Graph) -> list[TfTensor]:
        found = call.run(graph, operands)
        return [_flagged(v, f, count) for v, f in zip(found, flags, strict=True)]

    made = tf.cond(condition.tensor, lambda: side(yes), lambda: side(no))
    made = made if isinstance(made, list | tuple) else [made]
    return tuple(Value(t, f) for t, f in zip(made, flags, strict=True))


def _composite(call: Call) -> Values:
    """What a composite stands for is a graph of its own."""
    return call.run(call.op.subgraphs[0], tuple(call.value(i) for i in range(len(call.values))))


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {"IF": _if, "STABLEHLO_COMPOSITE": _composite, "WHILE": _while}
)
