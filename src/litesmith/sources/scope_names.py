"""Layer names that TensorFlow does not take for a scope of its graphs.

Keras 3 lets a model have them, and runs it eagerly or on another backend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


@contextmanager
def plain_scopes(model: Any) -> Iterator[None]:
    """Let layers of such names have others while the model is traced; those of its ends stay."""
    odd = [
        layer
        for layer in model._flatten_layers()
        if _SCOPE.fullmatch(layer.name) is None and not hasattr(layer, "_set_dtype_policy")
    ]
    names = [layer.name for layer in odd]
    for layer in odd:
        layer.name = "layer_" + re.sub(r"[^A-Za-z0-9_.-]", "_", layer.name)
    try:
        yield
    finally:
        for layer, name in zip(odd, names, strict=True):
            layer.name = name
