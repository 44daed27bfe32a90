"""The ops of a packed file: a graph that unpacks weights into variables, and what reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import rebuild
from litesmith.quantize.pack_codes import Code, Plane

VARIABLE = 2**17  # weights that ops share a variable for
_UINT8, _INT32 = 3, 2  # in the schema, as CAST wants them


def unpacking(graph: Graph, groups: Sequence[tuple[Code, Sequence[Tensor]]]) -> Graph:
    """Return the graph that reads weights from variables, and fills these once.

    Args:
        graph: quantized graph.
        groups: codes, and the weights that each keeps, which only kernels read that take computed
            ones.
    """
    taken = _shared_names(graph)
    names = (n for i in range(10**6) if (n := f"w{i}") not in taken)
    filling: list[Op] = []
    reading: dict[Tensor, Sequence[Op]] = {}
    swap: dict[Tensor, Tensor] = {}
    for code, weights in groups:
        shares = _shares(weights)
        sizes = [sum(map(_count, share)) for share in shares]
        values = _cut(_unpacked(code, weights, filling), sizes, filling)
        for share, value, name in zip(shares, values, names, strict=False):
            handle = Tensor("h", (), DType.RESOURCE)
            filling += [_handle(name, handle), make_op("ASSIGN_VARIABLE", (handle, value), ())]
            wide = [_wide(tensor) for tensor in share]
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
        if not shares or sum(map(_count, shares[-1])) + _count(tensor) > VARIABLE:
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
