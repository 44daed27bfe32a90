"""Choices that rounding leaves open: what is alike in the original is alike for the file, too."""

from __future__ import annotations

import numpy as np

from litesmith.data import Array

# Of the largest value of an example: what float32 sums in another order leave.
TOLERANCE = 1e-5


def slack(values: Array) -> Array:
    """Return (k, 1, …): the difference below which values of an example are alike."""
    axes = tuple(range(1, values.ndim))
    return np.asarray(TOLERANCE * np.abs(values).max(axis=axes, keepdims=True, initial=0.0))


def settled(found: Array, wanted: Array, values: Array) -> Array:
    """Return the file's indices, the wanted ones in the place of those whose values are alike.

    Args:
        found: (k, …, n) indices into the last axis of `values`, from the file.
        wanted: the same from the original.
        values: (k, …, classes) of the original.
    """
    inside = (found >= 0) & (found < values.shape[-1])
    theirs = np.take_along_axis(values, np.where(inside, found, 0), -1)
    ours = np.take_along_axis(values, wanted, -1)
    alike = inside & (np.abs(theirs - ours) <= slack(values)) & distinct(found)
    return np.where(alike, wanted, found).astype(wanted.dtype)


def distinct(found: Array) -> Array:
    """Return (k, …, 1): whether all indices of a row differ."""
    ordered = np.sort(found, axis=-1)
    same = ordered[..., 1:] == ordered[..., :-1]
    return np.asarray(~same.any(axis=-1, keepdims=True))
