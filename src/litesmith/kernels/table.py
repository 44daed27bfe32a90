"""Which kernel computes which op: the families, joined."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from litesmith.kernels import (
    activations,
    blocks,
    control,
    elementwise,
    gather,
    linear,
    logic,
    pooling,
    quantize,
    recurrent,
    reduce,
    resize,
    shape,
    spectra,
)
from litesmith.kernels.value import Kernel

FAMILIES: tuple[Mapping[str, Kernel], ...] = (
    linear.KERNELS,
    elementwise.KERNELS,
    activations.KERNELS,
    pooling.KERNELS,
    reduce.KERNELS,
    quantize.KERNELS,
    shape.KERNELS,
    blocks.KERNELS,
    gather.KERNELS,
    resize.KERNELS,
    logic.KERNELS,
    control.KERNELS,
    recurrent.KERNELS,
    spectra.KERNELS,
)

KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {kind: kernel for family in FAMILIES for kind, kernel in family.items()}
)


def kernel_of(kind: str) -> Kernel | None:
    """Return the kernel of an op kind, None where LiteRT must run it (`frozen`)."""
    return KERNELS.get(kind)
