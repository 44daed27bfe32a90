"""Names in a graph: which tensors a layer, an op or a tensor name of the user's means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from litesmith.errors import InputError
from litesmith.sources.graph_model import node_name

# Scopes that TensorFlow puts around what it inlines, in front of the author's own.
_INLINED = re.compile(r"^(?:(?:Stateful)?PartitionedCall(?:_\d+)?/|Func/)+")
_NUMBERED = re.compile(r"(.+?)_\d+")
_CONSTANT = frozenset({"Const", "Placeholder", "PlaceholderWithDefault", "NoOp"})


class Names:
    """The names of one graph.

    Args:
        graph: the imported `tf.Graph`.
        feeds, fetches: names of its ends.
    """

    def __init__(self, graph: Any, feeds: Sequence[str], fetches: Sequence[str]) -> None:
        self.graph = graph
        self.ops = {op.name: op for op in graph.get_operations()}
        self.fetched = {node_name(fetch) for fetch in fetches}
        self.live = _live(self.ops, feeds)

    def resolve(self, name: str) -> list[Any]:
        """Return the tensors that a layer, op or tensor name stands for.

        Of a layer: what it hands on to others. Constants are never meant.

        Raises:
            InputError: nothing, or more than one thing, has this name.
        """
        if re.fullmatch(r".+:\d+", name):
            op, _, place = name.rpartition(":")
            found = self._ops_called(op)
            if found and int(place) < len(found[0].outputs):
                return [found[0].outputs[int(place)]]
        exact = [op for op in self._ops_called(name) if plain(op.name) == name]
        scopes = [] if exact else self._scopes(name)
        if len(scopes) > 1:
            raise InputError(
                f"Several parts of the model are called '{name}': {', '.join(scopes[:5])}.",
                "Give one of these paths.",
            )
        if scopes:
            return self.handed_on(scopes[0])
        found = exact or self._ops_called(name)
        if len(found) == 1:
            used = [t for t in found[0].outputs if self._leaves(t, (found[0].name,))]
            return used or list(found[0].outputs[:1])
        raise InputError(
            f"The model has no layer, op or tensor called '{name}' (--input)."
            if not found
            else f"Several ops are called '{name}': {', '.join(op.name for op in found[:5])}.",
            self._hint(name),
        )

    def handed_on(self, scope: str) -> list[Any]:
        """Return the tensors that ops below a scope compute and others read."""
        inside = [name for name in self.ops if plain(name).startswith(f"{scope}/")]
        within = set(inside) | {n for n, op in self.ops.items() if plain(n) == scope}
        return [
            tensor
            for name in inside
            if name in self.live and self.ops[name].type not in _CONSTANT
            for tensor in self.ops[name].outputs
            if self._leaves(tensor, within)
        ]

    def only_fetched(self, tensor: Any) -> bool:
        """Return True when a tensor goes nowhere but, through Identities, out of the model."""
        todo = list(tensor.consumers())
        while todo:
            op = todo.pop()
            if op.type != "Identity":
                return False
            todo += [reader for out in op.outputs for reader in out.consumers()]
        return True

    def scopes_of(self, op: str) -> list[str]:
        """Return the scopes that an op is in, innermost first."""
        parts = plain(op).split("/")
        return ["/".join(parts[:i]) for i in range(len(parts) - 1, 0, -1)]

    def _leaves(self, tensor: Any, within: Iterable[str]) -> bool:
        inside = set(within)
        readers = [op for op in tensor.consumers() if op.name not in inside]
        return tensor.op.name in self.fetched or bool(readers)

    def _ops_called(self, name: str) -> list[Any]:
        exact = [op for op in self.ops.values() if op.outputs and plain(op.name) == name]
        ends = [op for op in self.ops.values() if op.outputs and op.name.endswith(f"/{name}")]
        return exact or ends

    def _scopes(self, name: str) -> list[str]:
        """Return the outermost scopes of that name; `tv_1` is what Keras 3 calls layer `tv`."""
        found: dict[str, None] = {}
        for wanted in (lambda part: part == name, lambda part: _base(part) == name):
            for op in self.live:
                parts = plain(op).split("/")[:-1]
                place = next((i for i, part in enumerate(parts) if wanted(part)), None)
                if plain(op).startswith(f"{name}/"):
                    found[name] = None
                elif place is not None:
                    found["/".join(parts[: place + 1])] = None
            if found:
                break
        return list(found)

    def _hint(self, name: str) -> str:
        parts = {p for op in self.live for p in plain(op).split("/")[:-1]}
        known = sorted({*parts, *(plain(op) for op in self.live)})
        close = difflib.get_close_matches(name, known, 3, 0.5)
        if close:
            return f"Did you mean {' or '.join(close)}?"
        return f"It has: {', '.join(sorted(parts)[:20]) or ', '.join(known[:20])}"


def plain(name: str) -> str:
    """Return an op's name without the scopes of inlined calls."""
    return _INLINED.sub("", name)


def _base(part: str) -> str:
    found = _NUMBERED.fullmatch(part)
    return found[1] if found else part


def _live(ops: dict[str, Any], feeds: Sequence[str]) -> set[str]:
    """Return the names of ops that depend on a feed."""
    todo = [ops[node_name(feed)] for feed in feeds if node_name(feed) in ops]
    found: set[str] = set()
    while todo:
        op = todo.pop()
        if op.name not in found:
            found.add(op.name)
            todo += [reader for tensor in op.outputs for reader in tensor.consumers()]
    return found
