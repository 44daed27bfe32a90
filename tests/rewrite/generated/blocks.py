"""Several ops at once, as converters and users write them: what single ops would rarely make."""

from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Tensor
from tests.rewrite.generated.making import Layer, Making, conv, deep, dense, scaled
from tests.support.graphs import RELU, SAME, VALID, const, make, tensor


def _branches(m: Making, x: Tensor) -> Tensor:
    """RepVGG, MobileOne, ACNet."""
    c = x.shape[-1]
    fields = m.among({}, {}, {"stride_h": 2, "stride_w": 2})
    if m.chance(0.4):
        parts = [deep(m, x, size, **fields) for size in m.among(((3, 3), (1, 1)), ((5, 5), (3, 3)))]
    else:
        sizes = m.among(((3, 3), (1, 1)), ((3, 3), (1, 3), (3, 1)), ((3, 3), (3, 3)))
        parts = [conv(m, x, c, size, **fields) for size in sizes]
    parts = [scaled(m, y) for y in parts]
    if not fields and m.chance(0.6):
        parts.append(scaled(m, x) if m.chance(0.7) else x)
    total = parts[0]
    for i, part in enumerate(parts[1:]):
        fused = RELU if i == len(parts) - 2 and m.chance(0.7) else 0
        total = m.op("ADD", total, part, fused_activation_function=fused)
    return total


def _joined(m: Making, x: Tensor) -> Tensor:
    size = m.among((1, 1), (3, 3))
    fused = m.among(0, RELU)
    parts = [conv(m, x, m.number(1, 3), size, fused_activation_function=fused) for _ in range(3)]
    return m.op("CONCATENATION", *parts, axis=3)  # type: ignore[no-any-return]


def _chain(m: Making, x: Tensor) -> Tensor:
    """Two linear ops in a row that are cheaper as one."""
    if len(x.shape) != 4:
        return dense(m, dense(m, x, x.shape[-1] + 4), m.number(1, 4))
    first, second = m.among(((1, 1), (3, 3)), ((3, 3), (1, 1)), ((1, 1), (1, 1)))
    wide = conv(m, x, x.shape[-1] + 4, first, padding=m.among(SAME, VALID))
    return conv(m, wide, 2, second, padding=m.among(SAME, VALID))


def _dilated(m: Making, x: Tensor) -> Tensor | None:
    """SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND: an old dilated convolution."""
    _, h, w, c = x.shape
    if h < 5 or w < 5:
        return None
    before = ((2, 2 + h % 2), (2, 2 + w % 2))
    y = m.op("SPACE_TO_BATCH_ND", x, const([2, 2]), const([list(p) for p in before]))
    y = conv(m, y, c, (3, 3), padding=VALID)
    crops = [[0, h % 2], [0, w % 2]]
    return m.op("BATCH_TO_SPACE_ND", y, const([2, 2]), const(crops))  # type: ignore[no-any-return]


def _squeeze_excite(m: Making, x: Tensor) -> Tensor:
    c = x.shape[-1]
    y = m.reduce("MEAN", x, [1, 2], keep=False)
    y = m.reshape(y, -1 if not m.static else x.shape[0], 1, 1, c)
    y = conv(m, y, 2, (1, 1), fused_activation_function=RELU)
    y = m.op("LOGISTIC", conv(m, y, c, (1, 1)))
    return scaled(m, m.op("MUL", x, y))


def _layer_norm(m: Making, x: Tensor) -> Tensor | None:
    """The converter's form."""
    return None if x.shape[-1] < 2 else _normalized(m, x)


def _normalized(m: Making, x: Tensor) -> Tensor:
    c, last = x.shape[-1], len(x.shape) - 1
    mean = m.reduce("MEAN", x, [last], keep=True)
    spread = m.reduce("MEAN", m.op("SQUARED_DIFFERENCE", x, mean), [last], keep=True)
    inverse = m.op("RSQRT", m.op("ADD", spread, const(np.float32(0.05))))
    scale = m.op("MUL", inverse, m.factors(c))
    if m.chance(0.7):
        shift = m.op("SUB", m.weights(c), m.op("MUL", mean, scale))
        return m.op("ADD", m.op("MUL", x, scale), shift)  # type: ignore[no-any-return]
    shift = m.op("MUL", m.op("NEG", mean), scale)
    return m.op("ADD", m.op("ADD", m.op("MUL", x, scale), shift), m.weights(c))  # type: ignore[no-any-return]


def _normalized_dense(m: Making, x: Tensor) -> Tensor | None:
    y = _layer_norm(m, dense(m, x, 6) if m.chance(0.5) else x)
    return None if y is None else dense(m, y)


def _rms_norm(m: Making, x: Tensor) -> Tensor:
    last = len(x.shape) - 1
    square = m.op("SQUARE", x) if m.chance(0.5) else m.op("MUL", x, x)
    mean = m.op("ADD", m.reduce("MEAN", square, [last], keep=True), const(np.float32(0.05)))
    y = m.op("DIV", x, m.op("SQRT", mean)) if m.chance(0.5) else None
    y = m.op("MUL", x, m.op("RSQRT", mean)) if y is None else y
    return m.op("MUL", y, m.factors(x.shape[-1]))  # type: ignore[no-any-return]


def _group_norm(m: Making, x: Tensor) -> Tensor | None:
    n, h, w, c = x.shape
    if c % 2 or not m.static:
        return None
    y = m.reshape(x, n, h, w, 2, c // 2)
    mean = m.reduce("MEAN", y, [1, 2, 4], keep=True)
    spread = m.reduce("MEAN", m.op("SQUARED_DIFFERENCE", y, mean), [1, 2, 4], keep=True)
    inverse = m.op("RSQRT", m.op("ADD", spread, const(np.float32(0.05))))
    scale = m.op("MUL", inverse, m.factors(1, 1, 1, 2, c // 2))
    shift = m.op("SUB", m.weights(1, 1, 1, 2, c // 2), m.op("MUL", mean, scale))
    return m.reshape(m.op("ADD", m.op("MUL", y, scale), shift), n, h, w, c)


def _softmax(m: Making, x: Tensor) -> Tensor:
    last = len(x.shape) - 1
    e = m.op("SUB", x, m.reduce("REDUCE_MAX", x, [last], keep=True))
    e = m.op("EXP", e)
    return m.op("DIV", e, m.reduce("SUM", e, [last], keep=True))  # type: ignore[no-any-return]


def _unit_length(m: Making, x: Tensor) -> Tensor:
    last = len(x.shape) - 1
    total = m.reduce("SUM", m.op("SQUARE", x), [last], keep=True)
    bounded = m.op("MAXIMUM", total, const(np.float32(m.among(1e-12, 1e-6))))
    return m.op("MUL", x, m.op("RSQRT", bounded))  # type: ignore[no-any-return]


def _written(m: Making, x: Tensor) -> Tensor:
    """An activation written out."""

    def c(number: float) -> Tensor:
        return const(np.float32(number))

    kind = m.among("gelu", "hard_swish", "silu", "mish", "hard_sigmoid", "leaky")
    if kind == "gelu":
        cube = m.op("MUL", m.op("MUL", x, x), x)
        inner = m.op("ADD", x, m.op("MUL", cube, c(0.044715)))
        tanh = m.op("TANH", m.op("MUL", inner, c((2 / np.pi) ** 0.5)))
        return m.op("MUL", m.op("MUL", x, c(0.5)), m.op("ADD", tanh, c(1)))  # type: ignore[no-any-return]
    if kind == "hard_swish":
        gate = m.op("ADD", x, c(3), fused_activation_function=3)
        return m.op("MUL", m.op("MUL", x, gate), c(1 / 6))  # type: ignore[no-any-return]
    if kind == "silu":
        return m.op("DIV", x, m.op("ADD", m.op("EXP", m.op("NEG", x)), c(1)))  # type: ignore[no-any-return]
    if kind == "mish":
        soft = m.op("LOG", m.op("ADD", m.op("EXP", m.op("TANH", x)), c(1)))
        return m.op("MUL", x, m.op("TANH", soft))  # type: ignore[no-any-return]
    if kind == "leaky":
        return m.op("MAXIMUM", x, m.op("MUL", x, c(0.2)))  # type: ignore[no-any-return]
    gate = m.op("RELU6", m.op("ADD", x, c(3)))
    return m.op("MUL", gate, c(1 / 6))  # type: ignore[no-any-return]


def _attention(m: Making, x: Tensor) -> Tensor | None:
    """Two heads, as the converter writes MultiHeadAttention at a static batch."""
    if len(x.shape) != 3 or not m.static:
        return None
    n, s, c = x.shape

    def heads(y: Tensor, *order: int) -> Tensor:
        return m.transpose(m.reshape(dense(m, y, 6), n, s, 2, 3), *order)

    q, v = heads(x, 0, 2, 1, 3), heads(x, 0, 2, 1, 3)
    k = heads(x, 0, 2, 3, 1) if m.chance(0.5) else None
    key = heads(x, 0, 2, 1, 3) if k is None else k
    scores = m.op("BATCH_MATMUL", q, key, adj_y=k is None)
    scores = m.op("MUL", scores, const(np.float32(0.57)))
    y = m.op("BATCH_MATMUL", m.op("SOFTMAX", scores, beta=1.0), v)
    return dense(m, m.reshape(m.transpose(y, 0, 2, 1, 3), n, s, 6), c)


def _unrolled(m: Making, x: Tensor) -> Tensor | None:
    """TimeDistributed at a static batch of 1."""
    rank = len(x.shape)
    if x.shape[0] != 1 or rank < 3 or not m.static or not 1 < x.shape[1] < 5:
        return None
    end = list(x.shape)
    inner = x.shape[2:]
    shared: dict[str, Tensor | None] = {
        "w": m.filter(4, inner[-1], into=inner[-1]),
        "b": m.weights(4),
    }
    steps = []
    for t in range(x.shape[1]):
        begin, stop = [0] * rank, [*end]
        begin[1], stop[1] = t, t + 1
        bounds = const(begin), const(stop), const([1] * rank)
        y = m.op("STRIDED_SLICE", x, *bounds, shrink_axis_mask=2)
        w, b = shared["w"], shared["b"]
        keep = len(y.shape) > 2
        y = m.op("FULLY_CONNECTED", y, w, b, keep_num_dims=keep, fused_activation_function=RELU)
        steps.append(y)
    y = m.op("PACK", *steps, values_count=len(steps), axis=0)
    return m.transpose(y, 1, 0, *range(2, len(y.shape)))


def _embedding(m: Making, x: Tensor) -> Tensor | None:
    """A look-up that wraps negative indices, added to a value."""
    if len(x.shape) != 3 or not m.static:
        return None
    index = m.input(x.shape[:2], DType.INT32)
    rows, table = 5, m.weights(5, x.shape[-1])
    below = m.op("LESS", index, const(0), dtype=DType.BOOL)
    wrapped = m.op("ADD", index, const(rows))
    chosen = m.op("SELECT_V2", below, wrapped, index, dtype=DType.INT32)
    return m.op("ADD", x, m.op("GATHER", table, chosen, axis=0))  # type: ignore[no-any-return]


def _shape_arithmetic(m: Making, x: Tensor) -> Tensor | None:
    """SHAPE → STRIDED_SLICE → PACK → RESHAPE, as `reshape(x, (shape(x)[0], …))` is lowered."""
    size = int(np.prod(x.shape[1:]))
    sizes = m.op("SHAPE", x, dtype=DType.INT32, out_type=2)
    first = m.op("STRIDED_SLICE", sizes, const([0]), const([1]), const([1]), shrink_axis_mask=1)
    rest = (const(size // x.shape[-1]), const(x.shape[-1]))
    shape = m.op("PACK", first, *rest, values_count=3, axis=0)
    whole = (x.shape[0], size // x.shape[-1], x.shape[-1])
    # Not by `m.op`: shapes are inferred from operands of zeros.
    result = tensor(f"reshape{len(m.ops)}", whole)
    m.ops.append(make("RESHAPE", (x, shape), (result,)))
    return result


def _repeated(m: Making, x: Tensor) -> Tensor | None:
    """Nearest upsampling as Keras 3 writes it."""
    n, h, w, c = x.shape
    if not m.static:
        return None
    tall, wide = m.number(1, 3), m.number(2, 3)
    y = m.op("TILE", m.reshape(x, n, h, 1, w, c), const([1, 1, tall, 1, 1]))
    y = m.reshape(y, n, h * tall, w, 1, c)
    y = m.op("TILE", y, const([1, 1, 1, wide, 1]))
    return m.reshape(y, n, h * tall, w * wide, c)


def _other_order(m: Making, x: Tensor) -> Tensor:
    """Channels in another order before a convolution."""
    last = len(x.shape) - 1
    order = m.random.permutation(x.shape[-1]).astype(np.int32)
    if m.chance(0.5):
        return conv(m, m.op("REVERSE_V2", x, const([last])), 4, (3, 3))
    return conv(m, m.op("GATHER", x, const(order), axis=last), 4, (1, 1))


def _log_softmax(m: Making, x: Tensor) -> Tensor:
    return m.op("EXP", m.op("LOG_SOFTMAX", x))  # type: ignore[no-any-return]


def _rows_softmax(m: Making, x: Tensor) -> Tensor | None:
    """Softmax of rows that are arranged otherwise for it, and axes that move together."""
    n, h, w, c = x.shape
    if not m.static:
        return None
    if m.chance(0.5):
        y = m.op("SOFTMAX", m.reshape(x, n, h * w, c), beta=1.0)
        return m.reshape(y, n, h, w, c)
    return m.reshape(m.transpose(m.reshape(x, n, h, w, 1, c), 0, 4, 1, 2, 3), n, c, h * w)


def _thin(m: Making, x: Tensor) -> Tensor | None:
    """Few channels of many pixels, scaled and shown to a ReLU6."""
    if not m.static or len(m.ops) > 1:
        return None
    big = m.input((1, 64, 64, 3))
    return m.reduce("MEAN", m.op("TANH", scaled(m, big)), [1], keep=False)


def _reductions(m: Making, x: Tensor) -> Tensor | None:
    """One reduction after another, and a sum divided by its count."""
    rank = len(x.shape)
    if rank < 3:
        return None
    kind, keep = m.among("MEAN", "SUM", "REDUCE_MAX"), m.chance(0.5)
    y = m.reduce(kind, m.reduce(kind, x, [rank - 2], keep), [1 if rank > 3 else rank - 2], keep)
    total = m.reduce("SUM", x, [1], m.chance(0.5))
    return y if m.chance(0.5) else m.op("MUL", total, const(np.float32(1 / x.shape[1])))


def _wide(m: Making, x: Tensor) -> Tensor | None:
    """A normalization before a layer of a thousand units."""
    if len(x.shape) != 2 or x.shape[0] != 1:
        return None
    y = _normalized(m, dense(m, x, 6))
    return dense(m, dense(m, y, 1024, RELU), 5)


def _constants(m: Making, x: Tensor) -> Tensor:
    """Weights that are still computed."""
    c, out = x.shape[-1], m.number(1, 5)
    w = m.op("TRANSPOSE", m.filter(c, out, into=c), const([1, 0]))
    b = m.op("ADD", m.weights(out), m.weights(out))
    return m.op("FULLY_CONNECTED", x, w, b, keep_num_dims=len(x.shape) > 2)  # type: ignore[no-any-return]


def _twins(m: Making, x: Tensor) -> Tensor:
    c, out = x.shape[-1], m.number(1, 4)
    w, b, keep = m.filter(out, c, into=c), m.weights(out), len(x.shape) > 2
    one, two = (
        m.op("FULLY_CONNECTED", x, w, b, keep_num_dims=keep, fused_activation_function=RELU)
        for _ in range(2)
    )
    return m.op("MUL", one, m.op("TANH", two))  # type: ignore[no-any-return]


def _layout_noise(m: Making, x: Tensor) -> Tensor:
    """Layouts changed around an op that does not care."""
    axes = [0, *(1 + m.random.permutation(len(x.shape) - 1))]
    back = [int(i) for i in np.argsort(axes)]
    y = m.op(m.among("RELU", "TANH", "ABS"), m.transpose(x, *map(int, axes)))
    y = m.op("MUL", y, m.factors())
    return m.transpose(y, *back)


def _conv1d(m: Making, x: Tensor) -> Tensor | None:
    if len(x.shape) != 3:
        return None
    n, s, c = x.shape
    lead = n if m.static else -1
    out = m.number(1, 5)
    y = m.reshape(x, lead, 1, s, c)
    y = conv(m, y, out, (1, 3), padding=m.among(SAME, VALID))
    y = m.reshape(y, lead, y.shape[2], out)
    return scaled(m, y, m.among(0, RELU))


def _negations(m: Making, x: Tensor) -> Tensor:
    y = m.op("NEG", x)
    other = m.like(x)
    return m.op(m.among("ADD", "SUB"), other, y)  # type: ignore[no-any-return]


BLOCKS: tuple[Layer, ...] = (
    *(_chain,) * 2,
    *(_layer_norm,) * 2,
    _normalized_dense,
    _rms_norm,
    _softmax,
    _unit_length,
    *(_written,) * 3,
    *(_attention,) * 2,
    *(_unrolled,) * 2,
    _embedding,
    _shape_arithmetic,
    *(_reductions,) * 2,
    _wide,
    _log_softmax,
    *(_thin,) * 3,
    _constants,
    _twins,
    _layout_noise,
    *(_conv1d,) * 2,
    _negations,
)
IMAGE_BLOCKS: tuple[Layer, ...] = (
    *(_branches,) * 3,
    _joined,
    *(_chain,) * 2,
    *(_dilated,) * 2,
    *(_squeeze_excite,) * 2,
    _group_norm,
    _repeated,
    _other_order,
    _rows_softmax,
)
