"""Branches of a TF1 graph whose condition is a constant: the one that is taken stays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from litesmith.sources.graph_model import node_name

# A switch that inference leaves at one value: name, type → that value.
_SWITCHES: tuple[tuple[re.Pattern[str], str, Any], ...] = (
    (re.compile(r".*"), "bool", False),
    (re.compile(r".*keep_?prob.*", re.I), "float32", 1.0),
    (re.compile(r".*drop(?:out)?_?(?:rate|prob\w*)", re.I), "float32", 0.0),
)


def for_inference(definition: Any, inputs: Sequence[str]) -> tuple[Any, list[str]]:
    """Return a GraphDef with `is_training`, `keep_prob` … at what inference has, and notes.

    Args:
        definition: the `GraphDef`.
        inputs: names that the user feeds and that are therefore no switches.
    """
    import tensorflow as tf

    changed = type(definition)()
    changed.CopyFrom(definition)
    notes = []
    given = {node_name(name) for name in inputs}
    for node in changed.node:
        value = _switch(node) if node.name not in given else None
        if value is None:
            continue
        kind = node.attr["dtype"].type
        node.op = "Const"
        node.attr.clear()
        node.attr["dtype"].type = kind
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, kind, shape=[]))
        notes.append(f"The graph's switch '{node.name}' is set to {value}, as for inference.")
    take_branches(changed)
    return changed, notes


def take_branches(graph: Any) -> None:
    """Turn, in place, each Switch and Merge of a constant condition into an Identity."""
    nodes = {node.name: node for node in graph.node}
    taken = {
        node.name: int(value)
        for node in graph.node
        if node.op == "Switch" and (value := _constant(node.input[1], nodes)) is not None
    }
    if not taken:
        return
    dead = _dead(graph, taken)
    for node in graph.node:
        if node.op == "Merge" and node.name not in dead:
            live = [name for name in node.input if _lives(name, dead, taken)]
            if len(live) == 1 < len(node.input):
                _become_identity(node, live[0])
    for node in graph.node:
        node_inputs = [_straight(name, taken) for name in node.input]
        del node.input[:]
        node.input.extend(node_inputs)
    for name in taken:
        _become_identity(nodes[name], nodes[name].input[0])
    kept = [node for node in graph.node if node.name not in dead]
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)


def _switch(node: Any) -> Any:
    import tensorflow as tf

    if node.op != "Placeholder" or node.attr["shape"].shape.dim:
        return None
    kind = tf.dtypes.as_dtype(node.attr["dtype"].type).name
    return next((v for name, k, v in _SWITCHES if k == kind and name.fullmatch(node.name)), None)


def _constant(tensor: str, nodes: Mapping[str, Any]) -> bool | None:
    """Return the value of a condition that is a constant, through Identities and negations."""
    import tensorflow as tf

    node, negated = nodes.get(node_name(tensor)), False
    while node is not None and node.op in ("Identity", "LogicalNot") and node.input:
        negated ^= node.op == "LogicalNot"
        node = nodes.get(node_name(node.input[0]))
    if node is None or node.op != "Const":
        return None
    return bool(tf.make_ndarray(node.attr["value"].tensor)) ^ negated


def _dead(graph: Any, taken: Mapping[str, int]) -> set[str]:
    """Return the nodes that are never run: behind a branch that is not taken."""
    dead: set[str] = set()
    grown = True
    while grown:
        grown = False
        for node in graph.node:
            if node.name in dead or not node.input:
                continue
            lives = [_lives(name, dead, taken) for name in node.input]
            if not any(lives) if node.op == "Merge" else not all(lives):
                dead.add(node.name)
                grown = True
    return dead


def _lives(name: str, dead: set[str], taken: Mapping[str, int]) -> bool:
    source = node_name(name)
    if source in dead:
        return False
    return source not in taken or name.startswith("^") or _place(name) == taken[source]


def _straight(name: str, taken: Mapping[str, int]) -> str:
    """Return the name by which a taken branch's tensor is known once it is an Identity's."""
    return node_name(name) if node_name(name) in taken and not name.startswith("^") else name


def _place(name: str) -> int:
    return int(name.rpartition(":")[2]) if ":" in name else 0


def _become_identity(node: Any, source: str) -> None:
    kind = node.attr["T"].type
    controls = [name for name in node.input if name.startswith("^")]
    node.op = "Identity"
    del node.input[:]
    node.input.extend([source, *controls])
    node.attr.clear()
    node.attr["T"].type = kind
