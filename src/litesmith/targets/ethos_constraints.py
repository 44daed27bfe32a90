"""The demands of Ethos-U rows, with the numbers of Vela's SUPPORTED_OPS.md (5.2.0)."""

from __future__ import annotations

import math

import numpy as np

from litesmith.graph import DType, Op
from litesmith.graph.enums import Padding
from litesmith.targets import constraints as c
from litesmith.targets.rules import Constraint, weights_of

_MAX_WEIGHT_SUM = {DType.INT8: 127 * 2**16, DType.UINT8: 127 * 2**16, DType.INT16: 127 * 2**16}
_MAX_BIAS = 2**40
_MAX_SIDE = 2**16
_EIGHT_BITS = (DType.INT8, DType.UINT8)
_UNQUANTIZED = c.kinds(
    "ARG_MAX EXPAND_DIMS MIRROR_PAD PAD PADV2 QUANTIZE TRANSPOSE CAST GATHER SELECT SELECT_V2 "
    "EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR LOGICAL_NOT "
    "REDUCE_ALL REDUCE_ANY"
)


def _weight_sums(op: Op) -> bool:
    """No output channel's absolute weights may add up to more than the accumulator can take."""
    weights = weights_of(op)
    if weights is None or weights.data is None:
        return True
    values = weights.data.astype(np.int64)
    if weights.quant is not None and weights.quant.zero_point.size == 1:
        values = values - int(weights.quant.zero_point[0])
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(i for i in range(values.ndim) if i != axis)
    limit = _MAX_WEIGHT_SUM.get(c.real(op).dtype, 127 * 2**16)
    return int(np.abs(values).sum(axis=others).max(initial=0)) <= limit


def _bias(op: Op) -> bool:
    bias = op.input(3 if op.kind == "TRANSPOSE_CONV" else 2)
    if bias is None:
        return True
    if bias.data is None or bias.dtype not in (DType.INT32, DType.INT64):
        return False
    return bool(np.abs(bias.data.astype(np.int64)).max(initial=0) < _MAX_BIAS)


def _wide_stride(op: Op) -> bool:
    if max(c.strides(op)) <= 3:
        return True
    valid = op.option("padding", Padding.SAME) == Padding.VALID
    return c.dilations(op) == (1, 1) and (valid or not _padded(op))


def _padded(op: Op) -> bool:
    """True when SAME padding adds rows or columns."""
    sizes = zip(
        c.spatial(c.real(op)), c.spatial(op.outputs[0]), c.strides(op), c.kernel(op), strict=True
    )
    return any((out - 1) * stride + window > n for n, out, stride, window in sizes)


def _transpose_stride(op: Op) -> bool:
    height, width = c.strides(op)
    rows, columns = c.spatial(c.real(op))
    window = c.kernel(op)
    return (
        (height, width) in ((1, 1), (2, 2))
        or ((height, width) == (1, 2) and rows == 1 and window[0] == 1)
        or ((height, width) == (2, 1) and columns == 1 and window[1] == 1)
    )


def _transpose_shape(op: Op) -> bool:
    same = op.option("padding", Padding.SAME) == Padding.SAME
    sizes = zip(
        c.spatial(op.outputs[0]), c.spatial(c.real(op)), c.strides(op), c.kernel(op), strict=True
    )
    return all(out == n * s + (0 if same else max(k - s, 0)) for out, n, s, k in sizes)


def _scales(op: Op) -> tuple[float | None, float | None] | None:
    """Return the vertical and horizontal resize factor; None where any factor will do."""
    before, after = c.spatial(c.real(op)), c.spatial(op.outputs[0])
    if before == (1, 1) or before == after:
        return None
    corners = 1 if op.option("align_corners", False) else 0
    factors = [
        None if n == m == 1 else (m - corners) / (n - corners) if n > corners else math.inf
        for n, m in zip(before, after, strict=True)
    ]
    return factors[0], factors[1]


def _one_factor(op: Op) -> float | None:
    """Return the factor that both sides share, inf where they do not; None: any will do."""
    found = _scales(op)
    if found is None:
        return None
    given = [factor for factor in found if factor is not None]
    return given[0] if len(set(given)) == 1 else math.inf


def _scale_248(op: Op) -> bool:
    return _one_factor(op) in (None, 2.0, 4.0, 8.0)


def _half_twice(op: Op) -> bool:
    if not op.option("half_pixel_centers", False) or c.spatial(c.real(op)) == (1, 1):
        return True
    return _one_factor(op) == 2.0


def _factors(op: Op) -> list[float]:
    return [f for f in _scales(op) or () if f is not None]


def _power_of_two(op: Op) -> bool:
    return all(math.isfinite(f) and f >= 1 and math.log2(f).is_integer() for f in _factors(op))


def _scale_limit(op: Op) -> bool:
    limit = 2048 if op.option("align_corners", False) else 1024
    return all(f <= limit for f in _factors(op))


def _nhwc(op: Op) -> tuple[int, int, int, int]:
    shape = (1, 1, 1, 1, *c.real(op).shape)[-4:]
    return shape[0], shape[1], shape[2], shape[3]


def _reduced(op: Op) -> set[int]:
    """Return the reduced axes counted in NHWC."""
    rank = len(c.real(op).shape)
    return {a + 4 - rank for a in c.axes(op, 1, rank)}


def _mean_batch(op: Op) -> bool:
    shape = c.real(op).shape
    return len(shape) < 4 or math.prod(shape[:-3]) == 1


def _mean_depth(op: Op) -> bool:
    return 3 not in _reduced(op) or 1 in _nhwc(op)[1:]


def _mean_elements(op: Op) -> bool:
    limits = {DType.INT8: 2**24, DType.UINT8: 2**23, DType.INT16: 2**16}
    count = math.prod(_nhwc(op)[a] for a in _reduced(op) if a >= 0)
    return count <= limits.get(c.real(op).dtype, 0)


def _mean_axis(op: Op) -> bool:
    return all(_nhwc(op)[a] <= 4096 for a in _reduced(op) if a >= 0)


def _volume(op: Op) -> bool:
    return c.constant(op, 1, 2, 3) and all(s > 0 for s in c.numbers(op.input(3)))


def _paddings(op: Op) -> bool:
    found = op.input(1)
    return found is None or (found.is_constant and found.dtype in (DType.INT32, DType.INT64))


def _softmax_area(op: Op) -> bool:
    height, width = c.spatial(c.real(op))
    return height * width <= 2**16


def _depth_axis(op: Op) -> bool:
    rank = len(c.real(op).shape)
    return c.axes(op, 1, rank) == {rank - 1}


def _permutation(op: Op) -> bool:
    return c.constant(op, 1) and len(c.real(op).shape) <= 8


def _transpose_32(op: Op) -> bool:
    order = tuple(c.numbers(op.input(1)))
    if c.real(op).dtype is not DType.INT32:
        return True
    padded = tuple(range(4 - len(order))) + tuple(a + 4 - len(order) for a in order)
    batch, height, width, depth = _nhwc(op)
    if padded == (0, 1, 2, 3):
        return depth <= _MAX_SIDE
    if padded == (0, 2, 1, 3):
        return batch == 1 and max(height, width) <= _MAX_SIDE and depth <= 2**14
    return padded == (0, 1, 3, 2) and max(batch * height, width, depth) <= _MAX_SIDE


def _lstm_plain(op: Op) -> bool:
    # Inputs 1 and 5: implicit gate; 9-11: peepholes; 16-17: projection; 20-23: normalization.
    given = [op.input(i) is not None for i in range(24)]
    return given[1] and given[5] and not any(given[9:12] + given[16:18] + given[20:24])


def _quantized(op: Op) -> bool:
    if op.kind in _UNQUANTIZED:
        return True
    found = [t.quant for t in (c.real(op), *op.outputs) if t.dtype.bits <= 16]
    return all(q is not None and bool((q.scale > 0).all()) for q in found)


def _shaped(op: Op) -> bool:
    return all(t.shape for t in c.values(op))


def _touches_bool(op: Op) -> bool:
    return any(t.dtype is DType.BOOL and t.shape for t in c.values(op))


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
    wide = c.real(op).dtype
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


def DYNAMIC(u85: bool) -> tuple[Constraint, ...]:  # noqa: N802 - reads as the constants do
    """Return what FULLY_CONNECTED with computed weights needs."""
    if u85:
        return ()
    return (
        Constraint(
            "dynamic_int8",
            "int8 activations where the weights are computed",
            lambda op: c.constant(op, 1) or c.real(op).dtype is DType.INT8,
        ),
    )


BIAS = Constraint("bias", "a constant bias of int32 or int64 below 2^40", _bias)
KERNEL_STATIC = c.constants("weights", 1)
WEIGHT_SUM = Constraint(
    "weight_sum",
    "absolute weights that add up to at most 8323072 per output channel",
    _weight_sums,
    "Split the layer along its input channels.",
)
STRIDE_3 = Constraint(
    "stride_3", "strides of 1 to 3", lambda op: max(c.strides(op)) <= 3,
    "Use smaller strides, or a pool in front.",
)  # fmt: skip
WIDE_STRIDE = Constraint(
    "wide_stride", "strides of 1 to 3, or neither dilation nor padding", _wide_stride,
    "Use smaller strides, or pad in a layer of its own.",
)  # fmt: skip
TRANSPOSE_STRIDE = Constraint(
    "transpose_stride", "strides of 1x1 or 2x2 (1x2, 2x1 along a side of 1)", _transpose_stride,
    "Upsample in steps of two.",
)  # fmt: skip
TRANSPOSE_SHAPE = Constraint(
    "transpose_shape", "an output size that follows from input, stride and window",
    _transpose_shape, "Drop output_padding.",
)  # fmt: skip
AVERAGE_WINDOW = Constraint(
    "average_window",
    "a window of at most 8x8 with SAME padding, 256x256 (height 256) with VALID",
    lambda op: (
        max(c.kernel(op)) <= 8
        if op.option("padding", Padding.SAME) == Padding.SAME
        else c.kernel(op)[0] <= 256 and math.prod(c.kernel(op)) <= 256 * 256
    ),
    "Use smaller windows, or VALID padding.",
)
WINDOW = Constraint(
    "window",
    "a window of at most 256x256, height 256",
    lambda op: c.kernel(op)[0] <= 256 and math.prod(c.kernel(op)) <= 256 * 256,
    "Use smaller windows.",
)
MATMUL_DEPTH = Constraint(
    "matmul_depth",
    "at most 65536 columns, and as many products per element",
    lambda op: (
        op.outputs[0].shape[-1] <= _MAX_SIDE
        and c.real(op).shape[-2 if op.option("adj_x", False) else -1] <= _MAX_SIDE
    ),
)
SCALE_248 = Constraint(
    "scale_248", "a factor of 2, 4 or 8 in both directions", _scale_248,
    "Resize in steps of two, or outside of the model.",
)  # fmt: skip
HALF_TWICE = Constraint(
    "half_twice", "a factor of 2 with half-pixel centers", _half_twice,
    "Resize in steps of two, or outside of the model.",
)  # fmt: skip
POWER_OF_TWO = Constraint(
    "power_of_two", "factors that are powers of two", _power_of_two,
    "Resize in steps of two, or outside of the model.",
)  # fmt: skip
SCALE_LIMIT = Constraint(
    "scale_limit", "factors of at most 1024 (2048 with aligned corners)", _scale_limit
)
DEPTH_AXIS = Constraint(
    "depth_axis", "the last axis", _depth_axis, "Transpose in front of it."
)  # fmt: skip
DEPTH_127 = Constraint(
    "depth_127", "at most 127 values to choose from", lambda op: c.real(op).shape[-1] <= 127,
    "Let the application take the argmax.",
)  # fmt: skip
MEAN_BATCH = Constraint("mean_batch", "batch 1", _mean_batch, "Export with --batch 1.")
REDUCED_AXES = c.constants("axes", 1)
MEAN_LIMITS = (
    Constraint(
        "mean_depth",
        "height, width or depth of 1 where it averages over depth",
        _mean_depth,
        "Average over height and width first.",
    ),
    Constraint("mean_axis", "averaged axes of at most 4096", _mean_axis, "Average in two steps."),
    Constraint(
        "mean_elements",
        "at most 2^24 averaged elements (uint8: 2^23, int16: 2^16)",
        _mean_elements,
        "Average in two steps.",
    ),
)
RESULT_DIMENSIONS = Constraint(
    "result_dimensions", "a result of one dimension or more", lambda op: bool(op.outputs[0].shape),
    "Keep the dimensions.",
)  # fmt: skip
VOLUME = Constraint(
    "volume", "constant bounds and steps, none of them backwards", _volume, "Use REVERSE_V2."
)
PADDINGS = Constraint("paddings", "constant paddings of int32 or int64", _paddings)
SOFTMAX_AREA = Constraint("softmax_area", "at most 65536 rows", _softmax_area, "Split the tensor.")
SAME_SCALES = Constraint(
    "same_scales",
    "operands and result of one scale",
    lambda op: c.same_scales(*op.inputs, *op.outputs),
)
PERMUTATION = Constraint(
    "permutation", "a constant permutation of at most 8 dimensions", _permutation
)
TRANSPOSE_32 = Constraint(
    "transpose_32", "a swap of two neighboring axes where the values are int32", _transpose_32
)
LSTM_PLAIN = Constraint(
    "lstm_plain", "an LSTM without peepholes, projection, normalization or coupled gates",
    _lstm_plain,
)  # fmt: skip
GATHER_AXIS = Constraint(
    "gather_axis",
    "an axis equal to the number of batch dimensions",
    lambda op: op.option("axis", 0) % max(len(c.real(op).shape), 1) == op.option("batch_dims", 0),
    "Transpose in front of it.",
)
CONDITION = Constraint(
    "condition", "a condition of one dimension or more", lambda op: bool(c.tensors(op)[0].shape)
)
CAST_TO = Constraint(
    "cast_to",
    "int32 to int64 or bool, or bool to int32 or int64",
    lambda op: (
        (op.inputs[0].dtype if op.inputs[0] else None, op.outputs[0].dtype)
        in {
            (DType.INT32, DType.INT64),
            (DType.INT32, DType.BOOL),
            (DType.BOOL, DType.INT32),
            (DType.BOOL, DType.INT64),
        }
    ),
)
FIRST_DYNAMIC = Constraint(
    "first_dynamic",
    "shapes that are known when the file is made (the batch excepted)",
    lambda op: all(-1 not in (t.shape_signature or ())[1:] for t in c.tensors(op)),
    "Export with a fixed --input-shape.",
)
SHAPED = Constraint(
    "shaped", "operands and results of one dimension or more", _shaped, "Reshape to [1]."
)
QUANTIZED = Constraint("quantized", "operands and results with a scale", _quantized)

NO_BOOL = Constraint(
    "no_bool", "no truth values (it fails on them)", lambda op: not _touches_bool(op),
    "Replace comparisons by MAXIMUM, MINIMUM or a product, or cut the graph before them.",
)  # fmt: skip
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
