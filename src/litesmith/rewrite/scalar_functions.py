"""What elementwise ops compute, in double precision; for recognizing functions by their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.enums import CLAMPS, Activation
from litesmith.rewrite.engine import activation

_MOST_VALUES = 2**21


def gelu(x: Array, approximate: bool) -> Array:
    """Return GELU as LiteRT defines its two kinds."""
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return np.asarray(0.5 * x * (1 + np.tanh(inner)))
    erf = np.vectorize(math.erf, otypes=[np.float64])
    return np.asarray(0.5 * x * (1 + erf(x / math.sqrt(2))))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


# Op kind → function of its operands and itself.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ADD": lambda op, a, b: a + b,
    "SUB": lambda op, a, b: a - b,
    "MUL": lambda op, a, b: a * b,
    "DIV": lambda op, a, b: a / b,
    "POW": lambda op, a, b: np.power(a, b),
    "MAXIMUM": lambda op, a, b: np.maximum(a, b),
    "MINIMUM": lambda op, a, b: np.minimum(a, b),
    "SQUARED_DIFFERENCE": lambda op, a, b: (a - b) ** 2,
    "PRELU": lambda op, a, b: np.where(a < 0, a * b, a),
    "GREATER": lambda op, a, b: a > b,
    "GREATER_EQUAL": lambda op, a, b: a >= b,
    "LESS": lambda op, a, b: a < b,
    "LESS_EQUAL": lambda op, a, b: a <= b,
    "SELECT": lambda op, c, a, b: np.where(c, a, b),
    "SELECT_V2": lambda op, c, a, b: np.where(c, a, b),
    "NEG": lambda op, a: -a,
    "ABS": lambda op, a: np.abs(a),
    "EXP": lambda op, a: np.exp(a),
    "LOG": lambda op, a: np.log(a),
    "SQRT": lambda op, a: np.sqrt(a),
    "RSQRT": lambda op, a: 1 / np.sqrt(a),
    "SQUARE": lambda op, a: a * a,
    "TANH": lambda op, a: np.tanh(a),
    "LOGISTIC": lambda op, a: 1 / (1 + np.exp(-a)),
    "ELU": lambda op, a: _elu(a),
    "GELU": lambda op, a: gelu(a, bool(op.option("approximate"))),
    "HARD_SWISH": lambda op, a: a * np.clip(a + 3, 0, 6) / 6,
    "LEAKY_RELU": lambda op, a: np.where(a < 0, a * np.float32(op.option("alpha")), a),
    "RELU": lambda op, a: np.maximum(a, 0),
    "RELU6": lambda op, a: np.clip(a, 0, 6),
    "RELU_N1_TO_1": lambda op, a: np.clip(a, -1, 1),
    "RELU_0_TO_1": lambda op, a: np.clip(a, 0, 1),
}
KINDS = tuple(_FUNCTIONS)


def evaluate(ops: Sequence[Op], x: Tensor, points: Array) -> Array | None:
    """Return the last op's result at points of `x`, (points, *constants' shapes broadcast).

    None when an op, a constant or a fused activation is none that this knows.
    """
    constants = [t for op in ops for t in op.inputs if t is not None and t.is_constant]
    shape = np.broadcast_shapes(*(t.shape for t in constants))
    if any(t.dtype.numpy != np.float32 or t.raw for t in constants):
        return None
    if points.size * math.prod(shape) > _MOST_VALUES:
        return None
    known: dict[Tensor, Array] = {x: points.astype(np.float64).reshape(-1, *(1,) * len(shape))}
    for op in ops:
        operands = [_value(t, known) for t in op.inputs if t is not None]
        with np.errstate(all="ignore"):
            result: Array = _FUNCTIONS[op.kind](op, *operands)
        clamped = _fused(activation(op), result)
        if clamped is None:
            return None
        known[op.outputs[0]] = clamped
    whole = known[ops[-1].outputs[0]]
    return np.broadcast_to(whole, np.broadcast_shapes(whole.shape, (points.size, *shape)))


def _value(tensor: Tensor, known: dict[Tensor, Array]) -> Array:
    return known[tensor] if tensor.data is None else np.asarray(tensor.data, np.float64)


def _fused(code: int, values: Array) -> Array | None:
    if code == Activation.TANH:
        return np.asarray(np.tanh(values))
    if code not in CLAMPS:
        return None
    return values if code == Activation.NONE else np.clip(values, *CLAMPS[code])
