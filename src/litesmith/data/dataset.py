"""What a reader module hands to `load.py`, and the cleaning of labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from litesmith.data.rows import Reader
from litesmith.data.specs import Array
from litesmith.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """A place of examples that was opened.

    Attributes:
        reader: raw values of the model's inputs.
        description: for messages and reports.
        labels: reads all raw labels (n, …), None when there are none.
        class_names: names of the class indices, when the place tells.
        labels_hint: what to type to get labels, when there are none.
    """

    reader: Reader
    description: str
    labels: Callable[[], Array] | None = None
    class_names: tuple[str, ...] | None = None
    labels_hint: str = ""


def clean_labels(raw: Array, description: str) -> tuple[Array, tuple[str, ...] | None]:
    """Return labels as numbers and, for text labels, the class names (sorted; label = index).

    Raises:
        InputError: labels that are Python objects, NaN or infinite.
    """
    labels = np.asarray(raw)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind == "U":
        names, indices = np.unique(labels, return_inverse=True)
        return indices.reshape(labels.shape), tuple(str(name) for name in names)
    if labels.dtype.kind not in "biuf":
        raise InputError(f"The labels of {description} are neither numbers nor text.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise InputError(f"The labels of {description} hold NaN or infinity.")
    return (labels.astype(np.int64) if labels.dtype.kind == "b" else labels), None
