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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, QuantParams, Tensor, write
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import rebuild, users
from litesmith.graph.step import Notice, Outcome, Progress, silent
from litesmith.quantize.kernel_table import ratio
from litesmith.quantize.notices import place
from litesmith.quantize.pack_codes import Code, Plane, code_of

# Kinds whose kernels take weights that are computed.
_PACKABLE = frozenset({"CONV_2D", "FULLY_CONNECTED"})
_STORED = frozenset({DType.INT2, DType.INT4})
# What packing costs in a file: per op (a part of a variable and a reshape), and per code (the ops
# that unpack and read, their tensors and operator codes), without tables.
_PER_OP = 96
_PER_CODE = 1500
_VARIABLE = 2**17  # weights that ops share a variable for
_UINT8, _INT32 = 3, 2  # in the schema, as CAST wants them


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
        result = _packed(graph, groups)
        before, after = len(write(graph)), len(write(result))
        if after >= before:
            return _declined(graph, f"the file would have {after:,} bytes, not {before:,}", kept)
        why = f"{'; '.join(map(_told, groups))}: {before - after:,} bytes less"
        return Outcome(result, True, why, (_slow(groups),), tuple(kept))


def packed(graph: Graph) -> Graph:
    """Return the graph with all weights packed that can be, whether that saves bytes or not."""
    return _packed(graph, _groups(_candidates(graph, always=True)[0]))


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
    def stored(self) -> float:
        """Bytes of the weights as they are."""
        return self.values.size * self.weights.dtype.bits / 8

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
        return sum(item.stored - _PER_OP for item in self.items) - self.size - _PER_CODE

    @property
    def size(self) -> int:
        """Bytes of the codes and their tables."""
        return self.code.size(sum(item.values.size for item in self.items))


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


def _packed(graph: Graph, groups: Sequence[_Group]) -> Graph:
    """Return the graph that reads variables, and fills them once."""
    taken = _shared_names(graph)
    names = (n for i in range(10**6) if (n := f"w{i}") not in taken)
    filling: list[Op] = []
    reading: dict[Tensor, Sequence[Op]] = {}
    swap: dict[Tensor, Tensor] = {}
    for group in groups:
        distinct = tuple(dict.fromkeys(item.weights for item in group.items))
        shares = _shares(distinct)
        sizes = [sum(map(_count, share)) for share in shares]
        values = _cut(_unpacked(group.code, distinct, filling), sizes, filling)
        for share, value, name in zip(shares, values, names, strict=False):
            handle = Tensor("h", (), DType.RESOURCE)
            filling += [_handle(name, handle), make_op("ASSIGN_VARIABLE", (handle, value), ())]
            wide = [_wide(weights) for weights in share]
            swap.update(zip(share, wide, strict=True))
            reading |= dict.fromkeys(wide, _reads(name, wide))
    init = Graph((), (), tuple(filling), "unpack")
    once = make_op("CALL_ONCE", (), ()).with_(subgraphs=(init,))
    changed = rebuild(graph, {}, swap)
    return changed.with_(ops=(once, *_late(reading, changed.ops)))


def _shares(weights: Sequence[Tensor]) -> list[list[Tensor]]:
    """Return the weights in order, cut into those that share a variable."""
    shares: list[list[Tensor]] = []
    for tensor in weights:
        if not shares or sum(map(_count, shares[-1])) + _count(tensor) > _VARIABLE:
            shares.append([])
        shares[-1].append(tensor)
    return shares


def _count(tensor: Tensor) -> int:
    return math.prod(tensor.shape)


def _wide(weights: Tensor) -> Tensor:
    """Return the int8 tensor that the op reads in place of its stored weights."""
    quant = weights.quant
    assert quant is not None
    wide = QuantParams(quant.scale, quant.zero_point, quant.axis, 8)
    return Tensor(weights.name, weights.shape, DType.INT8, quant=wide)


def _reads(name: str, weights: Sequence[Tensor]) -> Sequence[Op]:
    """Return the ops that make weights of what a variable holds."""
    handle = Tensor("h", (), DType.RESOURCE)
    sizes = [_count(t) for t in weights]
    whole = Tensor("v", (sum(sizes),), DType.INT8)
    ops = [_handle(name, handle), make_op("READ_VARIABLE", (handle,), (whole,))]
    for part, result in zip(_cut(whole, sizes, ops), weights, strict=True):
        ops.append(make_op("RESHAPE", (part,), (result,), new_shape=result.shape))
    return ops


def _late(reading: Mapping[Tensor, Sequence[Op]], ops: Sequence[Op]) -> Iterator[Op]:
    """Yield the ops, those that read a variable right before the first op that needs it.

    What is read late is in memory for a short time.
    """
    done: set[Op] = set()
    for op in ops:
        for tensor in op.inputs:
            for read in reading.get(tensor, ()) if tensor is not None else ():
                if read not in done:
                    done.add(read)
                    yield read
        yield op


def _unpacked(code: Code, weights: Sequence[Tensor], ops: list[Op]) -> Tensor:
    """Add the ops that unpack all weights; return them, int8[n], with padding behind."""
    values = np.concatenate([t.data.reshape(-1) for t in weights if t.data is not None])
    planes = [_plane(p, part, ops) for p, part in zip(code.planes, code.parts(values), strict=True)]
    if len(planes) == 1:
        return planes[0]
    # Planes of different digits differ in their padding.
    cut = [_cut(plane, [values.size], ops)[0] for plane in planes]
    whole = Tensor("x", (values.size,), DType.INT8)
    ops.append(make_op("BITWISE_XOR", cut, (whole,)))
    return whole


def _plane(plane: Plane, part: Array, ops: list[Op]) -> Tensor:
    """Add the ops that turn codes into one plane; return it, int8[n and padding]."""
    codes = make_constant("codes", plane.codes(part), DType.UINT8)
    index = Tensor("i", codes.shape, DType.INT32)
    table = make_constant("table", plane.table, DType.INT8)
    rows = Tensor("r", (codes.shape[0], plane.digits), DType.INT8)
    line = Tensor("l", (codes.shape[0] * plane.digits,), DType.INT8)
    ops += [
        make_op("CAST", (codes,), (index,), in_data_type=_UINT8, out_data_type=_INT32),
        make_op("GATHER", (table, index), (rows,), axis=0),
        make_op("RESHAPE", (rows,), (line,), new_shape=line.shape),
    ]
    return line


def _cut(whole: Tensor, sizes: Sequence[int], ops: list[Op]) -> list[Tensor]:
    """Add the ops that cut int8[n] into parts one after the other; what is left is padding."""
    rest = whole.shape[0] - sum(sizes)
    if len(sizes) == 1 and not rest:
        return [whole]
    parts = [Tensor("p", (n,), DType.INT8) for n in (*sizes, *((rest,) if rest else ()))]
    cuts = make_constant("n", [t.shape[0] for t in parts], DType.INT32)
    axis = make_constant("a", 0, DType.INT32)
    ops.append(make_op("SPLIT_V", (whole, cuts, axis), parts, num_splits=len(parts)))
    return parts[: len(sizes)]


def _handle(name: str, tensor: Tensor) -> Op:
    return make_op("VAR_HANDLE", (), (tensor,), container="", shared_name=name)


def _shared_names(graph: Graph) -> set[str]:
    """Return the names of variables that the graph has already."""
    found = (op.option("shared_name") for part in graph.graphs() for op in part.ops)
    return {n.decode() if isinstance(n, bytes) else str(n) for n in found if n}


def _told(group: _Group) -> str:
    count = sum(item.values.size for item in group.items)
    return (
        f"{count:,} weights of {len(group.items)} ops ({group.code.name}) take {group.size:,} bytes"
    )


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
