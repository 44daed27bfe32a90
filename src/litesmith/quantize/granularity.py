"""One scale for all weights of an op, for targets whose kernels take no scale per channel."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from litesmith.graph import Op, QuantParams
from litesmith.graph.facts import Weights, facts
from litesmith.quantize.annotate import Annotated
from litesmith.quantize.params import bias_params


def per_tensor(annotated: Annotated, kinds: Collection[str]) -> Annotated:
    """Return the annotated graph with one weight scale for ops of these kinds.

    The largest channel's scale serves all: no weight is clipped, and no bias overflows that did
    not before. Small channels lose precision, which is why this is not the default.
    """
    ops: list[Op] = []
    integer: set[Op] = set()
    for op in annotated.graph.ops:
        row = facts(op)
        marked = op in annotated.integer
        new = op
        if marked and op.kind in kinds and row is not None and row.weights is not None:
            new = _coarse(op, row.activations[0], row.weights)
        ops.append(new)
        if marked:
            integer.add(new)
    graph = annotated.graph.with_(ops=tuple(ops))
    return replace(annotated, graph=graph, integer=frozenset(integer))


def _coarse(op: Op, data: int, where: Weights) -> Op:
    inputs = list(op.inputs)
    activation, weights = inputs[data], inputs[where.index]
    bias = op.input(where.bias)
    if activation is None or activation.quant is None or weights is None or weights.quant is None:
        return op
    quant = _whole(weights.quant)
    inputs[where.index] = weights.with_(quant=quant)
    if bias is not None:
        scale = float(activation.quant.scale[0])
        bits = bias.quant.bits if bias.quant is not None else 32
        inputs[where.bias] = bias.with_(quant=replace(bias_params(scale, quant, bits), axis=None))
    return op.with_(inputs=tuple(inputs))


def _whole(quant: QuantParams) -> QuantParams:
    return replace(quant, scale=quant.scale.max(keepdims=True), zero_point=np.zeros(1, np.int64),
                   axis=None)  # fmt: skip
