"""A change of the order of channels goes into the weights of the convolution that reads them.

Algebra, exact: P a permutation of the last axis, as REVERSE_V2, GATHER or STRIDED_SLICE,
    linear(P(x))        = linear'(x)      the weights' input channels permuted
    depthwise(P(x))     = P'(depthwise'(x))   weights and bias permuted, and so are the results
    f(P(x))             = P(f'(x))        f = PAD, pools, RESIZE, arithmetic with constants, which
                                          are permuted, ReLU …; RESHAPE of pixels to rows
Side conditions: every value on the way is read by one op and is no output, and a CONV_2D or
FULLY_CONNECTED with constant weights that serve no other op ends the way. Saves the op and a copy
of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.build import make_constant
from litesmith.rewrite.affine import KINDS, read_affine
from litesmith.rewrite.affine_rows import integers
from litesmith.rewrite.engine import Decline, Edit, Family, View, affordable, constant, value

# Ops that treat every channel alike and mix none.
_ALIKE = frozenset({
    "PAD", "PADV2", "MIRROR_PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "ABS", "LOGISTIC",
    "TANH", "HARD_SWISH",
})  # fmt: skip


@dataclass(frozen=True)
class _Step:
    """An op on the way: what it becomes, and the order of what it makes (None: it ends here)."""

    op: Op
    order: Array | None


def _order(op: Op) -> Array | None:
    """Return int[channels], which channel of x each result is; None unless a permutation."""
    x, result = op.inputs[0], op.outputs[0]
    if x is None or not x.shape or x.shape != result.shape or x.is_dynamic != result.is_dynamic:
        return None
    last, channels = len(x.shape) - 1, x.shape[-1]
    if (x.shape_signature or x.shape)[-1] < 0:
        return None
    found = _ORDERS[op.kind](op, last, channels)
    if found is None or not np.array_equal(np.sort(found), np.arange(channels)):
        return None
    return None if np.array_equal(found, np.arange(channels)) else found


def _reversed(op: Op, last: int, channels: int) -> Array | None:
    axes = integers(op.input(1))
    if axes is None or [int(a) % (last + 1) for a in axes.reshape(-1)] != [last]:
        return None
    return np.arange(channels)[::-1]


def _gathered(op: Op, last: int, channels: int) -> Array | None:
    index = integers(op.input(1))
    axis = int(op.option("axis", 0)) % (last + 1)
    if index is None or index.shape != (channels,) or axis != last or op.option("batch_dims"):
        return None
    return np.where(index < 0, index + channels, index)


def _sliced(op: Op, last: int, channels: int) -> Array | None:
    strides = integers(op.input(3))
    if strides is None or op.option("new_axis_mask") or op.option("shrink_axis_mask"):
        return None
    # The shape is kept, so a stride of -1 reverses a whole axis.
    if [int(s) for s in strides] != [1] * last + [-1]:
        return None
    return np.arange(channels)[::-1]


_ORDERS = {"REVERSE_V2": _reversed, "GATHER": _gathered, "STRIDED_SLICE": _sliced}


def _fold(op: Op, view: View) -> Edit | Decline | None:
    order, x = _order(op), op.inputs[0]
    if order is None or x is None:
        return None
    replace: dict[Op, tuple[Op, ...]] = {op: ()}
    old, new = op.outputs[0], x
    while True:
        reader = view.reader(old)
        if reader is None or len(reader.outputs) != 1 or reader.inputs.count(old) != 1:
            return None
        step = _passed(reader, old, order, view)
        if step is None:
            return None
        inputs = tuple(new if t is old else t for t in step.op.inputs)
        if step.order is None:
            return Edit({**replace, reader: (step.op.with_(inputs=inputs),)})
        fresh = reader.outputs[0].with_()
        replace[reader] = (step.op.with_(inputs=inputs, outputs=(fresh,)),)
        old, new, order = reader.outputs[0], fresh, step.order


def _passed(op: Op, x: Tensor, order: Array, view: View) -> _Step | None:
    if op.kind in KINDS:
        return _arithmetic(op, x, order)
    if op.inputs[0] is not x:
        return None
    if op.kind in _ALIKE:
        return _Step(op, order) if _keeps_channels(op) else None
    make = {
        "CONV_2D": _conv,
        "FULLY_CONNECTED": _dense,
        "DEPTHWISE_CONV_2D": _depthwise,
    }.get(op.kind)
    if make is not None:
        return make(op, order, view)
    return _reshape(op, x, order) if op.kind == "RESHAPE" else None


def _keeps_channels(op: Op) -> bool:
    if op.kind not in ("PAD", "PADV2", "MIRROR_PAD"):
        return True
    amounts = integers(op.input(1))
    return amounts is not None and not amounts[-1].any()


def _arithmetic(op: Op, x: Tensor, order: Array) -> _Step | None:
    found = read_affine(op)
    if found is None or found[0] is not x:
        return None
    inputs = list(op.inputs)
    for i, t in enumerate(inputs):
        data = value(t)
        if t is not None and t is not x and data is not None and data.ndim and data.shape[-1] > 1:
            # Read through the inverse: result j of P is channel order[j].
            inputs[i] = constant(t.name, data[..., np.argsort(order)])
    return _Step(op.with_(inputs=tuple(inputs)), order)


def _weights(op: Op, view: View) -> Array | None:
    tensor = op.input(1)
    data = value(tensor)
    return data if tensor is not None and affordable(tensor, view) else None


def _with_weights(op: Op, data: Array) -> Op:
    old = op.inputs[1]
    assert old is not None
    inputs = (op.inputs[0], make_constant(old.name, data), *op.inputs[2:])
    return op.with_(inputs=inputs)


def _conv(op: Op, order: Array, view: View) -> _Step | None:
    data = _weights(op, view)
    if data is None or data.shape[-1] != order.size:
        return None  # grouped
    return _Step(_with_weights(op, data[..., np.argsort(order)]), None)


def _dense(op: Op, order: Array, view: View) -> _Step | None:
    data = _weights(op, view)
    if data is None or data.shape[1] % order.size or op.option("weights_format"):
        return None
    pixels = data.reshape(len(data), -1, order.size)[..., np.argsort(order)]
    return _Step(_with_weights(op, pixels.reshape(data.shape)), None)


def _depthwise(op: Op, order: Array, view: View) -> _Step | None:
    data, bias = _weights(op, view), op.input(2)
    if data is None or data.shape[-1] % order.size or (bias is not None and value(bias) is None):
        return None
    times = data.shape[-1] // order.size
    results = (order[:, None] * times + np.arange(times)).reshape(-1)
    inverse = np.argsort(results)
    changed = _with_weights(op, data[..., inverse])
    known = value(bias)
    if bias is not None and known is not None:
        inputs = (*changed.inputs[:2], constant(bias.name, known.reshape(-1)[inverse]))
        changed = changed.with_(inputs=inputs)
    return _Step(changed, results)


def _reshape(op: Op, x: Tensor, order: Array) -> _Step | None:
    """Pixels become rows: channels stay next to each other."""
    size = op.outputs[0].shape[-1] if op.outputs[0].shape else 0
    signature = op.outputs[0].shape_signature or op.outputs[0].shape
    if not size or size % order.size or signature[-1:] == (-1,):
        return None
    blocks = np.arange(size // order.size)[:, None] * order.size
    return _Step(op, (blocks + order).reshape(-1))


CHANNEL_ORDERS = Family(
    "channel_orders",
    "a change of the order of channels goes into the weights that read them",
    {kind: (_fold,) for kind in _ORDERS},
)
