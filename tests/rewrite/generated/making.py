"""A graph in the making: values to choose from, and random ops that read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from litesmith.errors import LoadError
from litesmith.graph import DType, Tensor
from tests.support.graphs import RELU, RELU6, RELU_N1_TO_1, SAME, VALID, Builder, const

_MOST_ELEMENTS = 6000
_MOST_AXES = 6  # XNNPACK refuses a file with a MEAN of more


class Making(Builder):
    """A builder that chooses at random.

    Attributes:
        pool: float values so far, the latest last.
        static: the batch is known; otherwise axis 0 is open, and layers must leave it alone.
    """

    def __init__(self, seed: int, *, static: bool = True) -> None:
        super().__init__(seed)
        self.pool: list[Tensor] = []
        self.static = static

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def among(self, *choices: Any) -> Any:
        return choices[int(self.random.integers(len(choices)))]

    def number(self, low: int, high: int) -> int:
        """Return an integer in [low, high]."""
        return int(self.random.integers(low, high + 1))

    def fused(self) -> int:
        return int(self.among(0, 0, 0, 0, RELU, RELU, RELU6, RELU_N1_TO_1))

    def factors(self, *shape: int, signed: float = 0.3) -> Tensor:
        """Return factors far from zero; with that probability some are negative."""
        values = self.random.uniform(0.4, 1.6, shape)
        if self.chance(signed):
            values = values * self.random.choice([-1.0, 1.0], shape)
        return const(values.astype(np.float32), "factors")

    def filter(self, *shape: int, into: int) -> Tensor:
        return self.weights(*shape, scale=into**-0.5)

    def bias(self, size: int) -> Tensor | None:
        return self.weights(size, scale=0.4, name="bias") if self.chance(0.8) else None

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        return self.op("RESHAPE", x, const(list(shape)), new_shape=shape)  # type: ignore[no-any-return]

    def transpose(self, x: Tensor, *order: int) -> Tensor:
        return self.op("TRANSPOSE", x, const(list(order)))  # type: ignore[no-any-return]

    def reduce(self, kind: str, x: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
        return self.op(kind, x, const(list(axes)), keep_dims=keep)  # type: ignore[no-any-return]

    def chosen(self) -> Tensor:
        """Return a value: mostly the latest, else any."""
        return self.pool[-1] if self.chance(0.7) else self.among(*self.pool)

    def like(self, x: Tensor) -> Tensor:
        """Return a value of the same shape, a fresh input if there is no other."""
        found = [t for t in self.pool if t.shape == x.shape and t is not x]
        return self.among(*found) if found else self.entry(x.shape)

    def entry(self, shape: Sequence[int]) -> Tensor:
        """Return a fresh input."""
        self.pool.insert(0, self.input(shape))
        return self.pool[0]

    def grow(self, menu: Callable[[Making, Tensor], Sequence[Layer]]) -> None:
        """Add a random layer of a value's menu, or nothing where it does not fit."""
        x = self.chosen()
        before, inputs = len(self.ops), len(self.inputs)
        try:
            made = self.among(*menu(self, x))(self, x)
        except LoadError:
            made = None  # LiteRT refuses these shapes
        values = () if made is None else made if isinstance(made, tuple) else (made,)
        fits = all(0 < len(t.shape) <= _MOST_AXES and _fits(t) for t in values)
        open_ = self.static or all(t.shape[:1] == x.shape[:1] for t in values)
        if values and fits and open_ and all(t.dtype is DType.FLOAT32 for t in values):
            self.pool.extend(values)
        else:
            del self.ops[before:]
            gone = self.inputs[inputs:]
            del self.inputs[inputs:]
            self.pool = [t for t in self.pool if t not in gone]


def _fits(t: Tensor) -> bool:
    return bool(0 < np.prod(t.shape) <= _MOST_ELEMENTS)


Layer = Callable[[Making, Tensor], "Tensor | tuple[Tensor, ...] | None"]


def stepped(m: Making, x: Tensor, dilate: bool = True) -> dict[str, int]:
    """Return random padding, strides and dilations."""
    stride = m.among((1, 1), (1, 1), (1, 1), (2, 2), (2, 1), (3, 3))
    dilation = m.among((1, 1), (1, 1), (2, 2), (1, 2)) if dilate and stride == (1, 1) else (1, 1)
    return {
        "padding": m.among(SAME, VALID),
        "stride_h": stride[0],
        "stride_w": stride[1],
        "dilation_h_factor": dilation[0],
        "dilation_w_factor": dilation[1],
        "fused_activation_function": m.fused(),
    }


PLAIN = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}


def kernel(m: Making) -> tuple[int, int]:
    return m.among((1, 1), (1, 1), (3, 3), (3, 3), (2, 2), (1, 3), (3, 1), (5, 5))  # type: ignore[no-any-return]


def conv(
    m: Making, x: Tensor, out: int = 0, size: tuple[int, int] | None = None, **fields: int
) -> Tensor:
    h, w = size or kernel(m)
    out, c = out or m.number(1, 6), x.shape[-1]
    weights = m.filter(out, h, w, c, into=h * w * c)
    fields = {**PLAIN, "padding": SAME, **fields}
    return m.op("CONV_2D", x, weights, m.bias(out), **fields)  # type: ignore[no-any-return]


def deep(
    m: Making, x: Tensor, size: tuple[int, int] | None = None, times: int = 1, **fields: int
) -> Tensor:
    h, w = size or kernel(m)
    out = x.shape[-1] * times
    weights = m.filter(1, h, w, out, into=h * w)
    fields = {**PLAIN, "padding": SAME, "depth_multiplier": times, **fields}
    return m.op("DEPTHWISE_CONV_2D", x, weights, m.bias(out), **fields)  # type: ignore[no-any-return]


def dense(m: Making, x: Tensor, out: int = 0, fused: int = 0) -> Tensor:
    """Add a dense layer on the last axis."""
    out = out or m.number(1, 7)
    weights = m.filter(out, x.shape[-1], into=x.shape[-1])
    return m.op(  # type: ignore[no-any-return]
        "FULLY_CONNECTED",
        x,
        weights,
        m.bias(out),
        keep_num_dims=len(x.shape) > 2,
        fused_activation_function=fused,
    )


def scaled(m: Making, x: Tensor, fused: int = 0, signed: float = 0.2) -> Tensor:
    """Add a batch norm as the converter writes one."""
    c = x.shape[-1]
    y = m.op("MUL", x, m.factors(c, signed=signed))
    return m.op("ADD", y, m.weights(c, scale=0.6), fused_activation_function=fused)  # type: ignore[no-any-return]
