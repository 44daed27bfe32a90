"""What a sample is, and short names to write them with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.graph import DType, Graph, Tensor
from tests.support.graphs import const, one_op, tensor

_random = np.random.default_rng(7)


@dataclass(frozen=True, eq=False)
class Sample:
    """A one-op graph and what to feed it.

    Attributes:
        kind, name: the test's id.
        inputs: operands; those without data are the graph's inputs.
        low, high: range of the float inputs in calibration.
        bound: integer inputs are drawn from [0, bound).
        observed: feed only values inside the observed range (functions undefined outside of it).
        options: passed to the op (count, dtype and option fields).
    """

    kind: str
    name: str
    inputs: tuple[Tensor | None, ...]
    low: float = -1.0
    high: float = 1.0
    bound: int = 2
    observed: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        return one_op(self.kind, *self.inputs, **self.options)

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


def x(*shape: int, name: str = "x") -> Tensor:
    """A float input."""
    return tensor(name, shape)


def y(*shape: int) -> Tensor:
    """A second float input."""
    return tensor("y", shape)


def i(*shape: int, dtype: DType = DType.INT32) -> Tensor:
    """An integer or truth input."""
    return tensor("i", shape, dtype)


def w(*shape: int, scale: float = 0.5) -> Tensor:
    """Random constant."""
    return const(_random.normal(0, scale, shape).astype(np.float32), "w")


def s(kind: str, name: str, *inputs: Tensor | None, **more: Any) -> Sample:
    """Split sample attributes from op options."""
    own = {k: more.pop(k) for k in ("low", "high", "bound", "observed") if k in more}
    return Sample(kind, name, inputs, options=more, **own)
