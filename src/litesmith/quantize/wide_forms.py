"""Ops whose activations may have 16 bits in an int8 file, because that is cheap there.

What the last layer answers decides, and 255 steps for all of its scores are few where they differ
much; networks of a few dense layers read columns and tracks that one scale of 8 bits cannot hold.
LiteRT's FULLY_CONNECTED with int16 activations takes as long as an int8 convolution with 70 times
its multiplications: little for a last layer, microseconds for a small network. A price says how
much of the error it must win. All of it stays integers, weights stay int8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.edit import producers, users
from litesmith.graph.facts import facts
from litesmith.graph.heads import heads
from litesmith.graph.step import Notice
from litesmith.quantize.choose import WIDE, Precisions
from litesmith.quantize.plan import refusal
from litesmith.quantize.second_look import multiplications

_LEAST_PRICE = 1.25
_SLOWER = {"FULLY_CONNECTED": 70.0}  # times as long as an int8 convolution's multiplications
_SLOWEST = 250.0  # … convolutions themselves
_SMALL = 20_000  # multiply-accumulates that take no time, some microseconds
_MOST_PRICE = 4.0
_FORM = "in int16x8 form"
LEAST_WIDENED = 8  # bits of weights; who asks for fewer asks for a small file


@dataclass(frozen=True)
class Wide:
    """One choice of ops.

    Attributes:
        ops: get 16 bits.
        why: what was done.
        price: factor by which it must reduce the error.
    """

    ops: tuple[Op, ...]
    why: str
    price: float


def wide_forms(graph: Graph, kept: Collection[Op] = ()) -> list[Wide]:
    """Return the choices there are, cheapest first.

    Args:
        graph: float graph.
        kept: ops whose bits the user chose.
    """
    last = _last_layers(graph)
    dense = [op for op in graph.ops if op.kind == "FULLY_CONNECTED" and _may(op)]
    choices = ((last, "the last layer has"), ([*dense, *last], "dense layers have"))
    found: list[Wide] = []
    for ops, what in choices:
        chosen = tuple(dict.fromkeys(op for op in ops if op not in kept))
        price = _price(graph, chosen)
        if chosen and price <= _MOST_PRICE and all(set(w.ops) != set(chosen) for w in found):
            found.append(Wide(chosen, f"{what} int16 activations", price))
    return found


def wide_tensors(graph: Graph, ops: Collection[Op]) -> list[Tensor]:
    """Return activations of 16 bits alone: no op of fewer bits makes or reads them."""
    made_by, read_by = producers(graph), users(graph)
    found = dict.fromkeys(t for op in ops for t in (*op.inputs, *op.outputs) if t is not None)
    return [
        t
        for t in found
        if not t.is_constant
        and (t in graph.inputs or made_by.get(t) in ops)
        and all(op in ops for op in read_by.get(t, ()))
    ]


def wide_notices(ops: Collection[Op], prices: Sequence[Notice]) -> tuple[Notice, ...]:
    """Return what to tell of ops that got 16 bits unasked, instead of what their kernels cost."""
    kinds = Counter(op.kind for op in ops)
    what = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    told = Notice(
        "wide_op",
        f"{what}: int16 activations (weights stay int8), since 8 bits would change the answers.",
        "On a CPU this costs microseconds; for hardware that runs int8 alone use --target, or "
        "--bits KIND=8.",
    )
    return (told, *(n for n in prices if _FORM not in n.message))


def widened(precisions: Precisions, ops: Collection[Op]) -> Precisions:
    """Return the bits per op with some ops at 16; those that the user named keep theirs."""
    if not ops:
        return precisions
    own = {**dict.fromkeys(ops, WIDE), **precisions.own}
    return replace(precisions, own=MappingProxyType(own))


def _last_layers(graph: Graph) -> list[Op]:
    """Return the linear ops that make what is compared, and what turns that into answers."""
    made_by, read_by = producers(graph), users(graph)
    found: list[Op] = []
    for head in heads(graph):
        op = made_by.get(head.tensor)
        row = facts(op) if op is not None else None
        if op is None or row is None or row.weights is None or not _may(op):
            continue
        squashes = [o for o in read_by.get(head.tensor, ()) if o.kind == head.kind]
        if all(map(_may, squashes)):
            found += [op, *squashes]
    return found


def _may(op: Op) -> bool:
    return refusal(op, WIDE) is None


def _price(graph: Graph, ops: Sequence[Op]) -> float:
    total = multiplications(graph.ops)
    if total <= _SMALL:
        return _LEAST_PRICE
    extra = sum(_SLOWER.get(op.kind, _SLOWEST) * multiplications([op]) for op in ops)
    return _LEAST_PRICE + extra / total
