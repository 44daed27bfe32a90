"""Float graph + ranges → annotated graph: still float, every tensor knows what it will become.

In an annotated graph an op computes in integers exactly when its operands are annotated (or, for
ops that yield no real values, when the decision says so); a QUANTIZE op marks each place where a
value changes its scale or enters the integer world. `lower` does the rest without looking around.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from litesmith.graph import DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.facts import activation_positions, facts
from litesmith.quantize import params
from litesmith.quantize.cell_forms import add_cell, annotated_cell
from litesmith.quantize.cells import is_cell, setters
from litesmith.quantize.choose import WIDE, Precisions
from litesmith.quantize.guards import guarded
from litesmith.quantize.plan import CARRIERS, integer_ops
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.scales import activation_quants
from litesmith.quantize.weights import FOUR_BIT
from litesmith.quantize.wiring import Build, operand, settle


@dataclass(frozen=True)
class Annotated:
    """An annotated graph and what was decided on the way.

    Attributes:
        graph: float graph whose tensors carry `quant`.
        integer: the ops of `graph` that run in integers.
        reasons: source op → why it stays float.
        sources: annotated tensor → the tensor of the source that it is a form of.
    """

    graph: Graph
    integer: frozenset[Op]
    reasons: Mapping[Op, str]
    sources: Mapping[Tensor, Tensor] = field(default_factory=lambda: MappingProxyType({}))


def carried(annotated: Annotated, graph: Graph) -> Annotated:
    """Return the same decisions about a graph that differs in constants and their scales alone.

    Args:
        annotated: what was decided.
        graph: its graph with constants that training changed; the ops are in the same order.
    """
    pairs = zip(annotated.graph.ops, graph.ops, strict=True)
    integer = frozenset(new for old, new in pairs if old in annotated.integer)
    return Annotated(graph, integer, annotated.reasons)


_INT8 = Precisions(8)
_LARGEST_FACTOR = 254.0  # between a product's scale and its result's; kernels abort from 256 on
_NO_PINS: Mapping[Tensor, QuantParams] = MappingProxyType({})


def annotate(
    graph: Graph,
    ranges: Ranges,
    integer_inputs: bool | Collection[Tensor] = False,
    integer_outputs: bool | Collection[Tensor] = False,
    pins: Mapping[Tensor, QuantParams] = _NO_PINS,
    floats: Mapping[Op, str] = MappingProxyType({}),
    precisions: Precisions = _INT8,
) -> Annotated:
    """Return the graph annotated for integer arithmetic.

    Args:
        graph: verified float graph.
        ranges: from `calibrate` on the same graph.
        integer_inputs: float inputs that arrive as integers (no QUANTIZE op behind them); True for
            all of them.
        integer_outputs: float outputs that leave as integers, those that a float op computes
            included.
        pins: parameters of inputs whose codes are settled.
        floats: ops that must stay float, and why.
        precisions: bits per op: 1 to 4 (of weights where there is a kernel), 8, 16 (int16
            activations, int8 weights) or 32 (float).
    """
    ends = _Ends(_chosen(graph.inputs, integer_inputs), _chosen(graph.outputs, integer_outputs))
    refused: dict[Op, str] = dict(floats)
    while True:
        decided, reasons = integer_ops(graph, ends.outputs, refused, precisions)
        annotated, late = _attempt(graph, decided, ranges, ends, pins, precisions)
        if not late:
            return replace(annotated, reasons=MappingProxyType(reasons))
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
    precisions: Precisions,
) -> tuple[Annotated, dict[Op, str]]:
    """Annotate as decided; the last result names ops whose kernel cannot take their scales."""
    build = Build(ranges)
    for tensor in graph.inputs:
        if tensor in ends.inputs:
            build.enter(tensor, 8)
            build.fixed.update({tensor: pins[tensor]} if tensor in pins else {})
    set_by = setters(graph)
    for op in graph.ops:
        if not decided.get(op, False):
            build.ops.append(op)
        elif is_cell(op):
            add_cell(op, build, set_by)
        elif op not in set_by:
            _integer_op(op, build, precisions)
    outputs = [operand(t, build, 8) if t in ends.outputs else t for t in graph.outputs]
    ops, integer = settle(build)
    wired = graph.with_(ops=tuple(ops), outputs=tuple(outputs))
    few = {op.outputs[0]: n for op in graph.ops if (n := few_bits(op, precisions)) is not None}
    quants = activation_quants(
        wired, integer, build.groups, build.fixed, build.observed, build.bits, few
    )
    late = _beyond_scales(graph, integer, quants)
    annotated = _apply(wired, integer, quants, few)
    sources = {new: build.source.get(old, old) for new, old in annotated.sources.items()}
    safe = guarded(annotated.graph, annotated.integer, sources, ranges)
    return replace(annotated, graph=safe, sources=MappingProxyType(sources)), late


def _beyond_scales(
    graph: Graph, integer: set[Op], quants: Mapping[Tensor, QuantParams]
) -> dict[Op, str]:
    """Return source op → reason for integer ops whose operands' scales the kernel cannot take."""
    made_by = producers(graph)
    found: dict[Op, str] = {}
    for op in integer:
        row = facts(op)
        if op.kind == "SQUARED_DIFFERENCE" and _overflows(op, quants):
            found[made_by[op.outputs[0]]] = "its result must have the scale of a far larger value"
        if row is None or row.scales is None or _is_wide(op, quants):
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


def _overflows(op: Op, quants: Mapping[Tensor, QuantParams]) -> bool:
    """True where a group keeps the result's scale too small for the square of the operands'."""
    scales = [float(quants[t].scale[0]) for t in op.inputs if t is not None and t in quants]
    return max(scales) ** 2 > _LARGEST_FACTOR * float(quants[op.outputs[0]].scale[0])


def _is_wide(op: Op, quants: Mapping[Tensor, QuantParams]) -> bool:
    return any(t is not None and t in quants and quants[t].bits == WIDE for t in op.inputs)


def few_bits(op: Op, precisions: Precisions) -> int | None:
    """Return the 1 to 4 bits that an op's weights get, None where they get 8.

    They do where that was asked for and there is a kernel worth it.
    """
    bits = precisions.of(op)
    return bits if bits <= 4 and op.kind in FOUR_BIT else None


def _width(op: Op, build: Build, precisions: Precisions) -> int:
    """Return the bits of an op's activations; carriers nobody named keep what they carry."""
    wide = precisions.of(op) == WIDE
    if op.kind in CARRIERS and op not in precisions.own:
        carried = {build.bits[t] for t in op.inputs if t is not None and t in build.bits}
        wide = WIDE in carried or (wide and not carried)
    row = facts(op)
    return WIDE if wide and row is not None and row.int16 is not None else 8


def _integer_op(op: Op, build: Build, precisions: Precisions) -> None:
    """Add an op whose operands are tensors that will be annotated."""
    row = facts(op)
    assert row is not None
    bits = _width(op, build, precisions)
    positions = activation_positions(op, row)
    inputs = list(op.inputs)
    for position in positions:
        tensor = op.inputs[position]
        if tensor is not None and tensor.dtype.is_float:
            inputs[position] = operand(tensor, build, bits)
    new = op.with_(inputs=tuple(inputs))
    build.ops.append(new)
    build.integer.add(new)
    real = tuple(t for t in op.outputs if row.real_output and t.dtype.is_float)
    if real:
        for tensor in real:
            build.enter(tensor, bits)
            demanded = row.fixed_output if bits == 8 else row.fixed_int16
            if demanded is not None:
                build.fixed[tensor] = params.fixed_params(*demanded, bits)
    tied = [t for p in positions if (t := inputs[p]) is not None and t.dtype.is_float]
    if row.tied:
        build.groups.join((*tied, *real))
    elif not row.real_output and len(tied) > 1:
        build.groups.join(tuple(tied))


def _apply(
    graph: Graph, integer: set[Op], quants: Mapping[Tensor, QuantParams], few: Mapping[Tensor, int]
) -> Annotated:
    """Give every tensor its parameters and rebuild once."""
    swap = {t: t.with_(quant=q) for t, q in quants.items()}
    ops: list[Op] = []
    marked: set[Op] = set()
    for op in graph.ops:
        inputs = [swap.get(t, t) if t is not None else None for t in op.inputs]
        if op in integer:
            _annotate_weights(op, inputs, few.get(op.outputs[0], 8))
        new = op.with_(inputs=tuple(inputs), outputs=tuple(swap.get(t, t) for t in op.outputs))
        if op in integer and is_cell(op):
            weighted, intermediates = annotated_cell(new)
            new = new.with_(inputs=weighted, intermediates=intermediates)
        ops.append(new)
        if op in integer:
            marked.add(new)
    result = graph.with_(
        inputs=tuple(swap.get(t, t) for t in graph.inputs),
        outputs=tuple(swap.get(t, t) for t in graph.outputs),
        ops=tuple(ops),
    )
    return Annotated(result, frozenset(marked), {}, {new: old for old, new in swap.items()})


def _annotate_weights(op: Op, inputs: list[Tensor | None], bits: int) -> None:
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
        weights.data, where.axis, bias.data if bias is not None else None, scale, bits
    )
    inputs[where.index] = weights.with_(quant=quant)
    if bias is not None:
        wide = 64 if activation.quant.bits == WIDE else 32
        inputs[where.bias] = bias.with_(quant=params.bias_params(scale, quant, wide))
