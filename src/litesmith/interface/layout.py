"""Channels first for the application, channels last for the model: one TRANSPOSE at the input.

The rewrites move it on or absorb it where they can.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import InputError
from litesmith.graph import DType, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.interface.change import Change, Wiring

_LAYOUTS = {"nhwc": False, "nchw": True}


def layout(chosen: str, spec: TensorSpec) -> Change | None:
    """Return the change of an input that is fed channels first, None for channels last.

    Raises:
        InputError: an unknown layout, or an input without channels.
    """
    if chosen not in _LAYOUTS:
        raise InputError(
            f"--input-layout '{chosen}' is not known.", f"Choose one of {', '.join(_LAYOUTS)}."
        )
    if not _LAYOUTS[chosen]:
        return None
    if len(spec.example_shape) not in (2, 3, 4):
        raise InputError(
            f"--input-layout {chosen}: the input '{spec.name}' of shape {spec.shape} has no "
            "channels to move.",
            "Name the inputs it is meant for: --input-layout NAME:nchw.",
        )
    return Change("fed as nchw", _channels_first, _to_channels_last, _transposed)


def _channels_first(spec: TensorSpec) -> TensorSpec:
    head = spec.shape[: len(spec.shape) - len(spec.example_shape)]
    shape = spec.example_shape
    feeds = f"{spec.feeds or 'values as the model reads them'}, channels first"
    return replace(spec, shape=(*head, shape[-1], *shape[:-1]), channels_first=True, feeds=feeds)


def _to_channels_last(batch: Array) -> Array:
    return np.moveaxis(batch, 1, -1)


def _transposed(old: Tensor) -> Wiring:
    back = (0, *range(2, len(old.shape)), 1)
    signature = old.shape_signature
    new = old.with_(
        shape=_first(old.shape), shape_signature=None if signature is None else _first(signature)
    )
    inner = old.with_(name=f"{old.name}/nhwc")
    axes = make_constant(f"{old.name}/nhwc_axes", back, DType.INT32)
    return new, inner, (make_op("TRANSPOSE", (new, axes), (inner,)),)


def _first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1])
