"""Single ops, with every option that rules look at."""

from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Tensor
from tests.rewrite.generated.making import Layer, Making, conv, deep, dense, kernel, scaled, stepped
from tests.support.graphs import RELU, SAME, VALID, const


def _conv(m: Making, x: Tensor) -> Tensor:
    return conv(m, x, **stepped(m, x))


def _grouped(m: Making, x: Tensor) -> Tensor | None:
    if x.shape[-1] % 2 or x.shape[-1] == 2:
        return None
    h, w = kernel(m)
    c = x.shape[-1] // 2
    return m.op("CONV_2D", x, m.filter(4, h, w, c, into=h * w * c), m.bias(4), **stepped(m, x))  # type: ignore[no-any-return]


def _deep(m: Making, x: Tensor) -> Tensor:
    return deep(m, x, times=m.among(1, 1, 2), **stepped(m, x))


def _transposed(m: Making, x: Tensor) -> Tensor:
    n, h, w, c = x.shape
    out, (kh, kw), padding = m.number(1, 4), kernel(m), m.among(SAME, VALID)
    stride = m.among(1, 2)
    sizes = [d * stride if padding == SAME else (d - 1) * stride + k for d, k in ((h, kh), (w, kw))]
    bias = m.bias(out)
    size = const([n, *(max(s, 1) for s in sizes), out])
    return m.op(  # type: ignore[no-any-return]
        "TRANSPOSE_CONV",
        size,
        m.filter(out, kh, kw, c, into=kh * kw * c),
        x,
        *([] if bias is None else [bias]),
        dtype=DType.FLOAT32,
        version=3,
        padding=padding,
        stride_h=stride,
        stride_w=stride,
    )


def _conv3d(m: Making, x: Tensor) -> Tensor:
    k, c, out = m.number(1, 2), x.shape[-1], m.number(1, 4)
    return m.op(  # type: ignore[no-any-return]
        "CONV_3D",
        x,
        m.filter(k, k, k, c, out, into=k**3 * c),
        m.weights(out),
        padding=m.among(SAME, VALID),
        stride_d=1,
        stride_h=m.among(1, 2),
        stride_w=1,
        fused_activation_function=m.among(0, RELU),
    )


def _pool(m: Making, x: Tensor) -> Tensor:
    stride = m.among(1, 2, 2)
    return m.op(  # type: ignore[no-any-return]
        m.among("AVERAGE_POOL_2D", "MAX_POOL_2D"),
        x,
        padding=m.among(SAME, VALID),
        stride_w=stride,
        stride_h=stride,
        filter_width=m.number(1, 3),
        filter_height=m.number(1, 3),
        fused_activation_function=m.among(0, 0, RELU),
    )


def _pads(m: Making, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    amounts = np.zeros((len(x.shape), 2), np.int32)
    for axis in axes:
        amounts[axis] = m.among((1, 1), (0, 1), (1, 0), (2, 1), (0, 0))
    return const(amounts)


def _pad(m: Making, x: Tensor) -> Tensor:
    axes = (1, 2) if len(x.shape) == 4 else (m.number(1, len(x.shape) - 1),)
    kind = m.among("PAD", "PAD", "PADV2", "MIRROR_PAD")
    amounts = _pads(m, x, axes)
    if kind == "PADV2":
        return m.op(kind, x, amounts, const(np.float32(m.random.normal())))  # type: ignore[no-any-return]
    return m.op(kind, x, amounts, **({"mode": m.among(0, 1)} if kind == "MIRROR_PAD" else {}))  # type: ignore[no-any-return]


def _pad_conv(m: Making, x: Tensor) -> Tensor:
    y = m.op("PAD", x, _pads(m, x, (1, 2)))
    return m.among(conv, deep)(m, y, **stepped(m, y) | {"padding": VALID})  # type: ignore[no-any-return]


def _resize(m: Making, x: Tensor) -> Tensor:
    size = const([x.shape[1] * m.among(1, 2) + m.among(0, 0, 1), x.shape[2] * m.among(1, 2)])
    if m.chance(0.5):
        return m.op("RESIZE_NEAREST_NEIGHBOR", x, size)  # type: ignore[no-any-return]
    return m.op("RESIZE_BILINEAR", x, size, half_pixel_centers=m.chance(0.5))  # type: ignore[no-any-return]


def _blocks(m: Making, x: Tensor) -> Tensor:
    return m.op(m.among("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), x, block_size=m.among(1, 2, 2))  # type: ignore[no-any-return]


def _prelu(m: Making, x: Tensor) -> Tensor:
    return m.op("PRELU", x, m.weights(1, 1, x.shape[-1], scale=0.3))  # type: ignore[no-any-return]


def _affine(m: Making, x: Tensor) -> Tensor:
    """Constant arithmetic in every broadcast form."""
    kind = m.among("MUL", "MUL", "ADD", "ADD", "SUB", "DIV", "NEG")
    if kind == "NEG":
        return m.op(kind, x)  # type: ignore[no-any-return]
    c, rank = x.shape[-1], len(x.shape)
    whole = x.shape if m.static else (1, *x.shape[1:])
    spatial = tuple(d if i == 1 else 1 for i, d in enumerate(x.shape))
    shape = m.among((), (1,), (c,), (c,), (c,), (1,) * (rank - 1) + (c,), whole, spatial)
    if shape == spatial and rank == 1:
        shape = (c,)
    values = m.factors(*shape) if kind in ("MUL", "DIV") else m.weights(*shape, scale=0.7)
    if kind != "MUL" and m.chance(0.1):
        values = m.factors(*shape)
    swapped = kind != "DIV" and m.chance(0.3)
    pair = (values, x) if swapped else (x, values)
    return m.op(kind, *pair, fused_activation_function=m.fused())  # type: ignore[no-any-return]


def _batch_norm(m: Making, x: Tensor) -> Tensor:
    return scaled(m, x, m.fused())


def _neutral(m: Making, x: Tensor) -> Tensor:
    kind, number = m.among(("MUL", 1.0), ("ADD", 0.0), ("SUB", 0.0), ("DIV", 1.0))
    return m.op(kind, x, const(np.float32(number)))  # type: ignore[no-any-return]


_SMOOTH = ("RELU", "RELU6", "TANH", "LOGISTIC", "ABS", "ELU", "HARD_SWISH", "GELU", "NEG")


def _unary(m: Making, x: Tensor) -> Tensor:
    if m.chance(0.2):
        return m.op("LEAKY_RELU", x, alpha=0.3)  # type: ignore[no-any-return]
    return m.op(m.among(*_SMOOTH), x)  # type: ignore[no-any-return]


def _clip(m: Making, x: Tensor) -> Tensor:
    low, high = m.among((0.0, 6.0), (-1.0, 1.0), (0.0, 1.0), (-0.5, 2.0))
    y = m.op("MAXIMUM", x, const(np.float32(low)))
    return m.op("MINIMUM", y, const(np.float32(high)))  # type: ignore[no-any-return]


def _binary(m: Making, x: Tensor) -> Tensor:
    kind = m.among("ADD", "ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")
    more = {"fused_activation_function": m.fused()} if kind in ("ADD", "SUB", "MUL") else {}
    y = x if m.chance(0.1) else m.like(x)
    return m.op(kind, x, y, **more)  # type: ignore[no-any-return]


def _gate(m: Making, x: Tensor) -> Tensor:
    return m.op("MUL", x, m.op("LOGISTIC", m.like(x)))  # type: ignore[no-any-return]


def _reshape(m: Making, x: Tensor) -> Tensor:
    n, rest = x.shape[0], x.shape[1:]
    size, c = int(np.prod(rest)), x.shape[-1]
    shape = m.among((n, size), (n, size // c, c), (n, 1, 1, size), (n, size // c, 1, c), (n, *rest))
    return m.reshape(x, *(shape if m.static else (-1, *shape[1:])))


def _expand(m: Making, x: Tensor) -> Tensor:
    y = m.op("EXPAND_DIMS", x, const(m.number(1, len(x.shape))))
    return m.op("SQUEEZE", y, squeeze_dims=()) if m.chance(0.2) and 1 not in x.shape else y  # type: ignore[no-any-return]


def _transpose(m: Making, x: Tensor) -> Tensor:
    axes = [0, *(1 + m.random.permutation(len(x.shape) - 1))]
    if m.static and m.chance(0.3):
        axes = list(m.random.permutation(len(x.shape)))
    return m.transpose(x, *map(int, axes))


def _concat(m: Making, x: Tensor) -> Tensor:
    y = scaled(m, x) if m.chance(0.4) else m.like(x)
    axis = m.among(-1, len(x.shape) - 1, 1 if len(x.shape) > 1 else 0)
    return m.op("CONCATENATION", x, y, axis=axis)  # type: ignore[no-any-return]


def _split(m: Making, x: Tensor) -> tuple[Tensor, ...] | None:
    axis = len(x.shape) - 1
    if x.shape[axis] % 2:
        return None
    return m.op("SPLIT", const(axis), x, count=2, dtype=DType.FLOAT32, num_splits=2)  # type: ignore[no-any-return]


def _slice(m: Making, x: Tensor) -> Tensor:
    begin = [0] * len(x.shape)
    size = [-1 if i == 0 else d for i, d in enumerate(x.shape)]
    if x.shape[-1] > 1 and len(x.shape) > 1:
        begin[-1] = m.number(0, 1)
        size[-1] = x.shape[-1] - begin[-1]
    return m.op("SLICE", x, const(begin), const(size))  # type: ignore[no-any-return]


def _strided(m: Making, x: Tensor) -> Tensor:
    rank = len(x.shape)
    begin = [0] * rank
    begin[-1] = m.number(0, min(1, x.shape[-1] - 1)) if rank > 1 else 0
    steps = [1] * rank
    return m.op("STRIDED_SLICE", x, const(begin), const(list(x.shape)), const(steps), end_mask=1)  # type: ignore[no-any-return]


def _reduce(m: Making, x: Tensor) -> Tensor | None:
    rank = len(x.shape)
    if rank < 3:
        return None
    axes = m.among([1], [-1], list(range(1, rank - 1)), [rank - 2])
    kind = m.among("MEAN", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
    return m.reduce(kind, x, axes, m.chance(0.5))


def _tile(m: Making, x: Tensor) -> Tensor:
    return m.op("TILE", x, const([1] * (len(x.shape) - 1) + [m.number(1, 2)]))  # type: ignore[no-any-return]


def _dense(m: Making, x: Tensor) -> Tensor:
    return dense(m, x, fused=m.fused())


def _flat_dense(m: Making, x: Tensor) -> Tensor:
    size, out = int(np.prod(x.shape[1:])), m.number(1, 6)
    weights = m.filter(out, size, into=size)
    return m.op("FULLY_CONNECTED", x, weights, m.bias(out), fused_activation_function=m.fused())  # type: ignore[no-any-return]


def _norms(m: Making, x: Tensor) -> Tensor:
    kind = m.among("SOFTMAX", "SOFTMAX", "L2_NORMALIZATION", "LOG_SOFTMAX")
    return m.op(kind, x, **({"beta": 1.0} if kind == "SOFTMAX" else {}))  # type: ignore[no-any-return]


ANY: tuple[Layer, ...] = (
    *(_affine,) * 5,
    *(_batch_norm,) * 3,
    _neutral,
    *(_unary,) * 2,
    _clip,
    *(_binary,) * 2,
    _gate,
    *(_reshape,) * 2,
    _expand,
    *(_transpose,) * 2,
    *(_concat,) * 2,
    _split,
    _slice,
    _strided,
    *(_reduce,) * 2,
    _tile,
    *(_dense,) * 3,
    _flat_dense,
    _norms,
)
IMAGES: tuple[Layer, ...] = (
    *(_conv,) * 5,
    _grouped,
    *(_deep,) * 3,
    *(_pool,) * 3,
    *(_pad,) * 2,
    *(_pad_conv,) * 2,
    _resize,
    _blocks,
    _prelu,
)
STATIC_IMAGES: tuple[Layer, ...] = (_transposed,)
VOLUMES: tuple[Layer, ...] = (*(_conv3d,) * 3,)
