"""The application feeds images of its own size; the graph resizes them to the model's.

Half-pixel centers, no antialiasing, aspect ratio not kept: what cameras' frames get from
`tf.image.resize`. Source position of result i of m, from n: (i + 0.5) · n / m − 0.5, clipped to
the image; nearest takes floor((i + 0.5) · n / m).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import InputError
from litesmith.graph import DType, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.interface.change import Change, Wiring, sized

_FORM = re.compile(r"([1-9]\d*)x([1-9]\d*)(?:,(bilinear|nearest))?")


@dataclass(frozen=True)
class _Size:
    height: int
    width: int
    method: str


def is_image(spec: TensorSpec) -> bool:
    """Return whether examples have height, width and 1 to 4 channels."""
    shape = spec.example_shape
    return len(shape) == 3 and shape[-1] in (1, 2, 3, 4)


def resize(chosen: str, spec: TensorSpec) -> Change | None:
    """Return the change of an input that is fed in the application's size, "" for the model's.

    Raises:
        InputError: another form than HxW[,bilinear|nearest], or an input that is no image of a
            known size.
    """
    if not chosen:
        return None
    found = _FORM.fullmatch(chosen)
    if found is None:
        raise InputError(
            f"--input-size {chosen} is not understood.", "Write 480x640 or 480x640,nearest."
        )
    if len(spec.example_shape) != 3 or None in spec.example_shape[:2]:
        raise InputError(
            f"--input-size {chosen}: the input '{spec.name}' of shape {spec.shape} is not an image "
            "of a fixed size.",
            "Fix its size with --input-shape NAME=1xHxWxC, or name the input that is meant.",
        )
    size = _Size(int(found[1]), int(found[2]), found[3] or "bilinear")
    height, width = (int(s or 0) for s in spec.example_shape[:2])
    if (height, width) == (size.height, size.width):
        return None

    def fed(old: TensorSpec) -> TensorSpec:
        head = old.shape[: len(old.shape) - 3]
        return replace(old, shape=(*head, size.height, size.width, old.shape[-1]))

    def feed(batch: Array) -> Array:
        rows = _WEIGHTS[size.method](size.height, height)
        columns = _WEIGHTS[size.method](size.width, width)
        return np.asarray(
            np.einsum("ih,khwc,jw->kijc", rows, batch.astype(np.float64), columns, optimize=True)
        )

    why = f"fed {size.height}x{size.width}, resized to {height}x{width} ({size.method})"
    return Change(why, fed, feed, lambda old: _resized(old, size))


def _linear(size: int, result: int) -> Array:
    """Return float64[result, size]: a tent of width 1 around each source position."""
    position = (np.arange(result) + 0.5) * size / result - 0.5
    position = np.clip(position, 0, size - 1)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(size))))


def _nearest(size: int, result: int) -> Array:
    index = np.minimum(((np.arange(result) + 0.5) * size / result).astype(int), size - 1)
    return np.asarray((index[:, None] == np.arange(size)).astype(np.float64))


_WEIGHTS: dict[str, Callable[[int, int], Array]] = {"bilinear": _linear, "nearest": _nearest}
_KINDS = {"bilinear": ("RESIZE_BILINEAR", 3), "nearest": ("RESIZE_NEAREST_NEIGHBOR", 3)}


def _resized(old: Tensor, size: _Size) -> Wiring:
    kind, version = _KINDS[size.method]
    new = sized(old, old.name, {1: size.height, 2: size.width})
    inner = old.with_(name=f"{old.name}/resized")
    target = make_constant(f"{old.name}/size", old.shape[1:3], DType.INT32)
    op = make_op(kind, (new, target), (inner,), version, half_pixel_centers=True)
    return new, inner, (op,)
