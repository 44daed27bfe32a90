"""Float graph + ranges → annotated graph: still float, every tensor knows what it will become.

In an annotated graph an op computes in integers exactly when its operands are annotated (or, for
ops that yield no real values, when the decision says so); a QUANTIZE op marks each place where a
value changes its scale or enters the integer world. `lower` does the rest without looking around.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from litesmith.graph import DType, Graph, Op, Options, QuantParams, Tensor
from litesmith.graph.edit import fresh_name, producers
from litesmith.graph.facts import OpFacts, activation_positions, facts
from litesmith.quantize import params
from litesmith.quantize.plan import Groups, integer_ops
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.scales import activation_quants


@dataclass(frozen=True)
class Annotated:
    """An annotated graph and what was decided on the way.

    Attributes:
        graph: float graph whose tensors carry `quant`.
        integer: the ops of `graph` that run in integers.
        reasons: source op → why it stays float.
    """

    graph: Graph
    integer: frozenset[Op]
    reasons: Mapping[Op, str]


@dataclass
class _Build:
    """State of one pass over the ops."""

    ranges: Ranges
    groups: Groups = field(default_factory=Groups)
    ops: list[Op] = field(default_factory=list)
    integer: set[Op] = field(default_factory=set)
    entered: dict[Tensor, Tensor] = field(default_factory=dict)
    source: dict[Tensor, Tensor] = field(default_factory=dict)
    fixed: dict[Tensor, QuantParams] = field(default_factory=dict)
    quantized: set[Tensor] = field(default_factory=set)

    def observed(self, tensor: Tensor) -> tuple[float, float]:
        return self.ranges.of(self.source.get(tensor, tensor))

    def enter(self, tensor: Tensor) -> Tensor:
        """Note that the tensor will be an integer one."""
        self.quantized.add(tensor)
        self.groups.find(tensor)
        return tensor


_NO_PINS: Mapping[Tensor, QuantParams] = MappingProxyType({})


def annotate(
    graph: Graph,
    ranges: Ranges,
    integer_inputs: bool | Collection[Tensor] = False,
    integer_outputs: bool | Collection[Tensor] = False,
    pins: Mapping[Tensor, QuantParams] = _NO_PINS,
    floats: Mapping[Op, str] = MappingProxyType({}),
) -> Annotated:
    """Return the graph annotated for full int8.

    Args:
        graph: verified float graph.
        ranges: from `calibrate` on the same graph.
        integer_inputs: float inputs that arrive as integers (no QUANTIZE op behind them); True for
            all of them.
        integer_outputs: float outputs that leave as integers, those that a float op computes
            included.
        pins: parameters of inputs whose codes are settled.
        floats: ops that must stay float, and why.
    """
    ends = _Ends(_chosen(graph.inputs, integer_inputs), _chosen(graph.outputs, integer_outputs))
    refused: dict[Op, str] = dict(floats)
    while True:
        decided, reasons = integer_ops(graph, ends.outputs, refused)
        annotated, integer, late = _attempt(graph, decided, ranges, ends, pins)
        if not late:
            return Annotated(annotated, frozenset(integer), MappingProxyType(reasons))
        refused |= late


@dataclass(frozen=True)
class _Ends:
    """Float inputs and outputs that the application exchanges as integers."""

    inputs: frozenset[Tensor]
    outputs: frozenset[Tensor]


def _chosen(tensors: tuple[Tensor, ...], chosen: bool | Collection[Tensor]) -> frozenset[Tensor]:
    if isinstance(chosen, bool):
        chosen = tensors if chosen else ()
    return frozenset(t for t in chosen if t.dtype is DType.FLOAT32)


def _attempt(
    graph: Graph,
    decided: Mapping[Op, bool],
    ranges: Ranges,
    ends: _Ends,
    pins: Mapping[Tensor, QuantParams],
) -> tuple[Graph, set[Op], dict[Op, str]]:
    """Annotate as decided; the last result names ops whose kernel cannot take their scales."""
    build = _Build(ranges)
    for tensor in graph.inputs:
        if tensor in ends.inputs:
            build.enter(tensor)
            build.fixed.update({tensor: pins[tensor]} if tensor in pins else {})
    for op in graph.ops:
        if decided.get(op, False):
            _integer_op(op, build)
        else:
            build.ops.append(op)
    outputs = [_operand(t, build) if t in ends.outputs else t for t in graph.outputs]
    ops, integer = _settle(build)
    wired = graph.with_(ops=tuple(ops), outputs=tuple(outputs))
    quants = activation_quants(wired, integer, build.groups, build.fixed, build.observed)
    late = _beyond_scales(graph, integer, quants)
    return (*_apply(wired, integer, quants), late)


def _beyond_scales(
    graph: Graph, integer: set[Op], quants: Mapping[Tensor, QuantParams]
) -> dict[Op, str]:
    """Return source op → reason for integer ops whose operands' scales the kernel cannot take."""
    made_by = producers(graph)
    found: dict[Op, str] = {}
    for op in integer:
        row = facts(op)
        if row is None or row.scales is None:
            continue
        low, high = row.scales
        beta = max(float(op.option("beta", 1.0)), 1e-9)
        scales = [float(quants[t].scale[0]) for t in op.inputs if t is not None and t in quants]
        if not all(low <= beta * scale < high for scale in scales):
            limits = f"at least {255 * low / beta:.2g}"
            limits += f" and less than {255 * high / beta:.3g}" if np.isfinite(high) else ""
            reason = f"its integer kernel needs values that span {limits}"
            found[made_by[op.outputs[0]]] = reason
    return found


def _integer_op(op: Op, build: _Build) -> None:
    """Add an op whose operands are tensors that will be annotated."""
    row = facts(op)
    assert row is not None
    positions = activation_positions(op, row)
    inputs = list(op.inputs)
    for position in positions:
        tensor = op.inputs[position]
        if tensor is not None and tensor.dtype.is_float:
            inputs[position] = _operand(tensor, build)
    new = op.with_(inputs=tuple(inputs))
    build.ops.append(new)
    build.integer.add(new)
    real = tuple(t for t in op.outputs if row.real_output and t.dtype.is_float)
    if real:
        for tensor in real:
            build.enter(tensor)
            if row.fixed_output is not None:
                build.fixed[tensor] = params.fixed_params(*row.fixed_output)
    tied = [t for p in positions if (t := inputs[p]) is not None and t.dtype.is_float]
    if row.tied:
        build.groups.join((*tied, *real))
    elif not row.real_output and len(tied) > 1:
        build.groups.join(tuple(tied))


def _operand(tensor: Tensor, build: _Build) -> Tensor:
    """Return the tensor an integer op reads in place of `tensor`."""
    if tensor.is_constant:
        # A copy per use: two readers may need the same constant at different scales.
        return build.enter(tensor.with_(name=tensor.name))
    if tensor in build.quantized:
        return tensor
    if tensor not in build.entered:
        copy = tensor.with_(name=fresh_name(tensor.name, "quantized"))
        build.source[copy] = tensor
        build.ops.append(_quantize_op(tensor, copy))
        build.entered[tensor] = build.enter(copy)
    return build.entered[tensor]


def _quantize_op(tensor: Tensor, copy: Tensor) -> Op:
    return Op("QUANTIZE", (tensor,), (copy,), Options("QuantizeOptions", MappingProxyType({})))


def _settle(build: _Build) -> tuple[list[Op], set[Op]]:
    """Where a group asks a fixed-scale output for another scale, requantize behind it."""
    moved: dict[Tensor, Tensor] = {}
    for group in build.groups.sets():
        fixed = [t for t in group if t in build.fixed]
        if len(group) > 1 and fixed and not _fits(group, fixed, build):
            for tensor in fixed:
                copy = tensor.with_(name=fresh_name(tensor.name, "requantized"))
                build.source[copy] = build.source.get(tensor, tensor)
                build.quantized.add(copy)
                moved[tensor] = copy
    if not moved:
        return build.ops, build.integer
    build.groups = _regrouped(build, moved)
    return _rewired(build, moved)


def _fits(group: list[Tensor], fixed: list[Tensor], build: _Build) -> bool:
    """True when the fixed scale of one member can serve all of them."""
    first = build.fixed[fixed[0]]
    same = all(params.same(build.fixed[t], first) for t in fixed)
    low, high = params.represented_range(first)
    slack = float(first.scale[0])
    ranges = [build.observed(t) for t in group if t not in build.fixed]
    return same and all(low - slack <= a and b <= high + slack for a, b in ranges)


def _regrouped(build: _Build, moved: Mapping[Tensor, Tensor]) -> Groups:
    groups = Groups()
    for group in build.groups.sets():
        for tensor in group:
            if tensor in moved:
                groups.find(tensor)
        groups.join(tuple(moved.get(t, t) for t in group))
    return groups


def _rewired(build: _Build, moved: Mapping[Tensor, Tensor]) -> tuple[list[Op], set[Op]]:
    """Insert the QUANTIZE ops; only tied readers take the requantized copy."""
    made = {t for op in build.ops for t in op.outputs}
    ops = [_quantize_op(t, moved[t]) for t in moved if t not in made]  # inputs
    integer: set[Op] = set()
    for op in build.ops:
        row = facts(op)
        tied = op in build.integer and row is not None and _ties(row)
        new = op.with_(inputs=tuple(moved.get(t, t) if t else t for t in op.inputs)) if tied else op
        ops.append(new)
        if op in build.integer:
            integer.add(new)
        ops += [_quantize_op(t, moved[t]) for t in op.outputs if t in moved]
    return ops, integer


def _ties(row: OpFacts) -> bool:
    return row.tied or (not row.real_output and len(row.activations) > 1)


def _apply(
    graph: Graph, integer: set[Op], quants: Mapping[Tensor, QuantParams]
) -> tuple[Graph, set[Op]]:
    """Give every tensor its parameters and rebuild once."""
    swap = {t: t.with_(quant=q) for t, q in quants.items()}
    ops: list[Op] = []
    marked: set[Op] = set()
    for op in graph.ops:
        inputs = [swap.get(t, t) if t is not None else None for t in op.inputs]
        if op in integer:
            _annotate_weights(op, inputs)
        new = op.with_(inputs=tuple(inputs), outputs=tuple(swap.get(t, t) for t in op.outputs))
        ops.append(new)
        if op in integer:
            marked.add(new)
    result = graph.with_(
        inputs=tuple(swap.get(t, t) for t in graph.inputs),
        outputs=tuple(swap.get(t, t) for t in graph.outputs),
        ops=tuple(ops),
    )
    return result, marked


def _annotate_weights(op: Op, inputs: list[Tensor | None]) -> None:
    row = facts(op)
    if row is None or row.weights is None:
        return
    where = row.weights
    activation, weights = inputs[row.activations[0]], inputs[where.index]
    bias = inputs[where.bias] if where.bias < len(inputs) else None
    assert activation is not None and activation.quant is not None
    assert weights is not None and weights.data is not None
    scale = float(activation.quant.scale[0])
    quant = params.weight_params(
        weights.data, where.axis, bias.data if bias is not None else None, scale
    )
    inputs[where.index] = weights.with_(quant=quant)
    if bias is not None:
        inputs[where.bias] = bias.with_(quant=params.bias_params(scale, quant))
