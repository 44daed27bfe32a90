"""Keras 3's own operations, for files that name them where the legacy reader expects layers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any


def operations() -> dict[str, Any]:
    """Return class name → operation of Keras 3 (NotEqual, Any, …), without names of layers.

    Keras 3 saves models that compute masks with these classes among the layers of an HDF5 file and
    then does not find them again ("Unknown layer: 'NotEqual'").
    """
    import keras
    from keras.src import ops
    from keras.src.ops.operation import Operation

    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(ops.__path__):
        if module.name.endswith("_test"):
            continue
        members = vars(importlib.import_module(f"{ops.__name__}.{module.name}"))
        for name, member in members.items():
            ours = inspect.isclass(member) and member.__module__.startswith(ops.__name__)
            if ours and issubclass(member, Operation) and not hasattr(keras.layers, name):
                found[name] = member
    return found
