"""Two linear ops with nothing between become one, where that is less work.

Algebra, exact in real numbers:
    FC₂(FC₁(x))     = FC(x)      W = W₂ W₁                         b = W₂ b₁ + b₂
    conv₂(conv₁(x)) = conv(x)    W[p + r] = Σ W₂[p] W₁[r]          b = Σ W₂ b₁ + b₂
for CONV_2D and DEPTHWISE_CONV_2D in any order (a depthwise kernel is a diagonal one; two of them
stay depthwise). Side conditions: the value between is read by nothing else and has no activation;
neither multiply-adds nor weights grow; padding, strides and dilation of one op say the same: the
second op must not pad, or the first be 1 wide there and without a bias, which would leak over the
border where the second sees zeros. Saves one op, multiply-adds, weights and the value between.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.graph.enums import Padding
from litesmith.rewrite.engine import (
    Decline,
    Edit,
    Family,
    View,
    activation,
    affordable,
    constant,
    dims,
    value,
)
from litesmith.rewrite.windows import Window, windows

_LARGER = "one op would take more multiply-adds or weights than the two"
_LEAKS = "the bias of the first would leak over the border that the second pads with zeros"
_NO_PADDING = "no padding of one convolution reads the same"
# Axis of the results in the weights.
_AXES = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}


@dataclass(frozen=True)
class _Linear:
    """A linear op and its constants.

    Attributes:
        op: FULLY_CONNECTED, CONV_2D or DEPTHWISE_CONV_2D.
        x: what it reads.
        weights: as stored.
        bias: float32[out], zeros where the op has none.
    """

    op: Op
    x: Tensor
    weights: Array
    bias: Array

    @property
    def is_deep(self) -> bool:
        """True for a depthwise convolution."""
        return self.op.kind == "DEPTHWISE_CONV_2D"

    @property
    def dense(self) -> Array:
        """The kernel as float64[out, kh, kw, in]."""
        weights = self.weights.astype(np.float64)
        if not self.is_deep:
            return weights
        channels, results = self.x.shape[3], weights.shape[3]
        full = np.zeros((results, *weights.shape[1:3], channels))
        every = np.arange(results)
        full[every, :, :, every * channels // results] = weights[0].transpose(2, 0, 1)
        return full


def _linear(op: Op) -> _Linear | None:
    """Return an op whose weights and bias are float constants."""
    x, weights, bias = op.inputs[0], value(op.inputs[1]), op.input(2)
    if x is None or weights is None or x.dtype is not DType.FLOAT32 or x.quant is not None:
        return None
    if not windows(op) and (op.kind != "FULLY_CONNECTED" or weights.ndim != 2):
        return None  # of unknown rank
    known = value(bias) if bias is not None else np.zeros(weights.shape[_AXES[op.kind]])
    return None if known is None else _Linear(op, x, weights, known.reshape(-1))


def _pair(op: Op, view: View, *kinds: str) -> tuple[_Linear, _Linear] | None:
    before = view.plain(op.inputs[0], *kinds)
    first = None if before is None else _linear(before)
    second = _linear(op)
    return None if first is None or second is None else (first, second)


def _would_copy(pair: Iterable[_Linear], view: View) -> bool:
    """True when weights that must stay for others would be stored a second time."""
    return not all(t is not None and affordable(t, view) for t in (p.op.inputs[1] for p in pair))


def _edit(first: _Linear, second: _Linear, like: Op, weights: Array, bias: Array) -> Edit:
    old = second.op.inputs[1]
    operands: tuple[Tensor, ...] = (first.x, constant(old.name if old else "weights", weights))
    if like.kind != "FULLY_CONNECTED" or any(p.op.input(2) is not None for p in (first, second)):
        operands += (constant("bias", bias),)
    origin = tuple(dict.fromkeys(first.op.origin + second.op.origin))
    merged = like.with_(inputs=operands, outputs=second.op.outputs, origin=origin)
    return Edit({first.op: (), second.op: (merged,)})


def _dense(op: Op, view: View) -> Edit | Decline | None:
    pair = _pair(op, view, "FULLY_CONNECTED")
    if pair is None or any(p.op.option("weights_format") for p in pair):
        return None
    first, second = pair
    flattens = len(first.x.shape) != 2 and not first.op.option("keep_num_dims")
    if flattens and second.op.option("keep_num_dims"):
        return None
    (hidden, inputs), (outputs, columns) = first.weights.shape, second.weights.shape
    if columns != hidden or not first.x.shape or first.x.shape[-1] != inputs:
        return None
    if outputs * inputs > hidden * (inputs + outputs):
        return Decline(op, _LARGER)
    if _would_copy(pair, view):
        return Decline(op, "others read the weights")
    w2 = second.weights.astype(np.float64)
    return _edit(first, second, op, w2 @ first.weights, w2 @ first.bias + second.bias)


def _conv(op: Op, view: View) -> Edit | Decline | None:
    pair = _pair(op, view, "CONV_2D", "DEPTHWISE_CONV_2D")
    if pair is None or any(_is_grouped(p) for p in pair):
        return None
    first, second = pair
    around = _composed(first, second)
    if around is None or not _pays(first, second, around):
        # Nobody expects a separable convolution to become a full one.
        return None if first.is_deep or second.is_deep else Decline(op, _LARGER)
    if _would_copy(pair, view):
        return Decline(op, "others read the weights")
    padding = _padding(first, second, around)
    if isinstance(padding, str):
        return Decline(op, padding)
    like = _shell(first, second, padding, around)
    return _edit(first, second, like, _kernel(first, second), _bias(first, second))


def _is_grouped(part: _Linear) -> bool:
    return not part.is_deep and part.weights.shape[3] != part.x.shape[3]


def _composed(first: _Linear, second: _Linear) -> tuple[Window, ...] | None:
    """Return how both together read, None when no single op reads so."""
    found = []
    for one, two in zip(windows(first.op), windows(second.op), strict=True):
        if two.kernel > 1 and (one.stride > 1 or (one.kernel > 1 and one.dilation > 1)):
            return None
        if one.kernel > 1 and two.kernel > 1 and two.dilation > 1:
            return None
        dilation = two.dilation if two.kernel > 1 else one.dilation
        stride = one.stride * two.stride
        if dilation > 1 and stride > 1 and one.kernel + two.kernel > 2:
            return None
        found.append(Window(one.axis, one.kernel + two.kernel - 1, stride, dilation))
    return tuple(found)


def _pays(first: _Linear, second: _Linear, around: tuple[Window, ...]) -> bool:
    results = len(second.bias)
    deep = first.is_deep and second.is_deep
    size = results * math.prod(w.kernel for w in around) * (1 if deep else first.x.shape[3])
    places = [math.prod(p.op.outputs[0].shape[:3]) for p in (first, second)]
    if any(p.op.outputs[0].is_dynamic for p in (first, second)):
        places = [1, 1]
    one, two = first.weights.size, second.weights.size
    return size <= one + two and size * places[1] <= one * places[0] + two * places[1]


def _padding(first: _Linear, second: _Linear, around: tuple[Window, ...]) -> Padding | str:
    silent = not first.bias.any()
    why = _NO_PADDING
    for wanted in (Padding.VALID, Padding.SAME):
        reasons = [_misfit(first, second, i, around[i], wanted, silent) for i in range(len(around))]
        if not any(reasons):
            return wanted
        why = _LEAKS if _LEAKS in reasons else why
    return why


def _misfit(
    first: _Linear, second: _Linear, i: int, merged: Window, wanted: Padding, silent: bool
) -> str:
    """Return why one op with this padding does not read the same along an axis, "" if it does."""
    one, two = windows(first.op)[i], windows(second.op)[i]
    size = dims(first.x)[merged.axis]
    # Positions repeat with the stride: one period of large sizes stands for all.
    sizes = range(merged.reach, merged.reach + 2 * merged.stride + 1) if size < 0 else (size,)
    for n in sizes:
        start, count = one.placed(n, int(first.op.option("padding")))
        begin, results = two.placed(count, int(second.op.option("padding")))
        pads = begin < 0 or begin + (results - 1) * two.stride + two.reach > count
        if pads and one.kernel > 1:
            return _NO_PADDING
        if pads and not silent:
            return _LEAKS
        if merged.placed(n, wanted) != (start + begin * one.stride, results):
            return _NO_PADDING
    return ""


def _kernel(first: _Linear, second: _Linear) -> Array:
    """Return the weights of one op, as that op stores them."""
    if first.is_deep and second.is_deep:
        times = second.weights.shape[3] // first.weights.shape[3]
        one = np.repeat(first.weights.astype(np.float64), times, axis=3)
        two = second.weights.astype(np.float64)
    else:
        one, two = first.dense, second.dense
    rows, columns = one.shape[1:3]
    both = (two.shape[1] + rows - 1, two.shape[2] + columns - 1)
    kernel = np.zeros((two.shape[0], *both, one.shape[3]))
    for p in range(two.shape[1]):
        for q in range(two.shape[2]):
            tap = two[:, p, q]
            deep = first.is_deep and second.is_deep
            part = tap[:, None, None] * one if deep else np.tensordot(tap, one, 1)
            kernel[:, p : p + rows, q : q + columns] += part
    return kernel


def _bias(first: _Linear, second: _Linear) -> Array:
    taps: Array = second.weights.sum(axis=(1, 2), dtype=np.float64)
    if second.is_deep:
        times = taps.shape[1] // len(first.bias)
        return np.asarray(taps[0] * np.repeat(first.bias, times) + second.bias)
    return np.asarray(taps @ first.bias + second.bias)


def _shell(first: _Linear, second: _Linear, padding: Padding, around: tuple[Window, ...]) -> Op:
    """Return the op that reads like both; its operands are filled in later."""
    deep = first.is_deep and second.is_deep
    # A depthwise and a full one become a full one.
    like = first.op if second.is_deep and not first.is_deep else second.op
    height, width = around
    fields = {
        "padding": int(padding),
        "stride_h": height.stride,
        "stride_w": width.stride,
        "dilation_h_factor": height.dilation,
        "dilation_w_factor": width.dilation,
        "fused_activation_function": activation(second.op),
    }
    if deep:
        fields["depth_multiplier"] = second.weights.shape[3] // first.x.shape[3]
    assert like.options is not None
    return like.with_(options=like.options.with_(**fields), version=max(like.version, 2 * deep))


LINEAR_CHAINS = Family(
    "linear_chains",
    "two linear ops in a row become one where that is less work",
    {"FULLY_CONNECTED": (_dense,), "CONV_2D": (_conv,), "DEPTHWISE_CONV_2D": (_conv,)},
)
