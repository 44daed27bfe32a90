"""Schema enumerations that op options hold as integers."""

from __future__ import annotations

from enum import IntEnum


class Activation(IntEnum):
    """`fused_activation_function` (schema: ActivationFunctionType)."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5


class Padding(IntEnum):
    """`padding` (schema: Padding)."""

    SAME = 0
    VALID = 1


# What each fused activation clamps its result to; TANH and SIGN_BIT are not clamps.
CLAMPS: dict[int, tuple[float, float]] = {
    Activation.NONE: (float("-inf"), float("inf")),
    Activation.RELU: (0.0, float("inf")),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}
