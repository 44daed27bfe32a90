"""What a target makes of a graph, said before long work and held against the file that ships."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from litesmith.errors import ConversionError
from litesmith.forge.facts import grouped_ops
from litesmith.forge.suppose import suppose_int8
from litesmith.graph import Graph
from litesmith.graph.step import Notice
from litesmith.report import FloatOp
from litesmith.targets import Refusal, Target, per_tensor_kinds, verdict


def refused_ops(refusals: Sequence[Refusal], runs: bool) -> tuple[FloatOp, ...]:
    """Return refusals by kind and reason: those that fall back (`runs`), or those that fail."""
    groups: dict[tuple[str, str, str], list[Refusal]] = {}
    for one in refusals:
        if one.runs is runs:
            groups.setdefault((one.op.kind, one.reason, one.way), []).append(one)
    found = []
    for (_, reason, way), group in groups.items():
        (ops,) = grouped_ops(refusal.op for refusal in group)
        found.append(FloatOp(ops.kind, ops.count, ops.layers, reason, way))
    return tuple(sorted(found, key=lambda one: -one.count))


def before_calibration(graph: Graph, target: Target, scheme: str) -> None:
    """Refuse a graph that the target cannot run, before examples are run through it.

    Raises:
        ConversionError: an op that nothing on the target runs.
    """
    if target.name != "cpu" and scheme == "int8" and not graph.siblings:
        _refuse(target, verdict(suppose_int8(graph, per_tensor_kinds(target)), target))


def shipped(graph: Graph, target: Target) -> tuple[Notice, ...]:
    """Return what falls back in the file that ships.

    Raises:
        ConversionError: an op that nothing on the target runs.
    """
    if target.name == "cpu":
        return ()
    refusals = verdict(graph, target)
    _refuse(target, refusals)
    return tuple(_notices(target, refused_ops(refusals, runs=True)))


def _refuse(target: Target, refusals: Sequence[Refusal]) -> None:
    found = refused_ops(refusals, runs=False)
    if not found:
        return
    first = found[0]
    kinds = ", ".join(dict.fromkeys(f"{one.count} {one.kind}" for one in found))
    raise ConversionError(
        f"--target {target.name} cannot run this model: {kinds} "
        f"(first: {first.kind} at '{place(first)}'). {first.reason}",
        f"{first.hint or 'Replace the layer, or cut the graph before it.'} "
        f"`litesmith check --target {target.name}` lists them all.",
    )


def _notices(target: Target, found: Iterable[FloatOp]) -> Iterator[Notice]:
    for one in found:
        yield Notice(
            "falls_back",
            f"On {target.name}, {one.count} {one.kind} (at '{place(one)}') run "
            f"{target.table.elsewhere}. {one.reason}",
            one.hint,
        )


def place(one: FloatOp) -> str:
    """Return the first layer that a group of ops comes from."""
    return one.layers[0] if one.layers else "?"
