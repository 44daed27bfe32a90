"""Comparisons, truth values, choices: gradients flow through what is chosen, not the choice."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.kernels.elementwise import binary
from litesmith.kernels.operands import reshaped
from litesmith.kernels.value import Call, Kernel, Value, aligned


def _not(call: Call) -> tuple[Value, ...]:
    x = call.value(0)
    return (x.with_(tf.logical_not(x.tensor)),)


def _select_v2(call: Call) -> tuple[Value, ...]:
    """All three broadcast."""
    return (Value(tf.where(*aligned(*(call.value(i) for i in range(3)))), call.batched),)


def _select(call: Call) -> tuple[Value, ...]:
    """A condition of one axis chooses whole rows; otherwise shapes are equal."""
    condition, a, b = (call.value(i) for i in range(3))
    if condition.rank == 1:
        condition = reshaped(condition, (*condition.shape, *(1,) * (a.rank - 1)))
    return (Value(tf.where(*aligned(condition, a, b)), call.batched),)


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "EQUAL": binary(tf.equal),
        "GREATER": binary(tf.greater),
        "GREATER_EQUAL": binary(tf.greater_equal),
        "LESS": binary(tf.less),
        "LESS_EQUAL": binary(tf.less_equal),
        "LOGICAL_AND": binary(tf.logical_and),
        "LOGICAL_NOT": _not,
        "LOGICAL_OR": binary(tf.logical_or),
        "NOT_EQUAL": binary(tf.not_equal),
        "SELECT": _select,
        "SELECT_V2": _select_v2,
    }
)
