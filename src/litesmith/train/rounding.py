"""Round a weight at a time, and let those not yet rounded make up for it.

What an op answers is a sum of products: what rounding one weight does to it can be undone in part
by the weights whose inputs resemble this one's. With H the second moments of the inputs, rounding
the weight of input i adds error e to it; the others change by −e · H⁻¹[i, j] / H⁻¹[i, i] (Frantar
et al., "GPTQ", 2022, after Hassibi's optimal brain surgeon). Seconds of it go further than minutes
of gradient steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.enums import Padding
from litesmith.kernels.value import TfTensor
from litesmith.train.network import Network
from litesmith.train.parameters import SCALE_RATE, Weight, levels

_KINDS = ("CONV_2D", "FULLY_CONNECTED")
_DAMPING = 0.01  # of the mean second moment
_FINE = 8  # bits from which rounding loses nothing
_MOST_INPUTS = 4608  # columns of H; its inverse is cubic
_MOST_ROWS = 60_000  # positions of images that are looked at, per op


def rounded(network: Network, vector: Array, feeds: Mapping[Tensor, Array]) -> Array:
    """Return the vector with coarse weights rounded one after the other.

    Args:
        network: student.
        vector: where it stands.
        feeds: some examples.
    """
    chosen = _chosen(network)
    if not chosen:
        return vector
    moments = _moments(network, vector, chosen, feeds)
    parts = network.layout.split(vector)
    found = dict(parts)
    for one, second in zip(chosen, moments, strict=True):
        weight, name = network.weights[one.place], f"{one.place}/u"
        assert weight.tensor.data is not None
        scale = weight.step * np.exp(np.float32(SCALE_RATE) * parts[f"{one.place}/scale"])
        exact = weight.tensor.data / scale
        rows = exact.reshape(len(exact), -1).astype(np.float64)
        anew = _compensated(rows, second, weight).astype(np.float32)
        found[name] = anew.reshape(parts[name].shape)
    return network.layout.joined(found)


@dataclass(frozen=True)
class _Linear:
    """An op whose weights are rounded: what it reads, its weights and their place."""

    op: Op
    data: Tensor
    weights: Tensor
    place: int

    @property
    def window(self) -> tuple[int, ...]:
        """Height and width of a convolution's window."""
        return self.weights.shape[1:3] if self.op.kind == "CONV_2D" else (1, 1)


def _chosen(network: Network) -> list[_Linear]:
    """Return the ops with coarse weights whose rows of inputs can be had."""
    places = {w.tensor: i for i, w in enumerate(network.weights)}
    found = []
    for op in network.graph.ops:
        data, weights = op.input(0), op.input(1)
        if op.kind not in _KINDS or data is None or weights is None or weights not in places:
            continue
        bits, inputs = network.weights[places[weights]].bits, math.prod(weights.shape[1:])
        grouped = op.kind == "CONV_2D" and data.shape[-1] != weights.shape[-1]
        if 1 < bits < _FINE and inputs <= _MOST_INPUTS and not grouped:
            found.append(_Linear(op, data, weights, places[weights]))
    return found


def _moments(
    network: Network, vector: Array, chosen: Sequence[_Linear], feeds: Mapping[Tensor, Array]
) -> list[Array]:
    """Return per op the second moments of what each weight is multiplied by, float64[in, in]."""

    @tf.function  # type: ignore[untyped-decorator]
    def found(start: TfTensor) -> list[TfTensor]:
        inputs = dict.fromkeys(one.data for one in chosen)
        values = network.run(network.constants(start), feeds, inputs)
        return [_second(one, values[one.data]) for one in chosen]

    return [np.asarray(m, np.float64) for m in found(tf.constant(vector))]


def _second(one: _Linear, x: TfTensor) -> TfTensor:
    # Few images are enough where each has many positions.
    places = math.prod(one.op.outputs[0].shape[:-1])
    x = x[:: tf.maximum(tf.shape(x)[0] * places // _MOST_ROWS, 1)]
    if one.window != (1, 1):
        x = _patches(one, tf.reshape(x, (-1, *x.shape[-3:])))
    rows = tf.reshape(x, (-1, math.prod(one.weights.shape[1:])))
    rows = rows[:: tf.maximum(tf.shape(rows)[0] // _MOST_ROWS, 1)]
    return tf.matmul(rows, rows, transpose_a=True) / tf.cast(tf.shape(rows)[0], tf.float32)


def _patches(one: _Linear, x: TfTensor) -> TfTensor:
    option = one.op.option
    return tf.image.extract_patches(
        x,
        (1, *one.window, 1),
        (1, option("stride_h"), option("stride_w"), 1),
        (1, option("dilation_h_factor", 1), option("dilation_w_factor", 1), 1),
        "SAME" if option("padding") == Padding.SAME else "VALID",
    )


def _compensated(rows: Array, second: Array, weight: Weight) -> Array:
    """Return u (out, in) whose rounding is the compensated one.

    Args:
        rows: exact weights in levels, float64 (out, in).
        second: moments of the inputs.
        weight: bits and gain.
    """
    order = np.argsort(-np.diagonal(second), kind="stable")
    w, h = rows[:, order].copy(), second[np.ix_(order, order)]
    h[np.diag_indices_from(h)] += _DAMPING * max(np.diagonal(h).mean(), 1e-12)
    # Row i of the upper factor: how the error of input i spreads over those behind it.
    spread = np.linalg.cholesky(np.linalg.inv(h)).T
    kept = np.empty_like(w)
    for i in range(len(h)):
        q = levels((w[:, i] / weight.gain).astype(np.float32), weight)
        kept[:, i] = q
        error = (w[:, i] - q) / spread[i, i]
        w[:, i + 1 :] -= np.outer(error, spread[i, i + 1 :])
    result = np.empty_like(kept)
    result[:, order] = kept
    return result / weight.gain
