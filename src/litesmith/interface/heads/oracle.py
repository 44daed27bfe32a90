"""Softmax and sigmoid in NumPy, float64 inside."""

from __future__ import annotations

import numpy as np

from litesmith.data import Array


def softmax(values: Array) -> Array:
    """Return exp(x) / sum(exp(x)) over the last axis, float32 of the same shape."""
    powers = _powers(values)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def log_softmax(values: Array) -> Array:
    """Return x - log(sum(exp(x))) over the last axis, float32 of the same shape."""
    shifted = values.astype(np.float64) - values.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(total), np.float32)


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(-x)), float32 of the same shape."""
    halves = np.tanh(values.astype(np.float64) / 2)
    return np.asarray((1 + halves) / 2, np.float32)


def exponential(values: Array) -> Array:
    """Return exp(x), float32 of the same shape."""
    return np.asarray(np.exp(values.astype(np.float64)), np.float32)


def _powers(values: Array) -> Array:
    return np.asarray(np.exp(values.astype(np.float64) - values.max(axis=-1, keepdims=True)))
