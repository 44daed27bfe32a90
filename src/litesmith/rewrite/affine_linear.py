"""Scale and shift disappear in the weights and the bias of a linear op.

Before the op:  W·(s·x + t) + b = (W·s)·x + (b + W·t), s and t along input channels;
after the op:   s·(W·x + b) + t = (s·W)·x + (s·b + t), s and t along output channels.
A shift before an op that pads with zeros is not one number per channel at the border, so it stays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.graph.enums import Activation, Padding
from litesmith.graph.facts import FACTS
from litesmith.rewrite.affine import Affine, Blocked, as_constant
from litesmith.rewrite.engine import SMALL, View, activation, address, value

LINEAR = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "TRANSPOSE_CONV",
    "CONV_3D",
    "CONV_3D_TRANSPOSE",
)
_TRANSPOSED = ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")
_FUSED = {"TRANSPOSE_CONV": 4}  # the first version that has the option
# Where the kernel's spatial dimensions are in the weights, and the letters of their options.
_SPATIAL = {
    "CONV_2D": ((1, 2), "hw"),
    "DEPTHWISE_CONV_2D": ((1, 2), "hw"),
    "CONV_3D": ((0, 1, 2), "dhw"),
}
# (x − mean) · s loses log2 of this many bits when written as x · s − mean · s.
CENTERED_LIMIT = 64.0
_SHIFT_LIMIT = 256.0  # the same for x − mean alone; pixels from 0 to 255 may be folded
LOST = "subtracting first keeps digits that weights would lose"


def data_position(op: Op) -> int | None:
    """Return where a linear op reads its data, None for other ops."""
    return FACTS[op.kind].activations[0] if op.kind in LINEAR else None


def before(op: Op, a: Affine, new: Tensor, view: View) -> Op:
    """Return the op that makes of `new` what `op` makes of a(new).

    Raises:
        Blocked: it cannot be done exactly, or not for free.
    """
    position = FACTS[op.kind].activations[0]
    x = op.inputs[position]
    assert x is not None
    if not a.pure:
        _borderless(op, x)
        far = float(np.abs(a.shift).max()) if a.unscaled else 0.0
        if a.centered > CENTERED_LIMIT or far > _SHIFT_LIMIT:
            raise Blocked(LOST)
    weights, bias = _parameters(op, view)
    scale, shift = _columns(op, a, x, weights.shape)
    inputs = list(op.inputs)
    inputs[position] = new
    axis = _out_axis(op)
    others = tuple(i for i in range(weights.ndim) if i != axis)
    extra = None if a.pure else (weights * shift).sum(others)
    if extra is not None and bias is not None:
        extra = extra + bias
    return _with(op.with_(inputs=tuple(inputs)), weights * scale, extra)


def after(op: Op, a: Affine, fused: int, target: Tensor, view: View) -> Op:
    """Return the op whose result is fused(a(what `op` makes)).

    Raises:
        Blocked: it cannot be done exactly, or not for free.
    """
    weights, bias = _parameters(op, view)
    merged = merge_activation(op, a, fused)
    if fused and op.kind == "CONV_3D_TRANSPOSE":
        raise Blocked("")
    axis = _out_axis(op)
    scale, shift = a.vectors(weights.shape[axis])
    along = tuple(-1 if i == axis else 1 for i in range(weights.ndim))
    moved = None if bias is None else bias * scale
    if not a.pure:
        moved = shift if moved is None else moved + shift
    changed = _with(op, weights * scale.reshape(along), moved).with_(outputs=(target,))
    if merged == activation(op):
        return changed
    assert changed.options is not None
    options = changed.options.with_(fused_activation_function=merged)
    return changed.with_(options=options, version=max(changed.version, _FUSED.get(op.kind, 1)))


def merge_activation(op: Op, a: Affine, fused: int) -> int:
    """Return the one activation that equals fused(a(act(…))) once `a` moved below act.

    Raises:
        Blocked: the activation between does not let it pass.
    """
    own = activation(op)
    if own == Activation.NONE:
        return fused
    if own != Activation.RELU or not a.keeps_relu:
        raise Blocked(f"{Activation(own).name} stands between")
    if fused in (Activation.NONE, Activation.RELU):
        return own
    if fused == Activation.RELU6:
        return fused
    raise Blocked(f"{Activation(own).name} stands between")


def _parameters(op: Op, view: View) -> tuple[Array, Array | None]:
    """Return float64 weights and bias.

    Raises:
        Blocked: computed or quantized, or too large to be stored twice.
    """
    row = FACTS[op.kind].weights
    assert row is not None
    tensor, bias = op.input(row.index), op.input(row.bias)
    weights = value(tensor)
    known = None if bias is None else value(bias)
    if tensor is None or weights is None or (bias is not None and known is None):
        raise Blocked("its weights are computed")
    if op.option("weights_format") or op.outputs[0].dtype is not DType.FLOAT32:
        raise Blocked("")
    if weights.nbytes > SMALL and _readers(weights, view) > 1:
        raise Blocked(f"its weights ({weights.nbytes} bytes) serve other ops too")
    return weights.astype(np.float64), None if known is None else known.astype(np.float64)


def _readers(data: Array, view: View) -> int:
    """Count the uses of a constant's memory; several tensors may stand for one buffer."""
    place = address(data)
    found = int(place in view.shared)
    for tensor, ops in view.read_by.items():
        if tensor.data is not None and address(tensor.data) == place:
            found += sum(op.inputs.count(tensor) for op in ops)
    return found


def _out_axis(op: Op) -> int:
    row = FACTS[op.kind].weights
    assert row is not None
    return row.axis


def _columns(op: Op, a: Affine, x: Tensor, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return scale and shift of the op's input, broadcast along the weights."""
    if op.kind == "FULLY_CONNECTED":
        scale, shift = _rows(a, x, shape[1])
    else:
        if len(x.shape) < 4:
            raise Blocked("")
        scale, shift = a.vectors(x.shape[-1])
    arrange = _ARRANGE[op.kind]
    return arrange(scale, shape), arrange(shift, shape)


def _rows(a: Affine, x: Tensor, size: int) -> tuple[Array, Array]:
    """Return what happens to each row that a FULLY_CONNECTED flattens its input to."""
    signature = x.shape_signature or x.shape
    for first in range(len(x.shape) - 1, -1, -1):
        if -1 in signature[first:]:
            break
        if int(np.prod(x.shape[first:])) == size and not any(axis < first for axis in a.axes):
            tail = x.shape[first:]
            scale, shift = (
                np.broadcast_to(p.reshape(p.shape[first:]), tail).reshape(-1)
                for p in (a.scale, a.shift)
            )
            return scale, shift
    if not a.axes and len(x.shape):
        return a.vectors(size)
    raise Blocked("the constant varies along more than channels")


def _grouped(vector: Array, shape: tuple[int, ...]) -> Array:
    groups = vector.size // shape[3]
    if groups * shape[3] != vector.size or shape[0] % groups:
        raise Blocked("")
    rows = np.repeat(vector.reshape(groups, shape[3]), shape[0] // groups, axis=0)
    return rows[:, None, None, :]


def _multiplied(vector: Array, shape: tuple[int, ...]) -> Array:
    if shape[3] % vector.size:
        raise Blocked("")
    return np.repeat(vector, shape[3] // vector.size).reshape(1, 1, 1, -1)


def _along(axis: int) -> Callable[[Array, tuple[int, ...]], Array]:
    def arrange(vector: Array, shape: tuple[int, ...]) -> Array:
        if shape[axis] != vector.size:
            raise Blocked("")
        return vector.reshape([-1 if i == axis else 1 for i in range(len(shape))])

    return arrange


# Channel vector of the input → array that broadcasts along the weights.
_ARRANGE: dict[str, Callable[[Array, tuple[int, ...]], Array]] = {
    "CONV_2D": _grouped,
    "DEPTHWISE_CONV_2D": _multiplied,
    "FULLY_CONNECTED": _along(1),
    "TRANSPOSE_CONV": _along(3),
    "CONV_3D": _along(3),
    "CONV_3D_TRANSPOSE": _along(4),
}


def _borderless(op: Op, x: Tensor) -> None:
    """Raise Blocked when the op reads zeros that are not in its input."""
    if op.kind == "FULLY_CONNECTED":
        return
    if op.kind in _TRANSPOSED:
        raise Blocked("each result of a transposed convolution sums another set of weights")
    if op.option("padding") == Padding.VALID:
        return
    kernel = op.inputs[1]
    assert kernel is not None
    shape = kernel.shape
    axes, letters = _SPATIAL[op.kind]
    for i, (axis, letter) in enumerate(zip(axes, letters, strict=True)):
        if shape[axis] == 1:
            continue
        stride = op.option(f"stride_{letter}")
        reach = (shape[axis] - 1) * max(1, op.option(f"dilation_{letter}_factor") or 1) + 1
        known = not x.is_dynamic and not op.outputs[0].is_dynamic
        if not known or (op.outputs[0].shape[1 + i] - 1) * stride + reach > x.shape[1 + i]:
            raise Blocked("SAME padding adds zeros that the shift would not reach")


def _with(op: Op, weights: Array, bias: Array | None) -> Op:
    """Return the op with other weights and, unless None, another bias."""
    row = FACTS[op.kind].weights
    assert row is not None
    inputs = list(op.inputs) + [None] * (row.bias + 1 - len(op.inputs))
    old, added = inputs[row.index], inputs[row.bias]
    assert old is not None
    inputs[row.index] = as_constant(old.name, weights)
    if bias is not None:
        inputs[row.bias] = as_constant(f"{old.name}/bias" if added is None else added.name, bias)
    while inputs[-1] is None and len(inputs) > len(op.inputs):
        inputs.pop()
    needed = 3 if op.kind == "TRANSPOSE_CONV" and bias is not None else 1
    return op.with_(inputs=tuple(inputs), version=max(op.version, needed))
