"""Where convolutions and pools read: the one place that knows SAME, strides and dilations."""

from __future__ import annotations

from dataclasses import dataclass

from litesmith.graph import Op
from litesmith.graph.enums import Padding

# Op → (axis of the input, axis of the weights or filter option, stride and dilation options).
_AXES: dict[str, tuple[tuple[int, int | str, str, str], ...]] = {
    "CONV_2D": (
        (1, 1, "stride_h", "dilation_h_factor"),
        (2, 2, "stride_w", "dilation_w_factor"),
    ),
    "CONV_3D": (
        (1, 0, "stride_d", "dilation_d_factor"),
        (2, 1, "stride_h", "dilation_h_factor"),
        (3, 2, "stride_w", "dilation_w_factor"),
    ),
    "MAX_POOL_2D": (
        (1, "filter_height", "stride_h", ""),
        (2, "filter_width", "stride_w", ""),
    ),
}
_AXES["DEPTHWISE_CONV_2D"] = _AXES["CONV_2D"]
_AXES["AVERAGE_POOL_2D"] = _AXES["MAX_POOL_2D"]

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D")
POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")


@dataclass(frozen=True)
class Window:
    """How an op reads along one axis of its input.

    Attributes:
        axis: of the input.
        kernel: taps.
        stride: distance of two results.
        dilation: distance of two taps.
    """

    axis: int
    kernel: int
    stride: int
    dilation: int

    @property
    def reach(self) -> int:
        """Elements from the first to the last tap, both included."""
        return (self.kernel - 1) * self.dilation + 1

    def placed(self, size: int, padding: int) -> tuple[int, int]:
        """Return where the first result reads first (≤ 0), and how many results there are.

        Args:
            size: elements of the input.
            padding: SAME or VALID.
        """
        if padding == Padding.VALID:
            return 0, (size - self.reach) // self.stride + 1
        count = -(-size // self.stride)
        total = max((count - 1) * self.stride + self.reach - size, 0)
        return -(total // 2), count


def windows(op: Op) -> tuple[Window, ...]:
    """Return how an op reads along each spatial axis, () where there is none or no rank known."""
    axes, x, weights = _AXES.get(op.kind, ()), op.input(0), op.input(1)
    if x is None or op.options is None or len(x.shape) != len(axes) + 2:
        return ()
    found = []
    for axis, kernel, stride, dilation in axes:
        if isinstance(kernel, str):
            taps = int(op.option(kernel))
        elif weights is None or len(weights.shape) != len(x.shape):
            return ()
        else:
            taps = weights.shape[kernel]
        steps = int(op.option(dilation, 1) or 1) if dilation else 1
        found.append(Window(axis, taps, int(op.option(stride)), steps))
    return tuple(found)


def is_pointwise(op: Op) -> bool:
    """True when each result reads one position, its own."""
    return all(w.kernel == 1 and w.stride == 1 for w in windows(op))
