"""Round a weight at a time, and let those not yet rounded make up for it.

What an op answers is a sum of products: what rounding one weight does to it can be undone in part
by the weights whose inputs resemble this one's. With H the second moments of the inputs, rounding
the weight of input i adds error e to it; the others change by −e · H⁻¹[i, j] / H⁻¹[i, i] (Frantar
et al., "GPTQ", 2022, after Hassibi's optimal brain surgeon). Seconds of it go further than minutes
of gradient steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from litesmith.graph import Array, Op, Tensor
from litesmith.kernels.value import TfTensor
from litesmith.train.network import Network
from litesmith.train.parameters import Weight, levels

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
    for i, second in zip(chosen.values(), moments, strict=True):
        weight = network.weights[i]
        u, log_scale = parts[f"{i}/u"], parts[f"{i}/scale"]
        assert weight.tensor.data is not None
        scale = weight.step * np.exp(np.float32(0.1) * log_scale)
        exact = weight.tensor.data / scale
        rows = exact.reshape(len(exact), -1).astype(np.float64)
        found[f"{i}/u"] = np.float32(_compensated(rows, second, weight)).reshape(u.shape)
    return network.layout.joined(found)


def _chosen(network: Network) -> dict[Op, int]:
    """Return op → position of its weights, where rows of inputs can be had."""
    weights = {w.tensor: i for i, w in enumerate(network.weights)}
    found = {}
    for op in network.graph.ops:
        if op.kind not in ("CONV_2D", "FULLY_CONNECTED") or op.inputs[1] not in weights:
            continue
        i = weights[op.inputs[1]]
        weight, x = network.weights[i], op.inputs[0]
        inputs = weight.tensor.data[0].size
        grouped = op.kind == "CONV_2D" and x.shape[-1] != weight.tensor.shape[-1]
        if 1 < weight.bits < _FINE and inputs <= _MOST_INPUTS and not grouped:
            found[op] = i
    return found


def _moments(
    network: Network, vector: Array, chosen: Mapping[Op, int], feeds: Mapping[Tensor, Array]
) -> list[Array]:
    """Return per op the second moments of what each weight is multiplied by, float64[in, in]."""

    @tf.function
    def found(start: TfTensor) -> list[TfTensor]:
        inputs = dict.fromkeys(op.inputs[0] for op in chosen)
        values = network.run(network.constants(start), feeds, inputs)
        return [_second(op, values[op.inputs[0]]) for op in chosen]

    return [np.asarray(m, np.float64) for m in found(tf.constant(vector))]


def _second(op: Op, x: TfTensor) -> TfTensor:
    width = int(np.prod(op.inputs[1].shape[1:]))
    if op.kind == "CONV_2D" and op.inputs[1].shape[1:3] != (1, 1):
        x = _patches(op, tf.reshape(x, (-1, *x.shape[-3:])))
    rows = tf.reshape(x, (-1, width))
    every = tf.maximum(tf.shape(rows)[0] // _MOST_ROWS, 1)
    rows = rows[::every]
    return tf.matmul(rows, rows, transpose_a=True) / tf.cast(tf.shape(rows)[0], tf.float32)


def _patches(op: Op, x: TfTensor) -> TfTensor:
    option = op.option
    return tf.image.extract_patches(
        x,
        (1, *op.inputs[1].shape[1:3], 1),
        (1, option("stride_h"), option("stride_w"), 1),
        (1, option("dilation_h_factor", 1), option("dilation_w_factor", 1), 1),
        "SAME" if option("padding") == 0 else "VALID",
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
        q = levels(np.float32(w[:, i] / weight.gain), weight)
        kept[:, i] = q
        error = (w[:, i] - q) / spread[i, i]
        w[:, i + 1 :] -= np.outer(error, spread[i, i + 1 :])
    result = np.empty_like(kept)
    result[:, order] = kept
    return result / weight.gain
