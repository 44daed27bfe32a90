"""Changes of layout are merged, moved until they cancel, and copy nothing where they need not.

Algebra, exact; R is RESHAPE, SQUEEZE or EXPAND_DIMS, T a TRANSPOSE:
    R(R(x))                                      = R(x)
    T(x), PACK(x), UNPACK(x), STRIDED_SLICE(x), GATHER(x) that only move, add or drop axes of
    size 1                                       = R(x)            a view instead of a copy
    R(f(R(x))), f between them elementwise, a sum over the last axis, PAD, FULLY_CONNECTED …
                                                 = R(f(x))         or f(x)
    f(R(x), R(y))                                = R(f(x, y))
and the same for T, with the axes and constants of f permuted. f may be any number of ops with
values that are read several times, as x·LOGISTIC(x): the change of layout moves behind all of them.
Side conditions: it moves only where more of them go than come, one behind each value that something
else needs in the old layout counted; constants are broadcast the same way; at most one size open.
Saves one op per merged pair. Minimum: one change of layout between two ops that insist on theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from litesmith.graph import DType, Op, Tensor
from litesmith.rewrite.engine import Edit, Family, View, bypass, dims, sized
from litesmith.rewrite.layouts import SHAPERS, Layout, Reshaped, layout_of, order_of, reshaped
from litesmith.rewrite.movers import MOVERS

_MOST_OPS = 64


def _plain(op: Op) -> bool:
    """True for a float op on float values."""
    x, result = op.input(0), op.outputs[0]
    floats = x is not None and x.dtype is DType.FLOAT32 and result.dtype is DType.FLOAT32
    return floats and x is not None and x.quant is None and result.quant is None


def _merge(op: Op, view: View) -> Edit | None:
    """R(R(x)) → R(x)."""
    inner = view.maker(op.inputs[0], *SHAPERS)
    if inner is None or inner.inputs[0] is None or not _plain(op):
        return None
    if dims(inner.inputs[0]) == dims(op.outputs[0]):
        edit = bypass(op, inner.inputs[0], view) if dims(op.outputs[0]).count(-1) < 2 else None
        return None if edit is None else Edit({inner: (inner,), **edit.replace}, edit.tensors)
    new = reshaped(inner.inputs[0], op.outputs[0], op)
    return None if new is None else Edit({inner: (inner,), op: (new,)})


def _view(op: Op, view: View) -> Edit | None:
    """Return the edit to RESHAPE of an op that keeps all elements in their order."""
    x = op.inputs[0]
    if x is None or len(op.outputs) != 1 or x.is_constant or not _plain(op) or not _in_order(op, x):
        return None
    new = reshaped(x, op.outputs[0], op)
    return None if new is None else Edit({op: (new,)})


def _in_order(op: Op, x: Tensor) -> bool:
    sizes = dims(x)
    if op.kind == "TRANSPOSE":
        order = order_of(op)
        kept = None if order is None else [i for i in order if sizes[i] != 1]
        return kept is not None and kept == sorted(kept) and list(order or ()) != sorted(kept)
    if op.kind in ("PACK", "UNPACK"):
        return len(op.inputs) == 1
    if -1 in sizes or -1 in dims(op.outputs[0]):
        return False
    all_there = int(np.prod(x.shape)) == int(np.prod(op.outputs[0].shape))
    if op.kind == "GATHER":
        index, axis = op.inputs[1], int(op.option("axis", 0))
        single = index is not None and index.is_constant and index.shape in ((), (1,))
        return bool(single and all_there and sizes[axis] == 1 and not op.option("batch_dims"))
    strides = op.inputs[3]
    forward = strides is not None and strides.data is not None and bool((strides.data == 1).all())
    return forward and all_there and dims(x) != dims(op.outputs[0])


@dataclass
class _Region:
    """Ops that can run before a change of layout.

    Attributes:
        inside: value behind the change → value before.
        moved: op → op that runs before.
        entries: ops that change the layout of what comes in.
        exits: ops that change the layout of what goes out.
        needed: values that something needs in the layout behind.
    """

    layout: Layout
    inside: dict[Tensor, Tensor] = field(default_factory=dict)
    moved: dict[Op, Op] = field(default_factory=dict)
    entries: dict[Op, None] = field(default_factory=dict)
    exits: dict[Op, None] = field(default_factory=dict)
    needed: dict[Tensor, None] = field(default_factory=dict)


def _move(op: Op, view: View) -> Edit | None:
    layout = layout_of(op)
    if layout is None or not _plain(op) or op.outputs[0] in view.outputs:
        return None
    region = _grown(op, layout, view)
    if not region.moved or len(region.moved) > _MOST_OPS:
        return None
    return _edit(region, view)


def _grown(entry: Op, layout: Layout, view: View) -> _Region:
    region = _Region(layout)
    waiting: dict[Op, None] = {}
    _enter(entry, region, waiting, view)
    while waiting and len(region.moved) <= _MOST_OPS:
        op = min(waiting, key=view.position.__getitem__)
        del waiting[op]
        if op in region.entries or op in region.moved:
            continue
        if op.kind in layout.kinds and layout_of(op) is not None:
            region.exits[op] = None
        elif not _moved(op, region, waiting, view):
            region.needed.update(dict.fromkeys(t for t in op.inputs if t in region.inside))
    region.needed.update(dict.fromkeys(t for t in region.inside if t in view.outputs))
    return region


def _enter(entry: Op, region: _Region, waiting: dict[Op, None], view: View) -> None:
    assert entry.inputs[0] is not None
    region.entries[entry] = None
    region.inside[entry.outputs[0]] = entry.inputs[0]
    waiting.update(dict.fromkeys(view.read_by.get(entry.outputs[0], ())))


def _moved(op: Op, region: _Region, waiting: dict[Op, None], view: View) -> bool:
    """Take an op into the region, if it can run there."""
    mover = MOVERS.get(op.kind)
    if mover is None or len(op.outputs) != 1 or not _plain(op):
        return False
    others = []
    inside = dict(region.inside)
    for t in op.inputs:
        if t is None or t.is_constant or t in inside:
            continue
        maker = view.maker(t, *region.layout.kinds)
        if maker is None or not region.layout.entry(maker) or maker.inputs[0] is None:
            return False
        others.append(maker)
        inside[t] = maker.inputs[0]
    found = mover(op, region.layout, inside)
    if found is None:
        return False
    for maker in others:
        _enter(maker, region, waiting, view)
    result = op.outputs[0]
    new = sized(result.with_(name=result.name + "/moved"), found.sizes)
    region.moved[op] = found.op.with_(outputs=(new,))
    region.inside[result] = new
    waiting.update(dict.fromkeys(view.read_by.get(result, ())))
    return True


def _edit(region: _Region, view: View) -> Edit | None:
    replace: dict[Op, Sequence[Op]] = {}
    tensors: dict[Tensor, Tensor] = {}
    gone = 0
    for op in region.entries:
        stays = op.outputs[0] in region.needed
        replace[op] = (op,) if stays else ()
        gone += not stays
    for op, new in region.moved.items():
        replace[op] = (new,)
        if op.outputs[0] in region.needed:
            restore = region.layout.restore(new.outputs[0], op.outputs[0], op)
            if restore is None:
                return None
            replace[op] = (new, restore)
            gone -= 1
    for op in region.exits:
        new_exit, cancels = _exit(op, region, view)
        if new_exit is None:
            return None
        replace[op] = () if cancels else (new_exit,)
        if cancels:
            assert op.inputs[0] is not None
            tensors[op.outputs[0]] = region.inside[op.inputs[0]]
            gone += 1
    return Edit(replace, tensors) if gone > 0 else None


def _exit(op: Op, region: _Region, view: View) -> tuple[Op | None, bool]:
    """Return what a change of layout behind the region becomes, and whether that is nothing."""
    t, result = op.inputs[0], op.outputs[0]
    assert t is not None
    x = region.inside[t]
    free = result not in view.outputs
    if isinstance(region.layout, Reshaped):
        return reshaped(x, result, op), free and dims(x) == dims(result)
    order = order_of(op)
    assert order is not None
    both = tuple(region.layout.order[i] for i in order)
    new = type(region.layout)(both).restore(x, result, op)
    return new, free and both == tuple(range(len(both)))


MOVES = Family(
    "moves",
    "changes of layout are merged, and moved until they cancel",
    {
        **{kind: (_merge, _move) for kind in SHAPERS},
        "TRANSPOSE": (_view, _move),
        **{kind: (_view,) for kind in ("PACK", "UNPACK", "STRIDED_SLICE", "GATHER")},
    },
)
