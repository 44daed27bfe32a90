"""Preprocessing and channels as ops in front of the model; the rewrites fold what is exact.

y = A · (M (n + z)) + B: n is the number that the application feeds, z is 128 where that is a raw
byte minus 128 (int8), M mixes channels (rows add up to 1), A and B are one number or one per
channel. Without M: MUL, ADD; an M that reverses channels is a REVERSE_V2 before them. Another M
and single numbers: MUL, ADD, then M as a 1x1 convolution, which the first layer takes in whatever
its padding. Another M and one number per channel: all of it is the 1x1 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from litesmith.data import Affine, Array, Preprocess, TensorSpec
from litesmith.errors import InputError
from litesmith.graph import DType, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.enums import Padding
from litesmith.interface.change import Change, Wiring, sized
from litesmith.interface.channels import Channels
from litesmith.interface.resize import is_image

_BYTES = (0.0, 255.0)
# Zero of each type that the application may feed raw bytes in.
ZEROS = {"float32": 0, "uint8": 0, "int8": 128}


def embeddable(preprocess: Preprocess, spec: TensorSpec) -> Affine:
    """Return preprocessing that can become part of the graph.

    Raises:
        InputError: it is a user's function, the model reads integers, or channels do not fit.
    """
    if not isinstance(preprocess, Affine):
        raise InputError(
            f"--embed-preprocess: {preprocess.spec} is Python code, which a .tflite cannot hold.",
            "Embed none, unit, tf, torch, caffe, scale=A,offset=B or mean=…,std=…; or leave "
            "--embed-preprocess out and let the application compute it.",
        )
    if preprocess.is_identity:
        return preprocess
    if spec.dtype != "float32":
        raise InputError(
            f"--embed-preprocess: the model's input '{spec.name}' is {spec.dtype}, and "
            f"{preprocess.spec} gives fractions.",
            f"Use '{spec.name}:none' for it.",
        )
    last = spec.example_shape[-1] if spec.example_shape else None
    if preprocess.channels not in (None, last):
        raise InputError(
            f"--preprocess {preprocess.spec} is for {preprocess.channels} channels (the last "
            f"axis), but the input '{spec.name}' has shape {spec.shape}."
        )
    return preprocess


def values(
    spec: TensorSpec, preprocess: Affine | None, channels: Channels | None, kind: str
) -> Change | None:
    """Return the change of an input that is fed raw values, or other channels.

    Args:
        spec: what the model reads.
        preprocess: what is built in, None for nothing.
        channels: what the application feeds and what is read, None for the same.
        kind: "float32", "uint8" or "int8": what the application will feed; raw bytes minus 128
            in int8.
    """
    zero = ZEROS[kind] if preprocess is not None else 0
    plain = preprocess is None or preprocess.is_identity
    if preprocess is None and channels is None:
        return None

    def fed(old: TensorSpec) -> TensorSpec:
        shape = old.shape if channels is None else (*old.shape[:-1], channels.count)
        order = "bgr" if channels is not None and channels.fed == "bgr" else ""
        span = old.span if preprocess is None else _span(old, preprocess)
        return replace(
            old, shape=shape, channels=order, span=span, feeds=_feeds(preprocess, channels)
        )

    def feed(batch: Array) -> Array:
        x = batch.astype(np.float64) if channels is None else channels.convert(batch)
        return x if preprocess is None else preprocess.apply(x, spec.name)

    why = [f"preprocessing '{preprocess.spec}' built in"] if preprocess and not plain else []
    why += [f"fed {channels.fed}, read as {channels.read}"] if channels else []
    if not why:
        why = ["fed raw"]
    form = _Form.of(preprocess, channels, zero)
    return Change(", ".join(why), fed, feed, lambda old: _wired(old, form))


def _feeds(preprocess: Affine | None, channels: Channels | None) -> str:
    order = f", channels {channels.fed}" if channels else ""
    if preprocess is None:
        return f"values as the model reads them{order}"
    return f"raw values{order}"


def _span(spec: TensorSpec, preprocess: Affine) -> tuple[float, float]:
    """Return plausible raw values: bytes for images, else what becomes −1 to 1."""
    if is_image(spec):
        return _BYTES
    scale, offset = (np.array(v, np.float64) for v in (preprocess.scale, preprocess.offset))
    scale = np.where(scale == 0, 1.0, scale)
    ends = np.concatenate([(end - offset) / scale for end in (-1.0, 1.0)])
    return float(ends.min()), float(ends.max())


@dataclass(frozen=True, eq=False)
class _Form:
    """y = scale · (matrix · n) + offset.

    Attributes:
        matrix: float64[read, fed], None for the unit matrix.
        scale, offset: float64[1], or one per channel that is read.
    """

    matrix: Array | None
    scale: Array
    offset: Array

    @property
    def reverses(self) -> bool:
        """True when all that the matrix does is to reverse channels."""
        m = self.matrix
        return m is not None and np.array_equal(m, np.eye(len(m))[::-1])

    @staticmethod
    def of(preprocess: Affine | None, channels: Channels | None, zero: int) -> _Form:
        matrix = None if channels is None else channels.matrix
        one = preprocess or Affine("none")
        if one.reverse_channels:
            matrix = (np.eye(3) if matrix is None else matrix)[::-1]
        scale, offset = np.array(one.scale, np.float64), np.array(one.offset, np.float64)
        if matrix is not None and np.array_equal(matrix, np.eye(len(matrix))):
            matrix = None
        return _Form(matrix, scale, offset + scale * zero)


def _wired(old: Tensor, form: _Form) -> Wiring:
    if form.matrix is None:
        new = old.with_()
        inner, ops = _arithmetic(old, new, form)
        return new, inner, ops
    if form.reverses:
        new = old.with_()
        turned = old.with_(name=f"{old.name}/reversed")
        inner, ops = _arithmetic(old, turned, form)
        return new, inner, (_reversed(new, turned), *ops)
    new = sized(old, old.name, {len(old.shape) - 1: form.matrix.shape[1]})
    if form.scale.size == form.offset.size == 1:
        raw, ops = _arithmetic(new, new, form)
        weights, bias = form.matrix, None
    else:
        raw, ops = new, ()
        weights = form.scale.reshape(-1, 1) * form.matrix
        bias = np.broadcast_to(form.offset, (len(weights),))
    inner = old.with_(name=f"{old.name}/channels")
    return new, inner, (*ops, _mixed(raw, inner, weights, bias))


def _arithmetic(like: Tensor, start: Tensor, form: _Form) -> tuple[Tensor, tuple[Op, ...]]:
    """Return the value behind MUL and ADD, and those of the two that change anything."""
    x, ops = start, []
    for kind, numbers, neutral in (("MUL", form.scale, 1.0), ("ADD", form.offset, 0.0)):
        if (numbers == neutral).all():
            continue
        constant = make_constant(f"{like.name}/{kind}", _packed(numbers))
        result = like.with_(name=f"{like.name}/preprocessed_{kind.lower()}")
        ops.append(make_op(kind, (x, constant), (result,)))
        x = result
    return x, tuple(ops)


def _reversed(x: Tensor, y: Tensor) -> Op:
    axis = make_constant(f"{y.name}/axis", [len(x.shape) - 1], DType.INT32)
    return make_op("REVERSE_V2", (x, axis), (y,))


def _packed(numbers: Array) -> Array:
    return np.asarray(numbers.reshape(()) if numbers.size == 1 else numbers)


def _mixed(x: Tensor, y: Tensor, weights: Array, bias: Array | None) -> Op:
    """Return the op that mixes channels; 1x1 convolutions are what the rewrites know to merge."""
    shape: Sequence[int] = (len(weights), 1, 1, weights.shape[1])
    parts = [x, make_constant(f"{y.name}/weights", weights.reshape(shape), DType.FLOAT32)]
    numbers = np.zeros(len(weights)) if bias is None else bias
    parts.append(make_constant(f"{y.name}/bias", numbers))
    return make_op("CONV_2D", parts, (y,), padding=int(Padding.VALID), stride_w=1, stride_h=1)
