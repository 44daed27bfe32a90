"""Constant arithmetic per channel on few channels is faster as a 1x1 convolution.

Algebra, exact: s·x + t with one s and t per channel = conv₁ₓ₁(x), the weights diag(s), the bias t.
XNNPACK broadcasts a short last axis one row at a time; for 224x224x3, LiteRT 2.3 on x86-64 takes
0.17 ms for the ADD, 0.30 ms for MUL and ADD, 0.09 ms for the convolution (int8: 0.25, 0.49, 0.15).
Side conditions: rank 4, 2 to 4 channels, at least 64x64 pixels, and nothing else took the
arithmetic in, so this family comes last. In integers the convolution rounds once and its bias has
32 bits. Saves time, and one of two ops.
"""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

from litesmith.graph import Op, Options, Tensor
from litesmith.graph.enums import CLAMPS, Padding
from litesmith.rewrite.affine import Affine, Blocked, as_constant, read_affine
from litesmith.rewrite.engine import Edit, Family, View, activation

_MOST = 4
_FEWEST_PIXELS = 4096
_KINDS = ("MUL", "ADD", "SUB", "DIV")


def _thin(op: Op, view: View) -> Edit | None:
    found = read_affine(op)
    if found is None or activation(op) not in CLAMPS:
        return None
    x, total = found
    gone: list[Op] = []
    first = view.plain(x, *_KINDS)
    inner = None if first is None else read_affine(first)
    try:
        if first is not None and inner is not None:
            x, total = inner[0], total.after(inner[1])
            gone.append(first)
        made = _convolution(op, x, total)
    except Blocked:
        return None
    if made is None or _read_on(op, view):
        return None
    return Edit({**{before: () for before in gone}, op: (made,)})


def _read_on(op: Op, view: View) -> bool:
    """True for the first of two, which go together."""
    reader = view.reader(op.outputs[0])
    return activation(op) == 0 and reader is not None and read_affine(reader) is not None


def _convolution(op: Op, x: Tensor, total: Affine) -> Op | None:
    channels = x.shape[-1] if len(x.shape) == 4 else 0
    if not 2 <= channels <= _MOST or total.axes != {3}:
        return None
    if math.prod(x.shape[:3]) < _FEWEST_PIXELS:
        return None
    scale, shift = total.vectors(channels)
    name = op.outputs[0].name
    weights = as_constant(f"{name}/weights", np.diag(scale)[:, None, None, :])
    fields = {
        "padding": int(Padding.VALID),
        "stride_w": 1,
        "stride_h": 1,
        "dilation_w_factor": 1,
        "dilation_h_factor": 1,
        "fused_activation_function": activation(op),
    }
    return Op(
        "CONV_2D",
        (x, weights, as_constant(f"{name}/bias", np.array(shift))),
        op.outputs,
        Options("Conv2DOptions", MappingProxyType(fields)),
        origin=op.origin,
    )


THIN_CHANNELS = Family(
    "thin_channels",
    "constant arithmetic per channel on few channels becomes a 1x1 convolution",
    {kind: (_thin,) for kind in _KINDS},
    last=True,
)
