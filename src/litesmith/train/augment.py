"""Examples varied so that few of them teach more; only where the teacher's answers stay sensible.

What fits the kind of data is tried on the teacher itself: a variation stays when the teacher still
answers most of the varied examples as it did the plain ones. A row of `VARIATIONS` is one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array

Random = np.random.Generator
_AGREES = 0.7  # of the teacher's answers must stay
_SMALLEST_SIDE = 12
_SHIFT = 0.1  # of an image's side, at most
_NOISE = 0.05  # of a column's standard deviation
_COLORS = (1, 3, 4)


@dataclass(frozen=True)
class Variation:
    """One way to vary a batch.

    Attributes:
        name: for reports.
        fits: whether an input's examples (n, *shape without a leading 1) are of its kind.
        vary: batch → varied batch of the same shape.
    """

    name: str
    fits: Callable[[Array], bool]
    vary: Callable[[Array, Random], Array]


def _is_image(x: Array) -> bool:
    sides = x.shape[1:3]
    return x.ndim == 4 and min(sides) >= _SMALLEST_SIDE and x.shape[3] in _COLORS


def _is_real(x: Array) -> bool:
    return x.dtype.kind == "f" and not _is_image(x)


def _flipped(x: Array, random: Random) -> Array:
    flips = random.random(len(x)) < 0.5
    return np.where(flips[:, None, None, None], x[:, :, ::-1], x)


def _shifted(x: Array, random: Random) -> Array:
    """Return images moved by up to a tenth of their side; borders repeat their edge."""
    reach = [max(1, round(_SHIFT * side)) for side in x.shape[1:3]]
    pads = [(0, 0), *((r, r) for r in reach), (0, 0)]
    wide = np.pad(x, pads, mode="edge")
    found = np.empty_like(x)
    for i in range(len(x)):
        top, left = (int(random.integers(0, 2 * r + 1)) for r in reach)
        found[i] = wide[i, top : top + x.shape[1], left : left + x.shape[2]]
    return found


def _noisy(x: Array, random: Random) -> Array:
    spread = x.std(0, keepdims=True)
    noise = _NOISE * spread * random.standard_normal(x.shape)
    return np.asarray(x + noise, x.dtype)


def _mixed(x: Array, random: Random) -> Array:
    """Return half of the examples with a part of another one in them."""
    part = np.where(random.random(len(x)) < 0.5, random.random(len(x)) * 0.5, 0.0)
    part = part.reshape(-1, *(1,) * (x.ndim - 1)).astype(x.dtype)
    return np.asarray((1 - part) * x + part * x[random.permutation(len(x))], x.dtype)


VARIATIONS: tuple[Variation, ...] = (
    Variation("flip", _is_image, _flipped),
    Variation("shift", _is_image, _shifted),
    Variation("noise", _is_real, _noisy),
    Variation("mix", _is_real, _mixed),
)

Varied = tuple[tuple[int, Variation], ...]
Agreement = Callable[[Sequence[Array], Sequence[Array]], float]


def chosen(examples: Sequence[Array], agreement: Agreement, seed: int) -> Varied:
    """Return (input, variation) for each one that leaves the teacher's answers sensible.

    Args:
        examples: some, (n, *graph shape) per input.
        agreement: (plain, varied) → part of the teacher's answers that stay.
        seed: of the trial.
    """
    found = []
    for i, x in enumerate(examples):
        for variation in VARIATIONS:
            if not variation.fits(_plain(x)):
                continue
            other = varied(examples, ((i, variation),), np.random.default_rng(seed))
            if agreement(examples, other) >= _AGREES:
                found.append((i, variation))
    return tuple(found)


def varied(batch: Sequence[Array], how: Varied, random: Random) -> list[Array]:
    """Return a batch varied in all chosen ways."""
    found = list(batch)
    for i, variation in how:
        x = found[i]
        found[i] = variation.vary(_plain(x), random).reshape(x.shape)
    return found


def _plain(x: Array) -> Array:
    """Return examples without the graph's own leading 1."""
    return x.reshape(len(x), *x.shape[2:]) if x.ndim > 2 and x.shape[1] == 1 else x
