"""Weights of few bits are stored as codes, several in a byte, and unpacked by the file itself.

LiteRT's smallest weights are int4 for convolutions and int2 for FULLY_CONNECTED. A packed file
keeps uint8 codes instead (`pack_codes`). A graph that the runtime calls once, before the first
invocation, makes weights of them with builtin ops, for all ops of one code together:

    codes ─CAST─GATHER(table)─RESHAPE─SPLIT_V─ASSIGN_VARIABLE     (3 bits: two planes, BITWISE_XOR)
    main graph: READ_VARIABLE─SPLIT_V─RESHAPE ─▶ CONV_2D, FULLY_CONNECTED

so that unpacking is paid once. A variable holds the weights of several small ops, or of one large
one: what an op adds to the file counts for the first, memory for the second. XNNPACK wants constant
weights, so packed ops run on LiteRT's own kernels, as convolutions with int4 weights do anyway.
Every weight is the same integer as before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from litesmith.graph import Array, DType, Graph, Op, Tensor, write
from litesmith.graph.edit import users
from litesmith.graph.step import Notice, Outcome, Progress, silent
from litesmith.quantize.kernel_table import ratio
from litesmith.quantize.notices import place
from litesmith.quantize.pack_codes import Code, code_of
from litesmith.quantize.pack_ops import unpacking

# Kinds whose kernels take weights that are computed.
_PACKABLE = frozenset({"CONV_2D", "FULLY_CONNECTED"})
_STORED = frozenset({DType.INT2, DType.INT4})
# What packing costs in a file: per op (a part of a variable and a reshape), and per code (the ops
# that unpack and read, their tensors and operator codes), without tables.
_PER_OP = 96
_PER_CODE = 1500


@dataclass(frozen=True)
class Pack:
    """Store weights of 3, 2 and 1 bits packed: smaller files, slower ops.

    Works on a quantized graph. Ops whose weights are too few to pay keep them.
    """

    name: str = "pack"

    def __call__(self, graph: Graph, data: object = None, progress: Progress = silent) -> Outcome:
        """Return the graph with packed weights, or decline where the file would not be smaller."""
        found, kept = _candidates(graph)
        groups = [group for group in _groups(found) if group.saved > 0]
        if not groups:
            return _declined(graph, _nothing(found, kept), kept)
        result = _unpacking(graph, groups)
        before, after = len(write(graph)), len(write(result))
        if after >= before:
            return _declined(graph, f"the file would have {after:,} bytes, not {before:,}", kept)
        why = f"{'; '.join(map(_told, groups))}: {before - after:,} bytes less"
        return Outcome(result, True, why, (_slow(groups),), tuple(kept))


def packed(graph: Graph) -> Graph:
    """Return the graph with all weights packed that can be, whether that saves bytes or not."""
    return _unpacking(graph, _groups(_candidates(graph, always=True)[0]))


def _unpacking(graph: Graph, groups: Sequence[_Group]) -> Graph:
    return unpacking(graph, [(group.code, group.weights) for group in groups])


def _declined(graph: Graph, why: str, kept: Sequence[str]) -> Outcome:
    notice = Notice("not_packed", f"Nothing was packed: {why}.", "Leave out --pack.")
    return Outcome(graph, False, why, (notice,), tuple(kept))


def _nothing(found: Sequence[_Item], kept: Sequence[str]) -> str:
    """Return why there is no group of weights worth packing."""
    if found:
        return "the weights of few bits are too few to pay for what unpacks them"
    return kept[0] if kept else "no weights have fewer than 8 bits"


@dataclass(frozen=True, eq=False)
class _Item:
    """One op's weights.

    Attributes:
        op: the op that reads them.
        weights: the tensor.
        code: how they are kept.
    """

    op: Op
    weights: Tensor
    code: Code

    @property
    def values(self) -> Array:
        """int8[n], in the order of the file."""
        assert self.weights.data is not None
        return self.weights.data.reshape(-1)

    @property
    def saved(self) -> float:
        """Bytes that packing these weights saves, one of many: tables left out."""
        bits = self.weights.dtype.bits - sum(8 / plane.digits for plane in self.code.planes)
        return self.values.size * bits / 8 - _PER_OP


@dataclass(frozen=True)
class _Group:
    """Weights of one code."""

    code: Code
    items: tuple[_Item, ...]

    @property
    def saved(self) -> float:
        """Bytes that packing them saves."""
        bits = sum(math.prod(t.shape) * t.dtype.bits for t in self.weights)
        return bits / 8 - _PER_OP * len(self.weights) - self.size - _PER_CODE

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """The tensors, each once."""
        return tuple(dict.fromkeys(item.weights for item in self.items))

    @property
    def count(self) -> int:
        """How many weights they are."""
        return sum(math.prod(tensor.shape) for tensor in self.weights)

    @property
    def size(self) -> int:
        """Bytes of the codes and their tables."""
        return self.code.size(self.count)


def _candidates(graph: Graph, always: bool = False) -> tuple[list[_Item], list[str]]:
    """Return the weights that may be packed, and why others of few bits are not.

    Args:
        graph: quantized graph.
        always: take those too that are too few to pay.
    """
    found: list[_Item] = []
    kept: list[str] = []
    read_by = users(graph)
    for part in graph.graphs():
        for op in part.ops:
            weights = op.input(1)
            if weights is None or weights.data is None or weights.dtype not in _STORED:
                continue
            item, why = _item(op, weights, read_by.get(weights, ()))
            if item is not None and (item.saved > 0 or always):
                found.append(item)
            else:
                why = why or f"{weights.data.size} are too few to pay"
                kept.append(f"{op.kind} at '{place(op)}' keeps its weights: {why}")
    return found, kept


def _item(op: Op, weights: Tensor, readers: Sequence[Op]) -> tuple[_Item | None, str]:
    """Return an op's weights, or why they cannot be packed.

    Args:
        op: reads them.
        weights: its second operand.
        readers: the ops of the main graph that read them.
    """
    assert weights.data is not None
    if op not in readers:
        return None, "it is inside a loop or branch"
    if any(reader.kind not in _PACKABLE for reader in readers):
        return None, "the kernel that reads them wants constants"
    data = op.inputs[0]
    if data is None or data.dtype is not DType.INT8 or weights.quant is None:
        return None, "its activations are no int8"
    if weights.quant.blockwise is not None:
        return None, "its scales are per block"
    code = code_of(weights.data)
    if code is None:
        return None, "4 bits are as small as codes of them"
    return _Item(op, weights, code), ""


def _groups(items: Sequence[_Item]) -> list[_Group]:
    codes = list(dict.fromkeys(item.code for item in items))
    groups = []
    for code in codes:
        chosen = tuple(item for item in items if item.code == code)
        groups.append(_Group(code.fitted(sum(i.values.size for i in chosen)), chosen))
    return groups


def _told(group: _Group) -> str:
    what = f"{group.count:,} weights of {len(group.items)} ops ({group.code.name})"
    return f"{what} take {group.size:,} bytes"


def _slow(groups: Sequence[_Group]) -> Notice:
    kinds = Counter(item.op.kind for group in groups for item in group.items)
    told = []
    for kind, count in kinds.items():
        times = ratio(kind, "packed", "int8")
        much = "" if times is None else f" (about {times:.2g} times int8's time)"
        told.append(f"{count} {kind}{much}")
    return Notice(
        "packed_weights",
        f"XNNPACK takes no packed weights; LiteRT's own kernels run {', '.join(told)}.",
        "Packing saves bytes, not time; leave out --pack for speed.",
    )
