"""What makes Vela 5.2.0 refuse a whole file instead of leaving an op to the CPU; all measured."""

from __future__ import annotations

from litesmith.graph import DType, Op
from litesmith.targets import constraints as c
from litesmith.targets.rules import Constraint, activation_type, weights_of

_EIGHT_BITS = (DType.INT8, DType.UINT8)


def _dense_weights(op: Op) -> bool:
    weights = weights_of(op)
    return weights is None or weights.dtype not in (DType.INT4, DType.INT2)


def _eight_bit_only(op: Op) -> bool:
    if op.kind == "FULLY_CONNECTED":
        return c.real(op).dtype is not DType.INT32
    if op.kind not in ("HARD_SWISH", "ARG_MAX"):
        return True
    return c.real(op).dtype in _EIGHT_BITS


def _narrow(op: Op) -> bool:
    """Vela 5.2 accepts wide integers on the U85 by its table, and then cannot compile them."""
    wide = activation_type(op)
    if op.kind == "CAST":
        return wide is not DType.INT64 or op.outputs[0].dtype not in (DType.INT32, DType.BOOL)
    if op.kind == "SQUARED_DIFFERENCE" and wide is DType.INT32:
        return c.real(op).quant is not None
    if op.kind in ("SELECT", "SELECT_V2") and op.outputs[0].dtype is DType.UINT8:
        return False
    if wide is DType.INT32:
        return op.kind not in _NOT_INT32
    return wide is not DType.INT64 or op.kind not in _NOT_INT64


_NOT_INT32 = c.kinds(
    "CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED TRANSPOSE_CONV BATCH_MATMUL EXP LEAKY_RELU RELU "
    "RELU6 RELU_0_TO_1 RELU_N1_TO_1 LOGISTIC TANH SOFTMAX AVERAGE_POOL_2D MAX_POOL_2D "
    "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR QUANTIZE HARD_SWISH PRELU"
)

_NOT_INT64 = _NOT_INT32 | c.kinds(
    "ADD SUB MUL DIV NEG ABS SQUARED_DIFFERENCE MAXIMUM MINIMUM EQUAL NOT_EQUAL GREATER "
    "GREATER_EQUAL LESS LESS_EQUAL SUM REDUCE_MAX REDUCE_MIN SELECT SELECT_V2"
)

WEIGHTS_8_BIT = Constraint(
    "weights_8_bit", "weights of 8 bits (it fails on packed ones)", _dense_weights, "Use int8."
)

EIGHT_BIT_ONLY = Constraint(
    "eight_bit_only", "narrower types here (it fails on these)", _eight_bit_only, "Use int8."
)

SHAPED_CONSTANTS = Constraint(
    "shaped_constants",
    "constants that are not empty (it fails on them)",
    lambda op: all(t.data is None or t.data.size for t in c.tensors(op)),
    "Keep one dimension.",
)

NARROW = Constraint("narrow", "narrower integers here (it fails on these)", _narrow, "Use int8.")
