"""Patterns of arithmetic on shapes, with known and open batch."""

from __future__ import annotations

from litesmith.graph import DType, Tensor
from tests.rewrite.affine_graphs import conv
from tests.rewrite.patterns.pattern import Pattern
from tests.support.graphs import VALID, Builder, const, make, tensor


def _sizes(b: Builder, x: Tensor, *rest: int) -> Tensor:
    """Return [shape(x)[0], rest …] as the converter computes it."""
    shape = b.op("SHAPE", x, dtype=DType.INT32, out_type=2)
    bounds = const([0]), const([1]), const([1])
    first = b.op("STRIDED_SLICE", shape, *bounds, shrink_axis_mask=1)
    numbers = [const(n) for n in rest]
    return b.op("PACK", first, *numbers, values_count=1 + len(rest), axis=0)  # type: ignore[no-any-return]


def _shaped(b: Builder, x: Tensor, *rest: int) -> Tensor:
    result = tensor(f"shaped{len(b.ops)}", (x.shape[0], *rest))
    b.ops.append(make("RESHAPE", (x, _sizes(b, x, *rest)), (result,)))
    return result


def _dynamic(b: Builder) -> Tensor:
    x = b.input((1, 8, 8, 4))
    rows = b.op("RELU", _shaped(b, x, 64, 4))
    return conv(b, _shaped(b, rows, 8, 8, 4), padding=VALID)


SHAPES: tuple[Pattern, ...] = (
    Pattern(
        "dynamic_shape",
        "tf.reshape to tf.shape(x)[…] and back around ReLU → Conv2D",
        "RELU CONV_2D",
        "sizes are known, the layout changes cancel; ReLU cannot go into the op behind it",
        _dynamic,
    ),
)
