"""Replacing one input or output of a graph; signatures keep their names and order."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from litesmith.errors import InputError
from litesmith.graph import Graph, Op, Signature, Tensor
from litesmith.graph.edit import drop_dead, substitute


def with_input(graph: Graph, position: int, new: Tensor, inner: Tensor, ops: Sequence[Op]) -> Graph:
    """Return the graph fed with `new`, of which `ops` make `inner`, what the old input was.

    Args:
        graph: left as it is.
        position: of the input.
        new: what is fed.
        inner: takes the old input's place wherever it was read, outputs included.
        ops: from `new` to `inner`.
    """
    changed = substitute(graph, {graph.inputs[position]: inner})
    inputs = tuple(new if i == position else t for i, t in enumerate(graph.inputs))
    return changed.with_(inputs=inputs, ops=(*ops, *changed.ops))


def with_outputs(
    graph: Graph, outputs: Sequence[tuple[str, Tensor]], ops: Sequence[Op] = ()
) -> Graph:
    """Return the graph with other outputs, in that order, and without what they do not need.

    Args:
        graph: left as it is.
        outputs: the application's name and the tensor, each.
        ops: appended.
    """
    named = tuple((name, i) for i, (name, _) in enumerate(outputs))
    signatures = tuple(Signature(s.key, s.inputs, named) for s in graph.signatures)
    changed = graph.with_(
        outputs=tuple(tensor for _, tensor in outputs),
        ops=(*graph.ops, *ops),
        signatures=signatures,
    )
    return drop_dead(changed)


def output_at(graph: Graph, name: str, option: str) -> int:
    """Return the position of an output.

    Raises:
        InputError: there is none of that name.
    """
    names = graph.output_names()
    if name in names:
        return names.index(name)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Its outputs: {', '.join(names)}."
    raise InputError(f"{option}: the model has no output '{name}'.", hint)
