"""Kernels of models trained with Theano: it convolves where TensorFlow correlates."""

from __future__ import annotations

from typing import Any

_CLASSES = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
NOTE = "The model was trained with Theano: the kernels of its convolutions were flipped."


def flip_kernels(model: Any) -> bool:
    """Flip the spatial axes of every convolution's kernel; True when there was one."""
    found = {id(layer): layer for layer in model._flatten_layers()}.values()
    layers = [layer for layer in found if type(layer).__name__ in _CLASSES]
    for layer in layers:
        kernel = layer.kernel.numpy()
        rank = kernel.ndim - 2
        layer.kernel.assign(kernel[(slice(None, None, -1),) * rank])
    return bool(layers)
