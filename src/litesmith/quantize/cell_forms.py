"""How an op that keeps a state is annotated: its weights, its states and the ops that set them.

`cells.py` says what the kernel demands. The states are variable tensors; where the graph sets them
before the op runs, the setters become slices of everything: ZEROS_LIKE would write the integer 0,
which is not what means 0 for h.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from litesmith.graph import DType, Op, QuantParams, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.quantize import params
from litesmith.quantize.cells import BIASES, RECURRENT, WEIGHTS, C, H
from litesmith.quantize.choose import WIDE
from litesmith.quantize.wiring import Build, operand, quantize_op

# Exponents of the cell state's scale: the kernel's tanh knows 0 to 6 bits before the point of
# int16, answers nothing for fewer, and refuses more.
_CELL_SCALES = (-15, -9)
_ROOM = 0.9  # of int16 that the observed cell state may fill
# A bias may use half of int32; the accumulator needs the rest.
_LARGEST_BIAS = 2.0**30
_ALL = 0b11  # every element of both axes


def add_cell(op: Op, build: Build, set_by: Mapping[Op, Op]) -> None:
    """Add an integer LSTM and the ops that set its states."""
    h, c = op.inputs[H], op.inputs[C]
    x, y = op.inputs[0], op.outputs[0]
    assert h is not None and c is not None and x is not None
    quant = cell_params(build.ranges.of(c))
    build.enter(y, 8)
    build.source[h] = build.source.get(y, y)
    build.groups.join((build.enter(h, 8), y))
    build.fixed[build.enter(c, WIDE)] = quant
    for setter in (s for s, user in set_by.items() if user is op):
        start, state = setter.inputs[0], setter.outputs[0]
        assert start is not None
        copy = start.with_(name=fresh_name(start.name, "start"))
        if not start.is_constant:
            build.source[copy] = build.source.get(start, start)
            build.ops.append(quantize_op(start, copy))
        if state is c:
            build.fixed[build.enter(copy, WIDE)] = quant
        else:
            build.groups.join((build.enter(copy, 8), h))
        new = copied(copy, state, setter.origin)
        build.ops.append(new)
        build.integer.add(new)
    new = op.with_(inputs=(operand(x, build, 8), *op.inputs[1:]))
    build.ops.append(new)
    build.integer.add(new)


def copied(source: Tensor, state: Tensor, origin: tuple[str, ...]) -> Op:
    """Return the op that writes a value [batch, units] to a variable tensor.

    A computed one as a slice of everything, which no kernel does in place. A constant as QUANTIZE
    at one scale: LiteRT would slice it once, and make a constant of the state.
    """
    if source.is_constant:
        return make_op("QUANTIZE", (source,), (state,), 2, origin)
    zeros, ones = (make_constant("bounds", [v, v], DType.INT32) for v in (0, 1))
    bounds = (zeros, zeros, ones)
    return make_op(
        "STRIDED_SLICE", (source, *bounds), (state,), 1, origin, begin_mask=_ALL, end_mask=_ALL
    )


def cell_params(found: tuple[float, float]) -> QuantParams:
    """Return int16 parameters of a cell state: the least power of two that holds it."""
    peak = max(-found[0], found[1], 1e-3) / _ROOM
    exponent = math.ceil(math.log2(peak / 32767))
    return params.fixed_params(2.0 ** int(np.clip(exponent, *_CELL_SCALES)), 0, WIDE)


def annotated_cell(op: Op) -> tuple[tuple[Tensor | None, ...], tuple[Tensor, ...]]:
    """Return the operands with parameters for weights and biases, and the `intermediates`.

    Args:
        op: its first operand and its states have their parameters.
    """
    inputs = list(op.inputs)
    x, h = inputs[0], inputs[H]
    assert x is not None and x.quant is not None and h is not None and h.quant is not None
    scale = float(x.quant.scale[0])
    for part, biases in ((WEIGHTS, BIASES), (RECURRENT, None)):
        for i, position in enumerate(range(part.start, part.stop)):
            weights = inputs[position]
            assert weights is not None and weights.data is not None
            peak = float(np.abs(weights.data).max(initial=0.0))
            least = 1e-9
            bias = None if biases is None else inputs[biases.start + i]
            if bias is not None and bias.data is not None:
                least = float(np.abs(bias.data).max(initial=0.0)) / (scale * _LARGEST_BIAS)
            quant = params.fixed_params(max(peak / 127, least, 1e-9), 0)
            inputs[position] = weights.with_(quant=quant)
            if bias is not None and biases is not None:
                step = np.float32(scale) * quant.scale[0]
                wide = params.fixed_params(float(step), 0, 32)
                inputs[biases.start + i] = bias.with_(quant=wide)
    names = ("input", "forget", "cell", "output")
    unused = tuple(Tensor(f"{name}_intermediate", (0,)) for name in names)
    hidden = Tensor("hidden_intermediate", (0,), DType.INT8, quant=h.quant)
    return tuple(inputs), (*unused, hidden)
