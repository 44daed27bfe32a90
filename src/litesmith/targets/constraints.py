"""Predicates on ops that several tables share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from litesmith.graph import DType, Op, Tensor
from litesmith.graph.facts import FACTS
from litesmith.targets.rules import Constraint, weights_of

STATIC = Constraint(
    "static_shapes",
    "shapes that are known when the file is made",
    lambda op: not any(t.is_dynamic for t in tensors(op)),
    "Export with a fixed --batch and --input-shape.",
)
CLAMP_NAMES = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")


def kinds(text: str) -> frozenset[str]:
    """Return op kinds written with spaces between."""
    return frozenset(text.split())


def tensors(op: Op) -> tuple[Tensor, ...]:
    """Return all operands and results."""
    return tuple(t for t in (*op.inputs, *op.outputs) if t is not None)


def values(op: Op) -> tuple[Tensor, ...]:
    """Return operands and results that are not constants."""
    return tuple(t for t in tensors(op) if not t.is_constant)


def real(op: Op) -> Tensor:
    """Return the operand that an op computes on."""
    row = FACTS.get(op.kind)
    position = 0 if row is None or row.activations[0] < 0 else row.activations[0]
    found = op.input(position)
    return op.outputs[0] if found is None else found


def constant(op: Op, *positions: int) -> bool:
    """True when the operands at these positions are constants (or omitted)."""
    return all((t := op.input(p)) is None or t.is_constant for p in positions)


def numbers(tensor: Tensor | None) -> list[int]:
    """Return a constant's elements as integers, [] for none."""
    return [] if tensor is None or tensor.data is None else [int(v) for v in np.ravel(tensor.data)]


def axes(op: Op, position: int, rank: int) -> set[int]:
    """Return the axes that a constant operand names, counted from the front."""
    return {a % rank for a in numbers(op.input(position))} if rank else set()


def rank_at_most(limit: int, of: Callable[[Op], Iterable[Tensor]] = values) -> Constraint:
    """Demand a largest number of dimensions."""
    return Constraint(
        f"rank_at_most_{limit}",
        f"tensors of at most {limit} dimensions",
        lambda op: all(len(t.shape) <= limit for t in of(op)),
        "Reshape to fewer dimensions.",
    )


def fused(*allowed: int) -> Constraint:
    """Demand a fused activation among these (values of the schema's enumeration)."""
    listed = ", ".join(CLAMP_NAMES[a] for a in allowed)
    return Constraint(
        "fused_" + "_".join(map(str, allowed)),
        f"a fused activation among {listed}",
        lambda op: op.option("fused_activation_function", 0) in allowed,
        "Put the activation into a layer of its own.",
    )


def constants(what: str, *positions: int) -> Constraint:
    """Demand that operands are stored in the file."""
    return Constraint(
        "constant_" + "_".join(map(str, positions)),
        f"{what} that are constants",
        lambda op: constant(op, *positions),
    )


def of_type(what: str, dtype: DType, position: int) -> Constraint:
    """Demand the element type of an operand, where it is given."""
    return Constraint(
        f"operand_{position}_{dtype}",
        f"{what} of type {dtype}",
        lambda op: (t := op.input(position)) is None or t.dtype is dtype,
    )


def results(*dtypes: DType) -> Constraint:
    """Demand the element type of the first result."""
    listed = " or ".join(dtypes)
    return Constraint(
        "results_" + "_".join(dtypes),
        f"results of type {listed}",
        lambda op: op.outputs[0].dtype in dtypes,
    )


def kernel(op: Op) -> tuple[int, int]:
    """Return height and width of the window of a convolution or pool."""
    if op.kind.endswith("POOL_2D"):
        return int(op.option("filter_height", 1)), int(op.option("filter_width", 1))
    weights = weights_of(op)
    return (weights.shape[1], weights.shape[2]) if weights and len(weights.shape) == 4 else (1, 1)


def strides(op: Op) -> tuple[int, int]:
    """Return vertical and horizontal stride, 1 for ops without."""
    return int(op.option("stride_h", 1)), int(op.option("stride_w", 1))


def dilations(op: Op) -> tuple[int, int]:
    """Return vertical and horizontal dilation, 1 for ops without."""
    height, width = op.option("dilation_h_factor", 1), op.option("dilation_w_factor", 1)
    return int(height), int(width)


def spatial(tensor: Tensor) -> tuple[int, int]:
    """Return height and width as a tensor of fewer than four dimensions is padded to NHWC."""
    shape = (1, 1, 1, 1, *tensor.shape)[-4:]
    return shape[1], shape[2]


def elements(tensor: Tensor) -> int:
    """Return the number of elements."""
    return math.prod(tensor.shape)


def ratio(a: Tensor | None, b: Tensor | None) -> float | None:
    """Return a's scale divided by b's, None where one has no scale."""
    scales = [t.quant.scale for t in (a, b) if t is not None and t.quant is not None]
    if len(scales) < 2 or not scales[0].size or not scales[1].size:
        return None
    return float(scales[0].flat[0]) / float(scales[1].flat[0])


def same_scales(*operands: Tensor | None) -> bool:
    """True when these tensors have one scale and zero point (or none at all)."""
    found = {
        (float(t.quant.scale.flat[0]), int(t.quant.zero_point.flat[0]))
        for t in operands
        if t is not None and t.quant is not None and t.quant.scale.size
    }
    return len(found) <= 1
