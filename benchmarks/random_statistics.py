"""Give an untrained Keras 3 model weights that a conversion can be judged by.

A fresh model proves nothing: its batch norms shift by zero, and many architectures answer every
input with the same constant. `randomize` walks the model layer by layer on a few images and sets
every gamma, beta, mean, variance and bias at random, scaled so that activations stay near unit
spread and the last layer's logits differ between images; `assert_varies` makes
sure of it. `python -m benchmarks.applications_table` saves such a model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Pre-activations are mostly positive, as in trained nets: were they centered, each layer would
# amplify the noise of the one before, and no int8 file of fifty layers could be told from garbage.
BIAS_MEAN, BIAS_SPREAD = 1.5, 0.4
SMOOTH = 0.7  # part of a spatial kernel that averages, as trained ones do


def randomize(model: Any, images: np.ndarray, seed: int = 0) -> None:
    """Set all statistics and biases of a Keras 3 model in place, and scale its weights.

    Args:
        model: a `keras.Model` of one input.
        images: float32[n, …], preprocessed as the model wants them; about 8 are enough.
        seed: of everything that is drawn.

    Raises:
        ValueError: the outputs do not vary over the images afterwards.
    """
    rng = np.random.default_rng(seed)
    layers = [layer for layer in model._flatten_layers(include_self=False) if _own_weights(layer)]
    pending = {id(layer) for layer in layers}

    def hook(layer: Any) -> Callable[..., Any]:
        original = layer.call

        def call(*args: Any, **kwargs: Any) -> Any:
            if id(layer) in pending:
                pending.discard(id(layer))
                _randomize_layer(layer, original, args, kwargs, rng)
            return original(*args, **kwargs)

        return call

    for layer in layers:
        layer.call = hook(layer)
    try:
        model(images, training=False)
    finally:
        for layer in layers:
            del layer.call
    assert_varies(model, images)


def assert_varies(model: Any, images: np.ndarray, least: float = 0.02) -> float:
    """Return how much the outputs differ between images, relative to their largest magnitude.

    Raises:
        ValueError: less than `least`, or not finite: such a model cannot show a conversion's error.
    """
    outputs = model(images, training=False)
    worst = np.inf
    for output in outputs if isinstance(outputs, list | tuple) else [outputs]:
        values = np.asarray(output, np.float64)
        spread = float(values.std(axis=0).max() / max(np.abs(values).max(), 1e-30))
        worst = min(worst, spread if np.isfinite(values).all() else 0.0)
    if not worst >= least:
        raise ValueError(
            f"outputs vary by {worst:.2g} of their magnitude over {len(images)} images"
        )
    return worst


def _own_weights(layer: Any) -> list[Any]:
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def _randomize_layer(
    layer: Any, call: Callable[..., Any], args: Any, kwargs: Any, rng: np.random.Generator
) -> None:
    kind = type(layer).__name__
    x = np.asarray(args[0], np.float32)
    if kind == "BatchNormalization":
        _set_batch_norm(layer, x, rng)
    elif kind == "Normalization":
        _set_normalization(layer, x, rng)
    elif kind in ("LayerNormalization", "GroupNormalization"):
        _set_affine(layer, rng)
    elif kind == "EinsumDense":  # attention's projections: scaled as they are
        if layer.bias is not None:
            layer.bias.assign(rng.normal(0, BIAS_SPREAD, layer.bias.shape))
    elif getattr(layer, "kernel", None) is not None or hasattr(layer, "pointwise_kernel"):
        _set_linear(layer, call, args, kwargs, rng)
    else:
        for weight in _own_weights(layer):
            weight.assign(rng.uniform(0.2, 0.8, weight.shape))


def _set_batch_norm(layer: Any, x: np.ndarray, rng: np.random.Generator) -> None:
    """Center and scale by what the images show, each channel off by a random bit."""
    axes = tuple(i for i in range(x.ndim) if i != layer.axis % x.ndim)
    mean, variance = x.mean(axes), x.var(axes)
    floor = 1e-2 * float(variance.mean()) + 1e-6  # a channel dead on these images must not explode
    variance = np.maximum(variance, floor)
    layer.moving_mean.assign(mean + np.sqrt(variance) * rng.normal(0, 0.2, mean.shape))
    layer.moving_variance.assign(variance * rng.uniform(0.7, 1.4, mean.shape))
    _set_affine(layer, rng)


def _set_affine(layer: Any, rng: np.random.Generator) -> None:
    if layer.gamma is not None:
        layer.gamma.assign(rng.uniform(0.6, 1.4, layer.gamma.shape))
    if layer.beta is not None:
        layer.beta.assign(rng.normal(BIAS_MEAN, BIAS_SPREAD, layer.beta.shape))


def _set_normalization(layer: Any, x: np.ndarray, rng: np.random.Generator) -> None:
    axes = tuple(i for i in range(x.ndim) if i not in [a % x.ndim for a in layer._keep_axis])
    mean, variance = x.mean(axes), x.var(axes)
    layer.adapt_mean.assign(mean * rng.uniform(0.8, 1.2, mean.shape))
    layer.adapt_variance.assign(variance * rng.uniform(0.7, 1.4, mean.shape))
    layer.finalize_state()


def _spatial_kernels(layer: Any) -> list[Any]:
    """Return the kernels of float32[kh, kw, …], kh·kw > 1."""
    names = ("kernel", "depthwise_kernel")
    found = [getattr(layer, name, None) for name in names]
    return [k for k in found if k is not None and len(k.shape) == 4 and k.shape[0] * k.shape[1] > 1]


def _set_linear(
    layer: Any, call: Callable[..., Any], args: Any, kwargs: Any, rng: np.random.Generator
) -> None:
    """Scale the kernel to outputs of unit spread; center each channel by its bias, a bit off."""
    import keras

    activation, layer.activation = layer.activation, keras.activations.linear
    bias = layer.bias if layer.use_bias else None
    if bias is not None:
        bias.assign(np.zeros(bias.shape, np.float32))
    for kernel in _spatial_kernels(layer):
        values = np.asarray(kernel)
        side = float(np.sqrt(values.shape[0] * values.shape[1]))
        kernel.assign(SMOOTH * side * values.mean((0, 1)) + (1 - SMOOTH) * values)
    out = np.asarray(call(*args, **kwargs), np.float64)
    layer.activation = activation

    axes = tuple(range(out.ndim - 1))
    spread = max(float(np.sqrt(out.var(axes).mean())), 1e-6)
    kernel = layer.pointwise_kernel if hasattr(layer, "pointwise_kernel") else layer.kernel
    kernel.assign(np.asarray(kernel) / spread)
    if bias is not None:
        center = -out.mean(axes) / spread
        bias.assign(center + rng.normal(BIAS_MEAN, BIAS_SPREAD, center.shape))
