"""The same ops, unrolled over the steps of a sequence, run once on all steps as a batch.

Algebra, exact; f treats every index of axis 0 on its own, x has T steps:
    PACK(f(x[0]), …, f(x[T − 1]))   = R(f(R(x)))      first R: [T, B, …] → [T·B, …], second: back
    T₁₀(R(f(R(T₁₀(x)))))            = R(f(R(x)))      T₁₀ swaps batch and steps: f does not care
This is how TimeDistributed is converted. Side conditions: all steps have the same ops, options and
constants, take their parts of x in order, and nothing else reads values on the way.
Saves (T − 1) times the ops of a step, T slices and PACK; one call of a kernel on T examples is no
slower than T calls. Values between the ops are T times as large while they live.
Minimum: the ops of one step and two RESHAPEs, which go where `moves` or `absorbed_reshapes` can
take them in: TimeDistributed(Dense) is one FULLY_CONNECTED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from litesmith.graph import DType, Op, Tensor
from litesmith.rewrite.engine import Decline, Edit, Family, View, bypass, dims, sized
from litesmith.rewrite.layouts import SHAPERS, order_of, reshaped
from litesmith.rewrite.per_example import per_example

_MOST_OPS = 64  # per step


@dataclass
class _Roll:
    """What the steps of one PACK have in common.

    Attributes:
        steps: how many there are.
        done: values of all steps → their batched form.
        ops: batched ops, in order.
        old: ops of the steps.
        slices: ops that cut the steps out.
    """

    steps: int
    view: View
    done: dict[tuple[Tensor, ...], Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    old: dict[Op, None] = field(default_factory=dict)
    slices: dict[Op, None] = field(default_factory=dict)

    def batched(self, values: tuple[Tensor, ...]) -> Tensor | None:
        """Return the value of all steps with axis 0 of steps · batch; None when they differ."""
        if values in self.done:
            return self.done[values]
        makers = [self.view.made_by.get(t) for t in values]
        if any(m is None for m in makers) or len(self.old) > _MOST_OPS * self.steps:
            return None
        ops = [m for m in makers if m is not None]
        whole = self._cut(ops, values) or self._rolled(ops, values)
        if whole is not None:
            self.done[values] = whole
        return whole

    def _cut(self, ops: Sequence[Op], values: Sequence[Tensor]) -> Tensor | None:
        """Return the sequence that the values are the steps of."""
        source = ops[0].inputs[0]
        if source is None or any(
            _step(op, t) != (source, i) for i, (op, t) in _enumerated(ops, values)
        ):
            return None
        lead = _lead(ops[0])
        if lead is None or dims(source)[lead] != self.steps:
            return None
        value = values[0]
        whole = sized(value.with_(name=source.name + "/steps"), _all(self.steps, dims(value)))
        reshape = reshaped(source, whole, ops[0])
        if reshape is None:
            return None
        self.ops.append(reshape)
        self.slices.update(dict.fromkeys(ops))
        return whole

    def _rolled(self, ops: Sequence[Op], values: Sequence[Tensor]) -> Tensor | None:
        """Return the result of the op that all steps have in common."""
        first = ops[0]
        positions = per_example(first)
        if positions is None or not all(_alike(first, op) for op in ops[1:]):
            return None
        inputs: list[Tensor | None] = []
        for i, t in enumerate(first.inputs):
            operands = [op.inputs[i] for op in ops]
            if i in positions:
                found = self.batched(tuple(o for o in operands if o is not None))
                if found is None:
                    return None
                inputs.append(found)
            elif all(_same_constant(t, o) for o in operands[1:]):
                inputs.append(t)
            else:
                return None
        value = values[0]
        whole = sized(value.with_(name=value.name + "/steps"), _all(self.steps, dims(value)))
        new: Op | None = first.with_(inputs=tuple(inputs), outputs=(whole,))
        if first.kind in SHAPERS:
            assert inputs[0] is not None
            new = reshaped(inputs[0], whole, first)
        if new is None:
            return None
        self.ops.append(new)
        self.old.update(dict.fromkeys(ops))
        return whole


def _enumerated(ops: Sequence[Op], values: Sequence[Tensor]) -> list[tuple[int, tuple[Op, Tensor]]]:
    return list(enumerate(zip(ops, values, strict=True)))


def _all(steps: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    return (-1 if sizes[0] < 0 else steps * sizes[0], *sizes[1:])


def _lead(cut: Op) -> int | None:
    """Return the axis of steps: the first one that is larger than 1."""
    assert cut.inputs[0] is not None
    sizes = dims(cut.inputs[0])
    if cut.kind == "UNPACK":
        axis = int(cut.option("axis", 0)) % len(sizes)
    else:
        mask = int(cut.option("shrink_axis_mask", 0))
        if mask.bit_count() != 1:
            return None
        axis = mask.bit_length() - 1
    return axis if axis < len(sizes) and all(d == 1 for d in sizes[:axis]) else None


def _step(op: Op, value: Tensor) -> tuple[Tensor | None, int] | None:
    """Return (x, i) for an op and a result of it that is x[i] along the axis of steps."""
    if op.kind == "UNPACK":
        return op.inputs[0], op.outputs.index(value)
    if op.kind != "STRIDED_SLICE" or op.inputs[0] is None:
        return None
    axis = _lead(op)
    bounds = [t.data if t is not None else None for t in op.inputs[1:4]]
    begin, end, strides = bounds
    if axis is None or begin is None or end is None or strides is None:
        return None
    masks = ("ellipsis_mask", "new_axis_mask", "offset")
    if any(op.option(m) for m in masks) or (strides != 1).any() or len(begin) <= axis:
        return None
    for i in range(len(begin)):
        whole_start = begin[i] == 0 or int(op.option("begin_mask", 0)) >> i & 1
        size = dims(op.inputs[0])[i]
        whole_end = int(op.option("end_mask", 0)) >> i & 1 or (size >= 0 and end[i] >= size)
        if i != axis and not (whole_start and whole_end):
            return None
    at = 0 if int(op.option("begin_mask", 0)) >> axis & 1 else int(begin[axis])
    return op.inputs[0], at


def _alike(a: Op, b: Op) -> bool:
    """True for ops that do the same to their operands."""
    options = [
        None if o.options is None else (o.options.table, dict(o.options.fields)) for o in (a, b)
    ]
    shapes = [[None if t is None else dims(t) for t in (*o.inputs, *o.outputs)] for o in (a, b)]
    same = options[0] == options[1] and shapes[0] == shapes[1]
    return same and (a.kind, a.version, len(a.inputs)) == (b.kind, b.version, len(b.inputs))


def _same_constant(a: Tensor | None, b: Tensor | None) -> bool:
    if a is b:
        return True
    if a is None or b is None or a.data is None or b.data is None or a.dtype is not b.dtype:
        return False
    return a.shape == b.shape and bool(np.array_equal(a.data, b.data))


def _roll(op: Op, view: View) -> Edit | Decline | None:
    values = tuple(t for t in op.inputs if t is not None)
    first = values[0]
    if len(values) < 2 or op.option("axis", 0) != 0 or not _float(first) or not first.shape:
        return None
    if len(set(values)) != len(values) or any(dims(t) != dims(first) for t in values):
        return None
    roll = _Roll(len(values), view)
    whole = roll.batched(values)
    if whole is None:
        return None
    if not roll.old:
        return _packed_again(op, roll, view)
    inside = {*roll.old, op}
    for old in roll.old:
        result = old.outputs[0]
        if result in view.outputs or any(r not in inside for r in view.read_by.get(result, ())):
            return Decline(op, "something else reads a value of one of its steps")
    last = reshaped(whole, op.outputs[0], op)
    if last is None:
        return Decline(op, "more than one size is open")
    replace: dict[Op, Sequence[Op]] = {old: () for old in roll.old}
    replace |= {cut: (cut,) for cut in roll.slices}
    return Edit({**replace, op: (*roll.ops, last)})


def _packed_again(op: Op, roll: _Roll, view: View) -> Edit | None:
    """PACK(x[0], …, x[T − 1]) → x."""
    source = next(iter(roll.slices)).inputs[0]
    edit = None if source is None else bypass(op, source, view)
    if edit is None:
        return None
    return Edit({**{cut: (cut,) for cut in roll.slices}, **edit.replace}, edit.tensors)


def _float(tensor: Tensor) -> bool:
    return tensor.dtype is DType.FLOAT32 and tensor.quant is None


def _swap(op: Op, view: View) -> Edit | None:
    """T₁₀(R(f(R(T₁₀(x))))) → R(f(R(x)))."""
    split = view.private(op.inputs[0], *SHAPERS) if _swaps(op) else None
    if split is None or split.inputs[0] is None or not _float(op.outputs[0]):
        return None
    steps_first = dims(split.outputs[0])[:2]
    merges: dict[Op, Op] = {}
    region = _region(split.inputs[0], steps_first, merges, view)
    if region is None or not merges:
        return None
    inside = {*region, *merges, split}
    for old in (*region, *merges):
        result = old.outputs[0]
        if result in view.outputs or any(r not in inside for r in view.read_by.get(result, ())):
            return None
    replace: dict[Op, Sequence[Op]] = {o: (o,) for o in region}
    for merge, swap in merges.items():
        assert swap.inputs[0] is not None
        new = reshaped(swap.inputs[0], merge.outputs[0], merge)
        if new is None:
            return None
        replace |= {merge: (new,), swap: (swap,)}
    last = reshaped(split.inputs[0], op.outputs[0], split)
    return None if last is None else Edit({**replace, split: (), op: (last,)})


def _region(
    tensor: Tensor, steps_first: tuple[int, ...], merges: dict[Op, Op], view: View
) -> list[Op] | None:
    """Return the ops between the RESHAPEs, or None; fill in RESHAPE → TRANSPOSE before it."""
    found: dict[Op, None] = {}
    todo = [tensor]
    while todo:
        maker = view.maker(todo.pop())
        if maker is None or len(found) > _MOST_OPS:
            return None
        if maker in found or maker in merges:
            continue
        before = view.maker(maker.inputs[0], "TRANSPOSE") if maker.kind in SHAPERS else None
        if before is not None and _swaps(before) and dims(before.outputs[0])[:2] == steps_first:
            if dims(before.outputs[0])[2:] != dims(maker.outputs[0])[1:]:
                return None
            merges[maker] = before
            continue
        positions = per_example(maker)
        if positions is None:
            return None
        found[maker] = None
        todo += [t for i in positions if (t := maker.inputs[i]) is not None]
    return list(found)


def _swaps(op: Op) -> bool:
    """True for a TRANSPOSE that swaps the first two axes alone."""
    order = order_of(op)
    return order is not None and order[:2] == (1, 0) and order[2:] == tuple(range(2, len(order)))


TIME_DISTRIBUTED = Family(
    "time_distributed",
    "ops unrolled over the steps of a sequence run once on all steps",
    {"PACK": (_roll,), "TRANSPOSE": (_swap,)},
)
