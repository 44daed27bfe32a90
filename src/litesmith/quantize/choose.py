"""Which op gets how many bits: what the scheme says, but for ops that the user named.

A pattern names ops by kind (CONV_2D), by result, or by layer of the source, in any case and with
the wildcards of a shell. A layer's name may be given without the names of the models around it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from operator import eq
from types import MappingProxyType

from litesmith.errors import InputError
from litesmith.graph import Graph, Op
from litesmith.quantize.edges import edge_ops
from litesmith.quantize.schemes import FLOAT_BITS

WIDE = 16  # int16 activations; float16 constants where activations are float
BITS = (1, 2, 3, 4, 8, WIDE, FLOAT_BITS)  # 2: −α, 0, α; 1: ±α
_WILD = frozenset("*?[")


@dataclass(frozen=True)
class Precisions:
    """Bits per op.

    Attributes:
        default: of ops that nobody named.
        own: op → bits, for those that were named.
        edges: op → bits, for the first and last ops with weights.
    """

    default: int
    own: Mapping[Op, int] = field(default_factory=lambda: MappingProxyType({}))
    edges: Mapping[Op, int] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, op: Op) -> int:
        """Return the bits of one op."""
        return self.own.get(op, self.edges.get(op, self.default))


def parse_bits(given: Sequence[str], option: str = "--bits") -> tuple[tuple[str, int], ...]:
    """Return (pattern, bits) of texts "PATTERN=N".

    Raises:
        InputError: another form, or bits that no kernel has.
    """
    found = []
    for text in given:
        pattern, equals, number = text.rpartition("=")
        if not equals or not pattern.strip() or not number.strip().isdecimal():
            raise InputError(
                f"{option} {text} is not understood.",
                "Write PATTERN=N, such as CONV_2D=8 or 'block_*=16'.",
            )
        if int(number) not in BITS:
            known = ", ".join(map(str, BITS))
            raise InputError(
                f"{option} {text}: there are no kernels of {int(number)} bits.",
                f"Choose one of {known} (32 is float).",
            )
        found.append((pattern.strip(), int(number)))
    return tuple(found)


def choose(
    graph: Graph,
    default: int,
    bits: Sequence[str] = (),
    float_ops: Sequence[str] = (),
    strict: bool = True,
    edge_bits: int = 0,
    edge_part: float = 1.0,
) -> Precisions:
    """Return the bits of every op, called graphs included; the last pattern that fits wins.

    Args:
        graph: whose ops are named.
        default: bits of ops that no pattern fits.
        bits: "PATTERN=N".
        float_ops: patterns of ops that stay float.
        strict: refuse a pattern that fits nothing.
        edge_bits: bits of the first and last ops with weights that no pattern fits, 0 for
            `default`.
        edge_part: the most of all weights that such an op may hold.

    Raises:
        InputError: a pattern that fits no op, with the nearest name.
    """
    wanted = [*parse_bits(bits), *((pattern, FLOAT_BITS) for pattern in float_ops)]
    ops = [op for part in graph.graphs() for op in part.ops]
    own: dict[Op, int] = {}
    for position, (pattern, number) in enumerate(wanted):
        found = [op for op in ops if _fits(op, pattern)]
        if not found and strict:
            option = "--bits" if position < len(bits) else "--float-ops"
            raise _unknown(f"{option} {pattern}", pattern, ops)
        own.update(dict.fromkeys(found, number))
    edges = dict.fromkeys(edge_ops(graph, edge_part), edge_bits) if edge_bits else {}
    return Precisions(default, MappingProxyType(own), MappingProxyType(edges))


def named(op: Op) -> Iterator[str]:
    """Yield the names an op goes by: kind, layers, results."""
    yield op.kind
    yield from op.origin
    yield from (t.name for t in op.outputs)


def _fits(op: Op, pattern: str) -> bool:
    text = pattern.casefold()
    match = fnmatchcase if _WILD & set(text) else eq
    return any(match(part, text) for name in named(op) for part in _spellings(name.casefold()))


def _spellings(name: str) -> Iterator[str]:
    """Yield a name, and its ends and parts at each slash: model/block/conv → block/conv, conv."""
    yield name
    yield from name.split("/")
    parts = name.split("/")
    yield from ("/".join(parts[i:]) for i in range(1, len(parts)))
    yield from ("/".join(parts[:i]) for i in range(1, len(parts)))


def _unknown(what: str, pattern: str, ops: Sequence[Op]) -> InputError:
    names = {part for op in ops for name in named(op) for part in (name, *name.split("/"))}
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(pattern.casefold(), folded, 1)
    kinds = ", ".join(sorted({op.kind for op in ops}))
    hint = f"Did you mean '{folded[near[0]]}'?" if near else f"Kinds in this model: {kinds}."
    return InputError(f"{what}: no op, layer or kind has that name.", hint)
