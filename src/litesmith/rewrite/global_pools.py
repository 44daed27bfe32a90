"""Averages over all places get a scale of their own, for integers alone.

Algebra: AVERAGE_POOL_2D with a window of the whole image, without padding = MEAN over axes 1 and 2,
dimensions kept. LiteRT's integer AVERAGE_POOL_2D must answer at the scale of what it reads, whose
range is that of single places; averages span a part of it (ResNet8 on CIFAR: 6 of 25), and most of
their digits were lost just before the last layer. MEAN rescales. Side conditions: no fused
activation, more than one place, no more than the kernels of micro targets sum up without overflow.
"""

from __future__ import annotations

import math

from litesmith.graph import DType, Op
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.enums import Activation, Padding
from litesmith.rewrite.engine import Edit, Family, View, activation
from litesmith.rewrite.windows import windows

_MOST_PLACES = 4096  # Vela's limit for MEAN


def _mean(op: Op, view: View) -> Edit | None:
    x, found = op.inputs[0], windows(op)
    if x is None or x.is_dynamic or not found or activation(op) != Activation.NONE:
        return None
    places = math.prod(x.shape[w.axis] for w in found)
    whole = all(w.kernel == x.shape[w.axis] for w in found)
    unpadded = op.option("padding") == Padding.VALID or all(w.stride >= w.kernel for w in found)
    if not whole or not unpadded or not 1 < places <= _MOST_PLACES:
        return None
    axes = make_constant(f"{op.outputs[0].name}/axes", [w.axis for w in found], DType.INT32)
    new = make_op("MEAN", (x, axes), op.outputs, keep_dims=True)
    return Edit({op: (new.with_(origin=op.origin),)})


GLOBAL_POOLS = Family(
    "global_pools",
    "averages over whole images, which get a scale of their own",
    {"AVERAGE_POOL_2D": (_mean,)},
)
