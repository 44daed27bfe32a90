"""Channels first for the application, channels last for the model: one TRANSPOSE at the input.

The rewrites move it on or absorb it where they can.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import InputError
from litesmith.graph import DType, Graph
from litesmith.graph.build import make_constant, make_op
from litesmith.interface.ends import with_input

_LAYOUTS = {"nhwc": False, "nchw": True}


def is_channels_first(chosen: str, spec: TensorSpec) -> bool:
    """Return whether an input is to be fed channels first.

    Raises:
        InputError: an unknown layout, or an input without channels.
    """
    if chosen not in _LAYOUTS:
        raise InputError(
            f"--input-layout '{chosen}' is not known.", f"Choose one of {', '.join(_LAYOUTS)}."
        )
    if _LAYOUTS[chosen] and len(spec.example_shape) not in (2, 3, 4):
        raise InputError(
            f"--input-layout {chosen}: the input '{spec.name}' of shape {spec.shape} has no "
            "channels to move.",
            "Name the inputs it is meant for: --input-layout NAME:nchw.",
        )
    return _LAYOUTS[chosen]


def channels_first(spec: TensorSpec) -> TensorSpec:
    """Return what the application feeds: the last axis after that of the examples."""
    head = spec.shape[: len(spec.shape) - len(spec.example_shape)]
    shape = spec.example_shape
    return replace(spec, shape=(*head, shape[-1], *shape[:-1]), channels_first=True)


def to_channels_last(batch: Array) -> Array:
    """Return (k, c, h, w) as (k, h, w, c)."""
    return np.moveaxis(batch, 1, -1)


def feed_channels_first(graph: Graph, position: int) -> Graph:
    """Return the graph with an input (n, h, w, c) replaced by one of (n, c, h, w)."""
    old = graph.inputs[position]
    rank = len(old.shape)
    back = (0, *range(2, rank), 1)
    new = old.with_(
        shape=_first(old.shape),
        shape_signature=None if old.shape_signature is None else _first(old.shape_signature),
    )
    inner = old.with_(name=f"{old.name}/nhwc")
    axes = make_constant(f"{old.name}/nhwc_axes", back, DType.INT32)
    return with_input(graph, position, new, inner, (make_op("TRANSPOSE", (new, axes), (inner,)),))


def _first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1])
