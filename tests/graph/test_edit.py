from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Graph, read, text, verify
from litesmith.graph.edit import (
    drop_dead,
    fresh_name,
    map_graphs,
    producers,
    rebuild,
    substitute,
    users,
)
from tests.support.converted import converted
from tests.support.graphs import Builder, const, draw, execute, make, one_op, random_cnn, tensor


def test_users_and_producers() -> None:
    b = Builder()
    x = b.input((1, 3))
    y = b.op("MUL", x, x)
    z = b.op("ADD", y, x)
    graph = b.graph(z)
    mul, add = graph.ops
    assert users(graph)[x] == [mul, add]
    assert users(graph)[y] == [add]
    assert z not in users(graph)
    assert producers(graph) == {y: mul, z: add}


def test_rebuild_replaces_inserts_and_deletes() -> None:
    b = Builder()
    x = b.input((1, 3))
    y = b.op("ABS", x)
    z = b.op("NEG", y)
    graph = b.graph(z)
    middle = tensor("m", (1, 3))
    first, last = graph.ops
    new = [make("SQUARE", (x,), (middle,)), make("SQRT", (middle,), (y,))]
    result = verify(rebuild(graph, {first: new}))
    assert [op.kind for op in result.ops] == ["SQUARE", "SQRT", "NEG"]
    assert [op.kind for op in graph.ops] == ["ABS", "NEG"]
    deleted = verify(rebuild(graph, {last: ()}, {z: y}))
    assert deleted.outputs == (y,)
    assert deleted.ops == (first,)


def test_replacements_follow_chains_and_reach_inputs_outputs_and_new_ops() -> None:
    x, y = tensor("x", (1, 3)), tensor("y", (1, 3))
    a, b, c = (tensor(n, (1, 3)) for n in "abc")
    op = make("ABS", (x,), (y,))
    graph = Graph((x,), (y,), (op,))
    result = substitute(graph, {x: a, a: b, y: c})
    assert result.inputs == (b,)
    assert result.outputs == (c,)
    assert result.ops[0].inputs == (b,)
    inserted = rebuild(graph, {op: (make("NEG", (x,), (y,)),)}, {x: a})
    assert inserted.ops[0].inputs == (a,)


def test_untouched_ops_stay_the_same_objects() -> None:
    graph = random_cnn(2)
    w = (
        next(t for t in graph.ops[0].inputs if t is not None and t.is_constant)
        if len(graph.ops[0].inputs) > 1
        else graph.inputs[0]
    )
    result = substitute(graph, {w: w.with_(name="other")})
    kept = [a is b for a, b in zip(graph.ops, result.ops, strict=True)]
    assert kept.count(False) == sum(w in op.inputs for op in graph.ops)


def test_drop_dead_removes_whole_chains_and_nothing_else() -> None:
    b = Builder()
    x = b.input((1, 3))
    kept = b.op("ABS", x)
    b.op("NEG", b.op("SQUARE", kept))
    two = b.op("SPLIT", const(1), b.input((1, 4)), count=2, num_splits=2, dtype=DType.FLOAT32)
    graph = b.graph(kept, two[1])
    result = verify(drop_dead(graph))
    assert [op.kind for op in result.ops] == ["ABS", "SPLIT"]
    assert drop_dead(result) is result


def test_drop_dead_keeps_effects_and_state() -> None:
    graph = read(converted("counter"))
    assert [op.kind for op in drop_dead(graph).ops] == [op.kind for op in graph.ops]
    state = tensor("state", (1, 3), is_variable=True)
    x, y = tensor("x", (1, 3)), tensor("y", (1, 3))
    stateful = Graph((x,), (x,), (make("ADD", (x, state), (y,)),))
    assert drop_dead(stateful).ops


def test_map_graphs_changes_called_graphs_once_and_siblings() -> None:
    for name in ("lstm", "branch", "two_signatures"):
        graph = read(converted(name))
        seen: list[str] = []

        def rename(part: Graph, seen: list[str] = seen) -> Graph:
            seen.append(part.name)
            return part.with_(name=part.name + "!")

        result = map_graphs(graph, rename)
        assert sorted(seen) == sorted(g.name for g in graph.graphs())
        assert all(g.name.endswith("!") for g in result.graphs())
        assert text(result) == text(graph)


def test_map_graphs_that_changes_nothing_keeps_what_is_computed() -> None:
    graph = random_cnn(5)
    arrays = draw(graph)
    same = map_graphs(graph, lambda part: part)
    assert np.array_equal(execute(graph, arrays)[0], execute(same, arrays)[0])
    assert map_graphs(one := one_op("ABS", tensor("x", (1,))), lambda part: part) is one


def test_shared_called_graph_is_changed_once() -> None:
    x = tensor("x", (1, 2))
    body = one_op("ABS", x)
    c = tensor("c", (1,), DType.BOOL)
    call = make("IF", (c, x), (tensor("o", (1, 2)),)).with_(subgraphs=(body, body))
    count = 0

    def change(part: Graph) -> Graph:
        nonlocal count
        count += 1
        return part.with_()

    then, otherwise = map_graphs(Graph((c, x), call.outputs, (call,)), change).ops[0].subgraphs
    assert then is otherwise
    assert count == 2


def test_fresh_name() -> None:
    assert fresh_name("a", "b") == "a/b"
    assert fresh_name("", "b") == "b"
