"""Channels that use a small part of their tensor's range are scaled up to all of it.

One scale serves all channels of an int8 activation, so a channel of a tenth of the range keeps a
tenth of the steps. With s > 0 per channel,
    W₂ · f(W₁x + b) = (W₂/s) · f(s·W₁x + s·b)    where f(s·y) = s·f(y)
as ReLU, LEAKY_RELU, PRELU, pools, sums over places and moves of whole pixels do (the cross-layer
equalization of Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", 2019, on activations instead of weights: those have a scale per channel here, so
scaling what a layer makes costs nothing). Tensors that are added must agree: s belongs to the whole
group that residual connections, pools and gates tie together, and depthwise convolutions lead from
one group to the next. ReLU6 clamps s·y at 6: no channel is scaled so far that values that were seen
reach it. Free at run time. Whether it serves is for `tune` to try: the weights of the next layer
lose digits where the channels gain them, less so with the root of s (strength ½).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from litesmith.graph import Array, Graph, Op, Tensor
from litesmith.graph.build import make_constant
from litesmith.graph.edit import fresh_name, substitute, users
from litesmith.graph.enums import Activation
from litesmith.graph.facts import FACTS
from litesmith.graph.groups import Groups
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.second_look import Ends

_MOST = 16.0  # times that a channel is scaled up
_LEAST = 1.2  # a channel must be scaled up by somewhere for it to be worth anything
_LINEAR = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
_CLAMPS = frozenset({Activation.NONE, Activation.RELU, Activation.RELU6})
# Ops of one value that treat every channel alike, and scale with it.
_PASSES = frozenset({
    "RELU", "RELU6", "LEAKY_RELU", "PRELU", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN", "PAD",
    "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE", "SQUEEZE", "EXPAND_DIMS",
})  # fmt: skip


@dataclass(frozen=True)
class Equalized:
    """A graph with equalized channels; its activations are the tensors of the source.

    Attributes:
        graph: the result.
        ranges: of its tensors.
        names: of tensors whose channels are scaled, see `told_apart`.
        swap: linear op of the source → what became of it.
    """

    graph: Graph
    ranges: Ranges
    names: frozenset[str]
    swap: Mapping[Op, Op]


def equalized(
    graph: Graph, ranges: Ranges, channels: Mapping[Tensor, Ends], strength: float = 1.0
) -> Equalized | None:
    """Return the graph with its channels equalized, None where none gains.

    Args:
        graph: float graph.
        ranges: of its tensors.
        channels: tensor → the lowest and highest value of each channel, of `ties`.
        strength: 1 to bring every channel to the whole range, less for less.
    """
    factors = _factors(graph, channels, strength)
    if not factors:
        return None
    swap = {op: _scaled(op, factors) for op in graph.ops if op.kind in _LINEAR}
    changed = graph.with_(ops=tuple(swap.get(op, op) for op in graph.ops))
    means = {
        t: m * _along(factors[t], m.size) for t, m in ranges.look.means.items() if t in factors
    }
    look = replace(ranges.look.without(factors), means={**ranges.look.means, **means})
    names = frozenset(t.name for t in factors)
    return Equalized(changed, replace(ranges, look=look), names, swap)


def told_apart(graph: Graph, names: Collection[str]) -> Graph:
    """Return the graph with tensors whose channels were scaled under names of their own.

    Other values under the same name would look like errors to who compares layer by layer.
    """
    scaled = [t for t in graph.tensors() if t.name in names and not t.is_constant]
    return substitute(graph, {t: t.with_(name=fresh_name(t.name, "scaled")) for t in scaled})


def ties(graph: Graph) -> list[list[Tensor]]:
    """Return the groups of tensors whose channels can be scaled, all of a group alike."""
    groups, pinned = _tied(graph)
    found = []
    for group in groups.sets():
        channels = _channels(group)
        if channels > 1 and not any(t in pinned or t.shape[-1] % channels for t in group):
            found.append(group)
    return found


def _channels(group: list[Tensor]) -> int:
    return min(t.shape[-1] for t in group if t.shape) if all(t.shape for t in group) else 0


def _factors(graph: Graph, seen: Mapping[Tensor, Ends], strength: float) -> dict[Tensor, Array]:
    """Return tensor → float64[channels], what its channels are multiplied by; 1 left out."""
    found: dict[Tensor, Array] = {}
    for group in ties(graph):
        parts = [_part(*seen[t], _channels(group)) for t in group if t in seen]
        part = np.max(parts, axis=0) if parts else np.zeros(1)
        if part.any():
            s = np.minimum(1 / np.maximum(part, 1e-9), _MOST) ** strength
            found.update(dict.fromkeys(group, s) if s.max() >= _LEAST else {})
    return found


def _part(low: Array, high: Array, channels: int) -> Array:
    """Return float64[channels], the part of its tensor's range that each channel uses."""
    low, high = (np.abs(ends).reshape(-1, channels).max(0) for ends in _beyond_zero(low, high))
    part: Array = np.maximum(low / max(low.max(), 1e-12), high / max(high.max(), 1e-12))
    return part


def _beyond_zero(low: Array, high: Array) -> tuple[Array, Array]:
    # An end that is a tenth of the other is no end of the range that needs steps of its own.
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    least = max(high.max(), -low.min()) / 10
    return (low if -low.min() > least else 0 * low), (high if high.max() > least else 0 * high)


def _tied(graph: Graph) -> tuple[Groups, set[Tensor]]:
    """Return the tensors whose channels must be scaled alike, and those that must stay."""
    groups = Groups()
    pinned: set[Tensor] = {*graph.inputs, *graph.outputs}
    once = {t for t, ops in users(graph).items() if len(ops) == 1}
    for op in graph.ops:
        rule = _RULES.get(op.kind)
        values = [t for t in (*op.inputs, *op.outputs) if t is not None and not t.is_constant]
        for tensor in values:
            groups.find(tensor)
        if rule is None or not all(t.shape and not t.is_dynamic for t in values):
            pinned.update(values)
        else:
            pinned.update(rule(op, groups, once))
    # A group is as fixed as any of its members.
    for group in groups.sets():
        if any(t in pinned for t in group):
            pinned.update(group)
    return groups, pinned


def _linear(op: Op, groups: Groups, once: set[Tensor]) -> Iterable[Tensor]:
    row = FACTS[op.kind].weights
    assert row is not None
    x, weights, bias = op.inputs[0], op.input(row.index), op.input(row.bias)
    constants = [t for t in (weights, bias) if t is not None]
    fits = all(t.data is not None and not t.raw and t in once for t in constants)
    fits = fits and op.option("fused_activation_function", 0) in _CLAMPS
    if x is None or weights is None or not fits or weights.shape[-1] % max(x.shape[-1], 1):
        return [t for t in (x, *op.outputs) if t is not None]
    grouped = op.kind == "CONV_2D" and weights.shape[-1] != x.shape[-1]
    return [x, *op.outputs] if grouped else []


def _pass(op: Op, groups: Groups, once: set[Tensor]) -> Iterable[Tensor]:
    x, result = op.inputs[0], op.outputs[0]
    if x is None or any(t is not None and not t.is_constant for t in op.inputs[1:]):
        return [t for t in (*op.inputs, result) if t is not None]
    kept = result.shape[-1] % x.shape[-1] == 0 if op.kind == "RESHAPE" else (
        result.shape[-1] == x.shape[-1] and _keeps_channels(op, len(x.shape) - 1)
    )  # fmt: skip
    if not kept or op.option("fused_activation_function", 0) not in _CLAMPS:
        return [x, result]
    groups.join((x, result))
    return []


def _keeps_channels(op: Op, last: int) -> bool:
    if op.kind not in ("MEAN", "PAD", "PRELU"):
        return True
    values = op.inputs[1].data if op.inputs[1] is not None else None
    if values is None:
        return False
    if op.kind == "MEAN":
        return all(int(axis) % (last + 1) != last for axis in values.reshape(-1))
    return op.kind == "PRELU" or not values[-1].any()


def _sum(op: Op, groups: Groups, once: set[Tensor]) -> Iterable[Tensor]:
    a, b, result = op.inputs[0], op.inputs[1], op.outputs[0]
    values = [t for t in (a, b, result) if t is not None]
    alike = all(not t.is_constant and t.shape == result.shape for t in values)
    if len(values) < 3 or not alike or op.option("fused_activation_function", 0) not in _CLAMPS:
        return values
    groups.join(tuple(values))
    return []


def _gated(op: Op, groups: Groups, once: set[Tensor]) -> Iterable[Tensor]:
    """MUL by a gate, one number per channel, which stays what it is."""
    a, b, result = op.inputs[0], op.inputs[1], op.outputs[0]
    if a is None or b is None or op.option("fused_activation_function", 0) not in _CLAMPS:
        return [t for t in (a, b, result) if t is not None]
    x, gate = (b, a) if math.prod(b.shape) > math.prod(a.shape) else (a, b)
    channels = gate.shape[-1] if gate.shape else 1  # a scalar scales all of them alike
    if x.is_constant or x.shape != result.shape or math.prod(gate.shape) > channels:
        return [a, b, result]
    if x.shape == gate.shape:
        return [a, b, result]
    groups.join((x, result))
    return [gate]


_Rule = Callable[[Op, Groups, set[Tensor]], Iterable[Tensor]]
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(_LINEAR, _linear),
    **dict.fromkeys(_PASSES, _pass),
    **dict.fromkeys(("ADD", "SUB"), _sum),
    "MUL": _gated,
}


def _scaled(op: Op, factors: Mapping[Tensor, Array]) -> Op:
    """Return a linear op whose channels are scaled, both those it reads and those it makes."""
    row = FACTS[op.kind].weights
    assert row is not None
    weights, bias = op.input(row.index), op.input(row.bias)
    before = factors.get(op.inputs[0]) if op.inputs[0] is not None else None
    after = factors.get(op.outputs[0])
    if weights is None or weights.data is None or (before is None and after is None):
        return op
    data, inputs = weights.data.astype(np.float64), list(op.inputs)
    if before is not None:
        data = data / _spread(op, before, data.shape[-1])
    if after is not None:
        shape = [1] * data.ndim
        shape[row.axis] = -1
        data = data * _along(after, data.shape[row.axis]).reshape(shape)
        if bias is not None and bias.data is not None:
            scaled = bias.data.reshape(-1) * _along(after, bias.data.size)
            inputs[row.bias] = make_constant(bias.name, scaled.reshape(bias.data.shape))
    inputs[row.index] = make_constant(weights.name, data)
    return op.with_(inputs=tuple(inputs))


def _spread(op: Op, factors: Array, width: int) -> Array:
    """Return what each of the weights' last axis is divided by."""
    if op.kind == "DEPTHWISE_CONV_2D":
        return np.repeat(factors, width // factors.size)
    return _along(factors, width)


def _along(factors: Array, size: int) -> Array:
    """Return the factors of rows that hold all channels of several pixels."""
    return np.tile(factors, size // factors.size)
