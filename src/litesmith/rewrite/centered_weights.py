"""Values whose mean over the channels is subtracted by all who read them are made without it.

Algebra, for C(x) = x − MEAN(x over the last axis, the channels):
    C(W·z + b)      = (W − mean W)·z + (b − mean b)     means over the output channels
    C(x ± y)        = C(x) ± C(y),  C(C(x)) = C(x)
    C(table[i])     = C(table)[i]                       GATHER of rows
    C(move(x))      = move(C(x))                        ops that leave the last axis as it is
as in Dense → LayerNormalization, and in the residual stream of a transformer that normalizes
first, which then is one that divides by the root mean square alone (arXiv:2305.14858).
What is looked at is the whole stream: all values that sums and moves connect. Side conditions:
nothing but subtractions of the mean reads it; none of it is an output; it begins at FULLY_CONNECTED
or ungrouped CONV_2D without activation, at tables and at constants; these are read by nothing else
or are small. Saves a MEAN and a SUB per normalization. Minimum: none of the two is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.affine import Blocked
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    Family,
    View,
    activation,
    affordable,
    dims,
    value,
)
from litesmith.rewrite.reductions import axes_of

_LEAVES = ("FULLY_CONNECTED", "CONV_2D", "GATHER")
_SUMS = ("ADD", "SUB")
# Ops that move operand 0's values; checked to leave the last axis as it is.
_MOVES = ("RESHAPE", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SQUEEZE", "EXPAND_DIMS")


@dataclass
class _Stream:
    """What is known of a stream while it is followed.

    Attributes:
        view: the graph.
        width: number of channels.
        values: those that are centered from now on.
        kept: op that stays → input position → axis over which that constant loses its mean.
        gone: ops that do nothing any more.
        differences: what equals a value of the stream afterwards → that value.
    """

    view: View
    width: int
    values: set[Tensor] = field(default_factory=set)
    kept: dict[Op, dict[int, int]] = field(default_factory=dict)
    gone: set[Op] = field(default_factory=set)
    differences: dict[Tensor, Tensor] = field(default_factory=dict)


def _center(op: Op, view: View) -> Edit | Decline | None:
    x, m = op.inputs[:2]
    if x is None or m is None or mean_of(x, m, view) is None or activation(op) != Activation.NONE:
        return None
    stream = _Stream(view, x.shape[-1])
    todo = [x]
    try:
        while todo:
            tensor = todo.pop()
            if tensor not in stream.values:
                stream.values.add(tensor)
                todo += _begun(tensor, stream) + _read(tensor, stream)
    except Blocked as blocked:
        return Decline(op, str(blocked)) if str(blocked) else None
    served = _served(stream)
    first = min(stream.gone, key=view.position.__getitem__)
    if served is None or first is not view.made_by[m]:
        return None  # once per stream is enough
    return Edit({**dict.fromkeys(stream.gone, ()), **_changed(stream)}, served)


def _changed(stream: _Stream) -> dict[Op, tuple[Op, ...]]:
    """Return op → itself with centered constants, for all that make or move the stream."""
    found: dict[Op, tuple[Op, ...]] = {}
    for op, axes in stream.kept.items():
        inputs = [
            _without_mean(t, axes[i]) if i in axes and t is not None else t
            for i, t in enumerate(op.inputs)
        ]
        found[op] = (op.with_(inputs=tuple(inputs)) if axes else op,)
    return found


def mean_of(x: Tensor, m: Tensor | None, view: View) -> Op | None:
    """Return the op of m = MEAN(x) over the last axis, kept."""
    mean = view.maker(m, "MEAN")
    if mean is None or mean.inputs[0] is not x or not mean.option("keep_dims"):
        return None
    return mean if axes_of(mean) == (len(x.shape) - 1,) else None


def _served(stream: _Stream) -> dict[Tensor, Tensor] | None:
    """Return value → the value that serves instead; an output keeps its name."""
    found: dict[Tensor, Tensor] = {}
    for difference, x in stream.differences.items():
        if difference not in stream.view.outputs:
            found[difference] = x
        elif x in found or x in found.values():
            return None  # two outputs would become one
        else:
            found[x] = difference
    return found


def _begun(tensor: Tensor, stream: _Stream) -> list[Tensor]:
    """Follow a value to the op that makes it; return the values that go into it."""
    op = stream.view.maker(tensor)
    if op is None:
        raise Blocked("")
    if op.kind in _SUMS:
        return _sum(op, stream)
    if op.kind in _MOVES or op.kind == "CONCATENATION":
        return _moved(op, stream)
    if op.kind not in _LEAVES or activation(op) != Activation.NONE:
        raise Blocked("")
    stream.kept[op] = _table(op, stream) if op.kind == "GATHER" else _linear(op, stream)
    return []


def _sum(op: Op, stream: _Stream) -> list[Tensor]:
    if activation(op) != Activation.NONE:
        raise Blocked("")
    return _operands(op, op.inputs, stream)


def _operands(op: Op, parts: tuple[Tensor | None, ...], stream: _Stream) -> list[Tensor]:
    """Return the values among an op's first inputs; the constants lose their means."""
    computed = []
    stream.kept[op] = {}
    for position, tensor in enumerate(parts):
        if tensor is None or not tensor.shape or dims(tensor)[-1] != stream.width:
            raise Blocked("")  # one number for all channels: gone when centered, another's work
        if tensor.is_constant:
            stream.kept[op][position] = _checked(tensor, -1, stream.view)
        else:
            computed.append(tensor)
    return computed


def _moved(op: Op, stream: _Stream) -> list[Tensor]:
    """An op that leaves the last axis alone, or joins values along another one."""
    parts = op.inputs if op.kind == "CONCATENATION" else op.inputs[:1]
    plain = len(op.outputs) == 1 and activation(op) == Activation.NONE
    if not plain or not _kept(op, parts, op.outputs[0]):
        raise Blocked("")
    return _operands(op, parts, stream)


def _kept(op: Op, parts: tuple[Tensor | None, ...], result: Tensor) -> bool:
    """True when the last axis of each part is the last axis of the result, whole and in order."""
    same = all(t is not None and t.shape[-1:] == result.shape[-1:] for t in parts)
    rank = len(result.shape)
    if op.kind == "CONCATENATION":
        return same and int(op.option("axis", 0)) % rank != rank - 1
    if op.kind == "TRANSPOSE":
        order = op.inputs[1]
        return same and order is not None and order.data is not None and order.data[-1] == rank - 1
    if op.kind == "STRIDED_SLICE":
        step = op.inputs[3]
        masks = [op.option(f"{name}_mask", 0) for name in ("ellipsis", "new_axis", "shrink_axis")]
        source = op.inputs[0]
        plain = source is not None and len(source.shape) == rank and not any(masks)
        return same and plain and step is not None and step.data is not None and step.data[-1] == 1
    return same


def _linear(op: Op, stream: _Stream) -> dict[int, int]:
    weights, bias = op.input(1), op.input(2)
    if weights is None or value(weights) is None or (bias is not None and value(bias) is None):
        raise Blocked("the weights of the op before the mean are computed")
    if op.kind == "CONV_2D" and grouped(op):
        raise Blocked("the convolution is grouped: its channels read different inputs")
    constants = {1: weights} if bias is None else {1: weights, 2: bias}
    return {i: _checked(tensor, 0, stream.view) for i, tensor in constants.items()}


def grouped(conv: Op) -> bool:
    """True for a convolution whose output channels read different input channels."""
    x, weights = conv.inputs[:2]
    assert x is not None and weights is not None
    return x.shape[-1] != weights.shape[-1]


def _table(op: Op, stream: _Stream) -> dict[int, int]:
    table = op.inputs[0]
    rows = len(table.shape) > 1 if table is not None else False
    if value(table) is None or not rows or op.option("axis", 0) or op.option("batch_dims", 0):
        raise Blocked("")
    assert table is not None
    return {0: _checked(table, -1, stream.view)}


def _checked(tensor: Tensor, axis: int, view: View) -> int:
    """Return the axis over which a constant can lose its mean."""
    if value(tensor) is None:
        raise Blocked("")
    if not affordable(tensor, view):
        raise Blocked("the weights are large and shared")
    return axis


def _without_mean(tensor: Tensor, axis: int) -> Tensor:
    exact: Array = np.asarray(tensor.data, np.float64)
    return tensor.with_(data=(exact - exact.mean(axis=axis, keepdims=True)).astype(np.float32))


def _read(tensor: Tensor, stream: _Stream) -> list[Tensor]:
    """Follow a value to the ops that read it; return what continues the stream."""
    if tensor in stream.view.outputs:
        raise Blocked(_NEEDED)
    follow: dict[str, Callable[[Op, Tensor, _Stream], list[Tensor]]] = {
        "SUB": _difference,
        "MEAN": _mean,
        "ADD": _result,
        "CONCATENATION": _result,
        **dict.fromkeys(_MOVES, _result),
    }
    found: list[Tensor] = []
    for op in stream.view.read_by.get(tensor, ()):
        if op.kind not in follow:
            raise Blocked(_NEEDED)
        found += follow[op.kind](op, tensor, stream)
    return found


_NEEDED = "the value before its mean is subtracted is needed elsewhere"


def _result(op: Op, tensor: Tensor, stream: _Stream) -> list[Tensor]:
    if op.outputs[0].shape[-1:] != (stream.width,) or (
        op.kind not in (*_SUMS, "CONCATENATION") and op.inputs[0] is not tensor
    ):
        raise Blocked(_NEEDED)
    return [op.outputs[0]]


def _difference(op: Op, tensor: Tensor, stream: _Stream) -> list[Tensor]:
    x, m = op.inputs[:2]
    if x is not tensor or mean_of(tensor, m, stream.view) is None:
        return _result(op, tensor, stream)
    if activation(op) != Activation.NONE or dims(op.outputs[0]) != dims(tensor):
        raise Blocked(_NEEDED)
    stream.gone.add(op)
    stream.differences[op.outputs[0]] = tensor
    return []


def _mean(op: Op, tensor: Tensor, stream: _Stream) -> list[Tensor]:
    """A mean that only subtractions from its own value read."""
    m = op.outputs[0]
    readers = stream.view.read_by.get(m, ())
    own = all(r.kind == "SUB" and r.inputs[:2] == (tensor, m) for r in readers)
    if mean_of(tensor, m, stream.view) is None or not own or m in stream.view.outputs:
        raise Blocked(_NEEDED)
    stream.gone.add(op)
    return []


CENTERED_WEIGHTS = Family(
    "centered_weights",
    "a mean over channels is subtracted in the weights that make the value",
    {"SUB": (_center,)},
)
