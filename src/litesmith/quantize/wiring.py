"""Where values become integers: the ops rewired one by one, with QUANTIZE ops between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from litesmith.graph import Op, QuantParams, Tensor
from litesmith.graph.build import make_op
from litesmith.graph.edit import fresh_name
from litesmith.graph.facts import OpFacts, facts
from litesmith.graph.groups import Groups
from litesmith.quantize import params
from litesmith.quantize.ranges import Ranges


@dataclass
class Build:
    """State of one pass over the ops.

    Attributes:
        ranges: of the source's tensors.
        groups: tensors that will share their parameters.
        ops: rewired so far.
        integer: those of `ops` that run in integers.
        entered: float tensor and bits → its integer copy.
        source: copy → the tensor that was observed.
        fixed: tensors whose kernel demands certain parameters.
        bits: tensors that will be integers → 8 or 16.
    """

    ranges: Ranges
    groups: Groups = field(default_factory=Groups)
    ops: list[Op] = field(default_factory=list)
    integer: set[Op] = field(default_factory=set)
    entered: dict[tuple[Tensor, int], Tensor] = field(default_factory=dict)
    source: dict[Tensor, Tensor] = field(default_factory=dict)
    fixed: dict[Tensor, QuantParams] = field(default_factory=dict)
    bits: dict[Tensor, int] = field(default_factory=dict)

    def observed(self, tensor: Tensor) -> tuple[float, float]:
        """Return the (low, high) that examples showed."""
        return self.ranges.of(self.source.get(tensor, tensor))

    def enter(self, tensor: Tensor, bits: int) -> Tensor:
        """Note that the tensor will be an integer one."""
        self.bits[tensor] = bits
        self.groups.find(tensor)
        return tensor


def operand(tensor: Tensor, build: Build, bits: int) -> Tensor:
    """Return the tensor that an op of so many bits reads in place of `tensor`."""
    if tensor.is_constant:
        # A copy per use: two readers may need the same constant at different scales.
        return build.enter(tensor.with_(name=tensor.name), bits)
    if build.bits.get(tensor) == bits:
        return tensor
    if (tensor, bits) not in build.entered:
        copy = tensor.with_(name=fresh_name(tensor.name, "quantized"))
        build.source[copy] = build.source.get(tensor, tensor)
        build.ops.append(quantize_op(tensor, copy))
        build.entered[tensor, bits] = build.enter(copy, bits)
    return build.entered[tensor, bits]


def quantize_op(tensor: Tensor, copy: Tensor) -> Op:
    """Return the op that marks where a value becomes an integer or changes its scale."""
    return make_op("QUANTIZE", (tensor,), (copy,))


def settle(build: Build) -> tuple[list[Op], set[Op]]:
    """Where a group asks a fixed-scale output for another scale, requantize behind it."""
    moved: dict[Tensor, Tensor] = {}
    for group in build.groups.sets():
        fixed = [t for t in group if t in build.fixed]
        if len(group) > 1 and fixed and not _fits(group, fixed, build):
            for tensor in fixed:
                copy = tensor.with_(name=fresh_name(tensor.name, "requantized"))
                build.source[copy] = build.source.get(tensor, tensor)
                build.bits[copy] = build.bits[tensor]
                moved[tensor] = copy
    if not moved:
        return build.ops, build.integer
    build.groups = _regrouped(build, moved)
    return _rewired(build, moved)


def _fits(group: list[Tensor], fixed: list[Tensor], build: Build) -> bool:
    """True when the fixed scale of one member can serve all of them."""
    first = build.fixed[fixed[0]]
    same = all(params.same(build.fixed[t], first) for t in fixed)
    low, high = params.represented_range(first)
    slack = float(first.scale[0])
    ranges = [build.observed(t) for t in group if t not in build.fixed]
    return same and all(low - slack <= a and b <= high + slack for a, b in ranges)


def _regrouped(build: Build, moved: Mapping[Tensor, Tensor]) -> Groups:
    groups = Groups()
    for group in build.groups.sets():
        for tensor in group:
            if tensor in moved:
                groups.find(tensor)
        groups.join(tuple(moved.get(t, t) for t in group))
    return groups


def _rewired(build: Build, moved: Mapping[Tensor, Tensor]) -> tuple[list[Op], set[Op]]:
    """Insert the QUANTIZE ops; only tied readers take the requantized copy."""
    made = {t for op in build.ops for t in op.outputs}
    ops = [quantize_op(t, moved[t]) for t in moved if t not in made]  # inputs
    integer: set[Op] = set()
    for op in build.ops:
        row = facts(op)
        tied = op in build.integer and row is not None and _ties(row)
        new = op.with_(inputs=tuple(moved.get(t, t) if t else t for t in op.inputs)) if tied else op
        ops.append(new)
        if op in build.integer:
            integer.add(new)
        ops += [quantize_op(t, moved[t]) for t in op.outputs if t in moved]
    return ops, integer


def _ties(row: OpFacts) -> bool:
    return row.tied or (not row.real_output and len(row.activations) > 1)
