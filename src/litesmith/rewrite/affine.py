"""Scale and shift by constants as one noun: y = scale · x + shift; how it composes and is read.

Products are made in float64 and rounded to float32 once, when they become a constant again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.rewrite.engine import constant, value

KINDS = ("MUL", "ADD", "SUB", "DIV", "NEG")
_LARGEST = 2**22  # elements that a constant may be spread to while it is followed


class Blocked(Exception):  # noqa: N818 — an answer, not an error
    """A scale or shift cannot go on; the text says why, "" when nobody would expect it to."""


@dataclass(frozen=True, eq=False)
class Affine:
    """y = scale · x + shift.

    Attributes:
        scale: float64, of the tensor's rank; each dimension is the tensor's, or 1.
        shift: likewise.
        centered: how large the part of the shift that was added *before* scaling has become. In
            units of the result that is what x loses when the difference x − mean is no longer
            made first.
        past_relu: it may go past a ReLU, which is a family of its own.
    """

    scale: Array
    shift: Array
    centered: float = 0.0
    past_relu: bool = False

    @property
    def pure(self) -> bool:
        """True when nothing is added."""
        return not self.shift.any()

    @property
    def unscaled(self) -> bool:
        """True when nothing is multiplied."""
        return bool((self.scale == 1).all())

    @property
    def positive(self) -> bool:
        """True when order is kept: every factor is above zero."""
        return bool((self.scale > 0).all())

    @property
    def keeps_relu(self) -> bool:
        """True when it may change places with a ReLU."""
        return self.past_relu and self.pure and self.positive

    @property
    def axes(self) -> frozenset[int]:
        """Axes along which it varies."""
        return frozenset(
            i for part in (self.scale, self.shift) for i, d in enumerate(part.shape) if d > 1
        )

    def after(self, first: Affine) -> Affine:
        """Return x → self(first(x))."""
        moved = self.scale * first.shift
        if first.unscaled and not self.unscaled:
            centered = float(np.abs(moved).max(initial=0))
        else:
            centered = first.centered * float(np.abs(self.scale).max(initial=0))
        past = self.past_relu or first.past_relu
        return affine(self.scale * first.scale, moved + self.shift, centered, past)

    def mapped(self, change: Callable[[Array], Array]) -> Affine:
        """Return scale and shift with the same change of shape."""
        return affine(change(self.scale), change(self.shift), self.centered, self.past_relu)

    def without_shift(self) -> Affine:
        """Return the scale alone."""
        return replace(self, shift=np.zeros((1,) * self.scale.ndim), centered=0.0)

    def vectors(self, channels: int) -> tuple[Array, Array]:
        """Return scale and shift per channel, float64[channels].

        Raises:
            Blocked: it varies along other axes than the last.
        """
        if self.axes - {self.scale.ndim - 1} or not self.scale.ndim:
            raise Blocked("the constant varies along more than channels")
        scale, shift = (np.broadcast_to(p.reshape(-1), channels) for p in (self.scale, self.shift))
        return scale, shift

    def fits(self, shape: tuple[int, ...]) -> bool:
        """True when applying it to a tensor of this shape keeps the shape."""
        return self.scale.ndim == len(shape) and all(shape[axis] != 1 for axis in self.axes)

    def at_rank(self, rank: int) -> Affine:
        """Return it for a tensor of higher rank that this one's is broadcast to."""
        return self.mapped(lambda p: p.reshape((1,) * (rank - p.ndim) + p.shape))


def affine(scale: Array, shift: Array, centered: float = 0.0, past_relu: bool = False) -> Affine:
    """Return the smallest form: axes along which the values are equal get length 1.

    Raises:
        Blocked: a value is not finite, or too large for float32.
    """
    limit = float(np.finfo(np.float32).max)
    if not (np.abs(scale) <= limit).all() or not (np.abs(shift) <= limit).all():
        raise Blocked("a constant leaves the range of float32")
    return Affine(_shrunk(scale), _shrunk(shift), centered, past_relu)


def _shrunk(values: Array) -> Array:
    for axis, size in enumerate(values.shape):
        first = values.take([0], axis) if size > 1 else values
        if size > 1 and bool((values == first).all()):
            values = first
    return values


def read_affine(op: Op) -> tuple[Tensor, Affine] | None:
    """Return (x, what the op does to x before its fused activation); None for other ops.

    Only float32 ops that keep the shape of x.
    """
    if op.kind not in KINDS:
        return None
    if op.kind == "NEG":
        x, values = op.inputs[0], np.asarray(-1.0)
        swapped = False
    else:
        a, b = op.inputs[:2]
        swapped = value(a) is not None
        x, known = (b, value(a)) if swapped else (a, value(b))
        if known is None or (x is not None and x.is_constant):
            return None
        values = known.astype(np.float64)
    if x is None or not _readable(op, x, values):
        return None
    try:
        values = values.reshape((1,) * (len(x.shape) - values.ndim) + values.shape)
        return x, affine(*_FORMS[op.kind](values, swapped))
    except Blocked:
        return None


def _readable(op: Op, x: Tensor, values: Array) -> bool:
    plain = all(t.dtype is DType.FLOAT32 and t.quant is None for t in (x, op.outputs[0]))
    if not plain or 0 in x.shape:
        return False
    if op.outputs[0].shape != x.shape or values.ndim > len(x.shape):
        return False
    tail = x.shape[len(x.shape) - values.ndim :]
    fits = all(d in (1, wanted) for d, wanted in zip(values.shape, tail, strict=True))
    return fits and bool(np.isfinite(values).all())


def _divided(c: Array, swapped: bool) -> tuple[Array, Array]:
    if swapped or not c.all():
        raise Blocked("")
    return 1 / c, _zero(c)


def _zero(c: Array) -> Array:
    return np.zeros((1,) * c.ndim)


def _one(c: Array) -> Array:
    return np.ones((1,) * c.ndim)


_FORMS: dict[str, Callable[[Array, bool], tuple[Array, Array]]] = {
    "MUL": lambda c, swapped: (c, _zero(c)),
    "NEG": lambda c, swapped: (c, _zero(c)),
    "ADD": lambda c, swapped: (_one(c), c),
    "SUB": lambda c, swapped: (-_one(c), c) if swapped else (_one(c), -c),
    "DIV": _divided,
}


def regrid(a: Affine, source: Tensor, result: Tensor) -> Affine:
    """Return what a scale and shift of `source` is after it was reshaped to `result`.

    Raises:
        Blocked: unknown dimensions leave it open, or the constant would become huge.
    """
    if not a.axes:
        return a.mapped(lambda p: p.reshape((1,) * len(result.shape)))
    if source.is_dynamic or result.is_dynamic:
        _same_batch(a, source, result)
    if int(np.prod(source.shape)) > _LARGEST:
        raise Blocked("")
    return a.mapped(lambda p: np.broadcast_to(p, source.shape).reshape(result.shape))


def _same_batch(a: Affine, source: Tensor, result: Tensor) -> None:
    """Only the first dimension may be unknown, and must be the same on both sides."""
    for tensor in (source, result):
        if tensor.shape_signature is None or -1 in tensor.shape_signature[1:]:
            raise Blocked("shapes are only known at run time")
    if 0 in a.axes or np.prod(source.shape[1:]) != np.prod(result.shape[1:]):
        raise Blocked("shapes are only known at run time")


def as_constant(name: str, values: Array) -> Tensor:
    """Return a float32 constant.

    Raises:
        Blocked: a value leaves the range of float32.
    """
    with np.errstate(over="ignore"):
        result = constant(name, values)
    if result.data is None or not np.isfinite(result.data).all():
        raise Blocked("a constant leaves the range of float32")
    return result
