"""Patterns of sequences: 1-D convolutions, steps, normalization, attention."""

from __future__ import annotations

from litesmith.graph import Tensor
from tests.rewrite.affine_graphs import dense, scaled
from tests.rewrite.patterns.pattern import Pattern, mean, number, reshape, transpose
from tests.support.graphs import RELU, SAME, VALID, Builder, const

_SHAPE = (1, 10, 6)


def _input(b: Builder) -> Tensor:
    return b.input(_SHAPE)


def _row_conv(b: Builder, x: Tensor, out: int, padding: int, dilation: int = 1) -> Tensor:
    """Add a convolution along axis 2 of [1, 1, steps, channels]."""
    fields = {"padding": padding, "stride_w": 1, "stride_h": 1, "dilation_w_factor": dilation}
    weights = b.weights(out, 1, 3, x.shape[-1], scale=0.4)
    return b.op("CONV_2D", x, weights, b.weights(out), **fields)  # type: ignore[no-any-return]


def _conv1d(padding: int, dilation: int = 1, causal: int = 0) -> object:
    def direct(b: Builder) -> Tensor:
        x = _input(b)
        if causal:
            x = b.op("PAD", x, const([[0, 0], [causal, 0], [0, 0]]))
        y = _row_conv(b, reshape(b, x, 1, 1, *x.shape[1:]), 7, padding, dilation)
        return scaled(b, reshape(b, y, 1, *y.shape[2:]), fused=RELU)

    return direct


def _conv1d_dense(b: Builder) -> Tensor:
    y = _row_conv(b, reshape(b, _input(b), 1, 1, 10, 6), 7, VALID)
    y = scaled(b, reshape(b, y, 1, 8, 7), fused=RELU)
    return dense(b, reshape(b, y, 1, 56), 3)


def _conv1d_stack(b: Builder) -> Tensor:
    y = _row_conv(b, reshape(b, _input(b), 1, 1, 10, 6), 7, SAME)
    y = scaled(b, reshape(b, y, 1, 10, 7), fused=RELU)
    y = reshape(b, y, 1, 1, 10, 7)
    size = {"filter_width": 2, "filter_height": 1, "stride_w": 2, "stride_h": 1}
    y = reshape(b, b.op("MAX_POOL_2D", y, padding=VALID, **size), 1, 5, 7)
    y = _row_conv(b, reshape(b, y, 1, 1, 5, 7), 5, VALID)
    y = reshape(b, scaled(b, y, fused=RELU), 1, 3, 5)
    return dense(b, mean(b, y, 1), 3)


def _separable(b: Builder) -> Tensor:
    y = reshape(b, _input(b), 1, 1, 10, 6)
    fields = {"padding": VALID, "stride_w": 1, "stride_h": 1}
    y = b.op(
        "DEPTHWISE_CONV_2D", y, b.weights(1, 1, 3, 6), b.weights(6), **fields, depth_multiplier=1
    )
    y = b.op("CONV_2D", y, b.weights(7, 1, 1, 6), b.weights(7), **fields)
    return scaled(b, reshape(b, y, 1, 8, 7), fused=RELU)


def _steps(b: Builder, x: Tensor) -> list[Tensor]:
    """Return x[t] of [steps, 1, …]."""
    found, rank = [], len(x.shape)
    for t in range(x.shape[0]):
        begin, end = [t] + [0] * (rank - 1), [t + 1, *x.shape[1:]]
        bounds = const(begin), const(end), const([1] * rank)
        mask = (1 << rank) - 2
        more = {"begin_mask": mask, "end_mask": mask, "shrink_axis_mask": 1}
        found.append(b.op("STRIDED_SLICE", x, *bounds, **more))
    return found


def _packed(b: Builder, steps: list[Tensor], *shape: int) -> Tensor:
    return reshape(b, b.op("PACK", *steps, values_count=len(steps), axis=0), *shape)


def _step_dense(b: Builder) -> Tensor:
    x, w, bias = reshape(b, _input(b), 10, 1, 6), b.weights(5, 6), b.weights(5)
    fused = {"fused_activation_function": RELU}
    made = [b.op("FULLY_CONNECTED", t, w, bias, **fused) for t in _steps(b, x)]
    return _packed(b, made, 1, 10, 5)


def _step_convs(b: Builder, x: Tensor) -> list[Tensor]:
    w, bias = b.weights(4, 3, 3, 2), b.weights(4)
    fields = {"padding": VALID, "stride_w": 1, "stride_h": 1, "fused_activation_function": RELU}
    return [b.op("CONV_2D", t, w, bias, **fields) for t in _steps(b, x)]


def _step_conv(b: Builder) -> Tensor:
    x = reshape(b, b.input((1, 3, 8, 8, 2)), 3, 1, 8, 8, 2)
    return _packed(b, _step_convs(b, x), 1, 3, 6, 6, 4)


def _step_model(b: Builder) -> Tensor:
    x = reshape(b, b.input((1, 3, 8, 8, 2)), 3, 1, 8, 8, 2)
    pooled = [mean(b, y, 1, 2) for y in _step_convs(b, x)]
    w, bias = b.weights(5, 4), b.weights(5)
    return _packed(b, [b.op("FULLY_CONNECTED", y, w, bias) for y in pooled], 1, 3, 5)


def _layer_norm(b: Builder, x: Tensor) -> Tensor:
    c = x.shape[-1]
    lead = (1,) * (len(x.shape) - 1)
    center = mean(b, x, -1, keep=True)
    away = b.op("NEG", center)
    spread = mean(b, b.op("SQUARED_DIFFERENCE", x, center), -1, keep=True)
    inverse = b.op("RSQRT", number(b, "ADD", spread, 1e-3))
    scale = b.op("MUL", inverse, b.weights(*lead, c))
    shift = b.op("ADD", b.op("MUL", away, scale), b.weights(*lead, c))
    return b.op("ADD", b.op("MUL", x, scale), shift)  # type: ignore[no-any-return]


def _rms_norm(b: Builder) -> Tensor:
    x = _input(b)
    total = number(b, "ADD", mean(b, b.op("SQUARE", x), -1, keep=True), 1e-6)
    return b.op("MUL", b.op("MUL", x, b.op("RSQRT", total)), b.weights(6))  # type: ignore[no-any-return]


def _group_norm(groups: int) -> object:
    def direct(b: Builder) -> Tensor:
        size = 8 // groups
        x = reshape(b, b.input((1, 8, 8, 8)), -1, 8, 8, groups, size)
        center = mean(b, x, 1, 2, 4, keep=True)
        away = b.op("NEG", center)
        square = b.op("SQUARE", b.op("SUB", x, center))
        inverse = b.op("RSQRT", number(b, "ADD", mean(b, square, 1, 2, 4, keep=True), 1e-3))
        gamma, beta = (b.weights(1, 1, 1, groups, size) for _ in range(2))
        scale = b.op("MUL", inverse, gamma)
        shift = b.op("ADD", b.op("MUL", away, scale), beta)
        return reshape(b, b.op("ADD", b.op("MUL", x, scale), shift), 1, 8, 8, 8)

    return direct


def _attention(heads: int, *, bias: bool = True, cross: bool = False) -> object:
    """As the converter writes MultiHeadAttention of 6 features at batch 1."""

    def direct(b: Builder) -> Tensor:
        x, size = _input(b), 6 // heads
        z = b.input((1, 7, 5)) if cross else x

        def split(t: Tensor) -> Tensor:
            return reshape(b, dense(b, t, 6, bias=bias), -1, t.shape[1], heads, size)

        key = transpose(b, split(z), 0, 2, 3, 1)
        query = transpose(b, split(x), 0, 2, 1, 3)
        scores = number(b, "MUL", b.op("BATCH_MATMUL", query, key), size**-0.5)
        value = transpose(b, split(z), 0, 2, 1, 3)
        y = b.op("BATCH_MATMUL", b.op("SOFTMAX", scores, beta=1.0), value)
        y = reshape(b, transpose(b, y, 0, 2, 1, 3), -1, 10, 6)
        return dense(b, y, 6, bias=bias)

    return direct


def _p(name: str, title: str, ops: str, why: str, direct: object = None) -> Pattern:
    return Pattern(name, title, ops, why, direct)  # type: ignore[arg-type]


_ROWS = "convolutions are 2-D: the sequence must become an image and back"
_HEADS = (
    "per head the matrix products need heads before steps: one RESHAPE and TRANSPOSE for each of"
    " query, key, value and result"
)
_QKV = " (why query, key and value stay apart: below the table)"
_MHA = (
    "FULLY_CONNECTED FULLY_CONNECTED FULLY_CONNECTED FULLY_CONNECTED RESHAPE RESHAPE RESHAPE"
    " RESHAPE TRANSPOSE TRANSPOSE TRANSPOSE TRANSPOSE BATCH_MATMUL BATCH_MATMUL SOFTMAX"
)
_NORM = "MEAN SUB MUL MEAN ADD RSQRT MUL"
_GROUP = "MEAN SUB SQUARE MEAN ADD RSQRT MUL MUL ADD"
_TWO_PASSES = "mean, difference, its square's mean, inverse root, product, then scale and shift"

SEQUENCES: tuple[Pattern, ...] = (
    _p("conv1d_bn", "Conv1D → BN → ReLU", "RESHAPE CONV_2D RESHAPE", _ROWS, _conv1d(SAME)),
    _p(
        "dilated_conv1d",
        "Conv1D dilated → BN → ReLU",
        "RESHAPE CONV_2D RESHAPE",
        _ROWS,
        _conv1d(SAME, 2),
    ),
    _p(
        "causal_conv1d",
        "Conv1D dilated, causal → BN → ReLU",
        "PAD RESHAPE CONV_2D RESHAPE",
        "SAME pads both ends; " + _ROWS,
        _conv1d(VALID, 2, 4),
    ),
    _p(
        "separable_conv1d_bn",
        "SeparableConv1D → BN → ReLU",
        "RESHAPE DEPTHWISE_CONV_2D CONV_2D RESHAPE",
        _ROWS,
        _separable,
    ),
    _p(
        "conv1d_flatten_dense",
        "Conv1D → BN → ReLU → Flatten → Dense",
        "RESHAPE CONV_2D FULLY_CONNECTED",
        "a dense layer flattens by itself",
        _conv1d_dense,
    ),
    _p(
        "conv1d_stack",
        "Conv1D → BN → pool → Conv1D → BN → GlobalAveragePooling1D → Dense",
        "RESHAPE CONV_2D MAX_POOL_2D CONV_2D MEAN FULLY_CONNECTED",
        "it becomes an image once; the mean drops both axes",
        _conv1d_stack,
    ),
    _p(
        "time_distributed_dense",
        "TimeDistributed(Dense)",
        "FULLY_CONNECTED",
        "a dense layer takes all steps at once",
        _step_dense,
    ),
    _p(
        "time_distributed_conv",
        "TimeDistributed(Conv2D)",
        "RESHAPE CONV_2D RESHAPE",
        "steps become the batch and come back",
        _step_conv,
    ),
    _p(
        "time_distributed_model",
        "TimeDistributed(Conv2D → GlobalAveragePooling → Dense)",
        "RESHAPE CONV_2D MEAN FULLY_CONNECTED RESHAPE",
        "steps become the batch and come back",
        _step_model,
    ),
    _p(
        "layer_norm",
        "LayerNormalization",
        f"{_NORM} MUL ADD",
        _TWO_PASSES,
        lambda b: _layer_norm(b, _input(b)),
    ),
    _p(
        "layer_norm_vector",
        "LayerNormalization of a vector",
        f"{_NORM} MUL ADD",
        _TWO_PASSES,
        lambda b: _layer_norm(b, b.input((1, 12))),
    ),
    _p(
        "layer_norm_dense",
        "LayerNormalization → Dense",
        f"{_NORM} FULLY_CONNECTED",
        "scale and shift go into the layer",
        lambda b: dense(b, _layer_norm(b, _input(b)), 5),
    ),
    _p(
        "layer_norm_image_conv",
        "LayerNormalization of an image → Conv2D 1×1",
        f"{_NORM} CONV_2D",
        "scale and shift go into the layer",
    ),
    _p(
        "rms_norm",
        "RMSNormalization",
        "SQUARE MEAN ADD RSQRT MUL MUL",
        "square, mean, inverse root, product, scale",
        _rms_norm,
    ),
    _p(
        "group_norm",
        "GroupNormalization",
        f"RESHAPE {_GROUP} RESHAPE",
        "groups are an axis of their own; " + _TWO_PASSES,
        _group_norm(4),
    ),
    _p("group_norm_one", "GroupNormalization, one group", _GROUP, _TWO_PASSES, _group_norm(1)),
    _p(
        "instance_norm",
        "GroupNormalization, one channel per group",
        _GROUP,
        _TWO_PASSES,
        _group_norm(8),
    ),
    _p("mha_self", "MultiHeadAttention, two heads", _MHA, _HEADS + _QKV, _attention(2)),
    _p(
        "mha_self_no_bias",
        "MultiHeadAttention, two heads, no bias",
        _MHA,
        _HEADS,
        _attention(2, bias=False),
    ),
    _p(
        "mha_cross",
        "MultiHeadAttention, two heads, on another sequence",
        _MHA,
        _HEADS,
        _attention(2, cross=True),
    ),
    _p(
        "mha_one_head",
        "MultiHeadAttention, one head",
        "FULLY_CONNECTED FULLY_CONNECTED FULLY_CONNECTED FULLY_CONNECTED BATCH_MATMUL BATCH_MATMUL"
        " SOFTMAX",
        "four layers, two products, softmax; no layout changes",
        _attention(1),
    ),
)
