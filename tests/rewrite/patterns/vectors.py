"""Patterns of dense networks and of functions of one value."""

from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Tensor
from tests.rewrite.affine_graphs import dense, scaled
from tests.rewrite.patterns.pattern import Pattern, number, reshape
from tests.support.graphs import RELU, RELU6, Builder, const

_FC = "FULLY_CONNECTED"
_ONE = "one dense layer is one op"
_OWN = "LiteRT has an op for it"


def _input(b: Builder) -> Tensor:
    return b.input((1, 12))


def _normalized(b: Builder) -> Tensor:
    y = b.op("SUB", _input(b), b.weights(1, 12))
    return dense(b, b.op("MUL", y, b.weights(1, 12)), 5, fused=RELU)


def _relu_between(b: Builder) -> Tensor:
    return dense(b, scaled(b, dense(b, _input(b), 8), fused=RELU), 5)


def _dense_bn_dense(b: Builder) -> Tensor:
    return dense(b, scaled(b, dense(b, _input(b), 12)), 5)


def _relu_bn_dense(b: Builder) -> Tensor:
    return dense(b, scaled(b, dense(b, _input(b), 8, fused=RELU)), 5)


def _dense_dense(b: Builder) -> Tensor:
    return dense(b, dense(b, _input(b), 12), 5)


def _neutral(b: Builder) -> Tensor:
    y = number(b, "ADD", number(b, "MUL", _input(b), 1), 0)
    return number(b, "DIV", number(b, "SUB", dense(b, y, 5), 0), 1)


def _softmax(b: Builder) -> Tensor:
    x = _input(b)
    largest = b.op("REDUCE_MAX", x, const([-1]), keep_dims=True)
    e = b.op("EXP", b.op("SUB", x, largest))
    return b.op("DIV", e, b.op("SUM", e, const([-1]), keep_dims=True))  # type: ignore[no-any-return]


def _gelu_tanh(b: Builder) -> Tensor:
    x = _input(b)
    cube = b.op("MUL", b.op("MUL", number(b, "MUL", x, 0.044715), x), x)
    y = number(b, "MUL", b.op("ADD", x, reshape(b, cube, 12)), float(np.sqrt(2 / np.pi)))
    y = number(b, "ADD", b.op("TANH", y), 1)
    return b.op("MUL", number(b, "MUL", x, 0.5), y)  # type: ignore[no-any-return]


def _silu(b: Builder) -> Tensor:
    x = _input(b)
    return b.op("DIV", x, number(b, "ADD", b.op("EXP", b.op("NEG", x)), 1))  # type: ignore[no-any-return]


def _hard_swish(b: Builder) -> Tensor:
    x = _input(b)
    y = b.op("MUL", x, number(b, "ADD", x, 3, fused_activation_function=RELU6))
    return number(b, "MUL", y, 1 / 6)


def _mish(b: Builder) -> Tensor:
    x = _input(b)
    soft = b.op("LOG", number(b, "ADD", b.op("EXP", x), 1))
    return b.op("MUL", x, b.op("TANH", soft))  # type: ignore[no-any-return]


def _hard_sigmoid(b: Builder) -> Tensor:
    y = number(b, "ADD", _input(b), 3, fused_activation_function=RELU6)
    return number(b, "MUL", y, 1 / 6)


def _hard_sigmoid_dense(b: Builder) -> Tensor:
    y = number(b, "ADD", dense(b, _input(b), 5), 3, fused_activation_function=RELU6)
    return number(b, "MUL", y, 1 / 6)


def _leaky(b: Builder) -> Tensor:
    y = dense(b, _input(b), 5)
    return b.op("MAXIMUM", y, number(b, "MUL", y, 0.2))  # type: ignore[no-any-return]


def _relu6(b: Builder) -> Tensor:
    return b.op("RELU6", dense(b, _input(b), 5))  # type: ignore[no-any-return]


def _unit(bound: float) -> object:
    def direct(b: Builder) -> Tensor:
        x = _input(b)
        total = b.op("SUM", b.op("SQUARE", x), const([-1]), keep_dims=True)
        return b.op("MUL", x, number(b, "MINIMUM", b.op("RSQRT", total), bound))  # type: ignore[no-any-return]

    return direct


def _embedding(b: Builder) -> Tensor:
    index = b.input((1, 9), DType.INT32)
    below = b.op("LESS", index, const(0), dtype=DType.BOOL)
    wrapped = b.op("SELECT", below, b.op("ADD", index, const(20)), index, dtype=DType.INT32)
    return b.op("GATHER", b.weights(20, 6), wrapped)  # type: ignore[no-any-return]


def _p(name: str, title: str, ops: str, why: str, direct: object = None) -> Pattern:
    return Pattern(name, title, ops, why, direct)  # type: ignore[arg-type]


_UNIT = "L2_NORMALIZATION has another floor (1e-6) than Keras (1e-12)"
_SOFT = "no op for softplus, and no shorter form known"

VECTORS: tuple[Pattern, ...] = (
    _p("normalization_dense", "Normalization → Dense → ReLU", _FC, _ONE, _normalized),
    _p("dense_bn_dense", "Dense → BN → Dense", _FC, _ONE, _dense_bn_dense),
    _p("dense_dense", "Dense → Dense", _FC, _ONE, _dense_dense),
    _p(
        "dense_bn_relu_dense",
        "Dense → BN → ReLU → Dense",
        f"{_FC} {_FC}",
        "ReLU stands between",
        _relu_between,
    ),
    _p(
        "dense_relu_bn_dense",
        "Dense → ReLU → BN → Dense",
        f"{_FC} {_FC}",
        "ReLU stands between",
        _relu_bn_dense,
    ),
    _p(
        "training_leftovers",
        "Dropout, noise, regularization, linear activation around Dense",
        _FC,
        _ONE,
    ),
    _p("neutral_arithmetic", "x·1 + 0 → Dense → −0 → /1", _FC, _ONE, _neutral),
    _p("relu6_layer", "Dense → ReLU6", _FC, "fused", _relu6),
    _p("leaky_relu", "Dense → LeakyReLU", f"{_FC} LEAKY_RELU", "no fused activation", _leaky),
    _p("elu", "Dense → ELU", f"{_FC} ELU", "no fused activation"),
    _p("gelu", "Dense → GELU", f"{_FC} GELU", "no fused activation"),
    _p("silu", "Dense → SiLU", f"{_FC} LOGISTIC MUL", "LiteRT has no op for SiLU"),
    _p("mish", "Dense → Mish", f"{_FC} EXP ADD LOG TANH MUL", _SOFT),
    _p("softplus", "Dense → softplus", f"{_FC} EXP ADD LOG", _SOFT),
    _p(
        "hard_sigmoid",
        "Dense → hard sigmoid",
        f"{_FC} MUL",
        "+3 and ReLU6 go into the layer; 1/6 behind ReLU6 cannot",
        _hard_sigmoid_dense,
    ),
    _p("hard_swish", "Dense → hard swish", f"{_FC} HARD_SWISH", "no fused activation"),
    _p("softmax_written", "softmax written out", "SOFTMAX", _OWN, _softmax),
    _p("gelu_erf_written", "GELU (erf) written out", "GELU", _OWN),
    _p("gelu_tanh_written", "GELU (tanh) written out", "GELU", _OWN, _gelu_tanh),
    _p("silu_written", "SiLU written out", "LOGISTIC MUL", "LiteRT has no op for SiLU", _silu),
    _p("hard_swish_written", "hard swish written out", "HARD_SWISH", _OWN, _hard_swish),
    _p(
        "hard_sigmoid_written",
        "hard sigmoid written out",
        "ADD MUL",
        "RELU6 is fused into ADD; there is no op",
        _hard_sigmoid,
    ),
    _p("mish_written", "Mish written out", "EXP ADD LOG TANH MUL", _SOFT, _mish),
    _p("unit_norm", "UnitNormalization", "SQUARE SUM RSQRT MINIMUM MUL", _UNIT, _unit(1e12)),
    _p("l2_written", "keras.ops.normalize", "SQUARE SUM RSQRT MINIMUM MUL", _UNIT, _unit(1e12)),
    _p(
        "embedding",
        "Embedding",
        "FLOOR_MOD GATHER",
        "negative indices count from the end; FLOOR_MOD says so",
        _embedding,
    ),
    _p(
        "embedding_mask_pool_dense",
        "Embedding with mask → GlobalAveragePooling1D → Dense",
        "NOT_EQUAL RESHAPE CAST SUM SUM FLOOR_MOD GATHER SELECT_V2 DIV FULLY_CONNECTED",
        "mask, count, look-up, choice, sum, quotient, layer; bool becomes float in a CAST",
    ),
)
