"""Labels as a loss takes them, refused in a sentence where they do not fit the model's answers."""

from __future__ import annotations

import math

import numpy as np

from litesmith.data.python_object import PREFIX
from litesmith.errors import InputError
from litesmith.graph import Array, Tensor

_CLASSES = "cross_entropy"
_BINARY = "binary_cross_entropy"


def fitted_labels(loss: str, labels: Array, output: Tensor) -> Array:
    """Return labels in the form that a loss takes: class indices, or numbers like the output's.

    Args:
        loss: a name of `nouns.LOSSES`, or "py:…", whose function takes them as they are.
        labels: (n, …), as the data has them; for cross entropy indices or one-hot rows.
        output: the model's first output, of shape (1, …).

    Raises:
        InputError: they do not fit.
    """
    if loss == _CLASSES:
        return _indices(labels, output)
    if loss.startswith(PREFIX):
        return labels.astype(np.float32) if labels.dtype.kind == "f" else labels
    wanted = math.prod(output.shape[1:])
    found = math.prod(labels.shape[1:])
    if found != wanted:
        raise _misfit(loss, labels, output, "one number per value of the output")
    if loss == _BINARY and (labels.min(initial=0) < 0 or labels.max(initial=1) > 1):
        raise _misfit(loss, labels, output, "labels from 0 to 1")
    return labels.reshape(len(labels), *output.shape[1:]).astype(np.float32)


def _indices(labels: Array, output: Tensor) -> Array:
    classes, places = output.shape[-1], math.prod(output.shape[1:-1])
    if labels.ndim > 1 and math.prod(labels.shape[1:]) == places * classes and classes > 1:
        rows = labels.reshape(len(labels), places, classes)
        if ((rows == 0) | (rows == 1)).all() and (rows.sum(-1) == 1).all():
            return np.asarray(rows.argmax(-1))
    if math.prod(labels.shape[1:]) != places or not np.array_equal(labels, np.rint(labels)):
        raise _misfit(_CLASSES, labels, output, "a class index (or a one-hot row) per example")
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= classes:
        low, high = labels.min(), labels.max()
        raise InputError(
            f"The labels are classes from {low:g} to {high:g}, but the output "
            f"'{output.name}' has {classes} classes, 0 to {classes - 1}.",
            "Number the classes as the model does.",
        )
    return labels.reshape(len(labels), places).astype(np.int64)


def _misfit(loss: str, labels: Array, output: Tensor, wanted: str) -> InputError:
    return InputError(
        f"The loss {loss} needs {wanted}; labels have shape {labels.shape[1:]} per example, the "
        f"output '{output.name}' {output.shape[1:]}.",
        "Choose another --loss, or other labels in --data.",
    )
