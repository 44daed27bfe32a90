"""Keras 3's TimeDistributed over an open number of steps, which it computes wrongly in a graph.

It reads the number of steps from the axis of the batch (Keras 3.15: `vectorized_map` over
`ops.shape(inputs)[0]`, taken before the axes are swapped). tf_keras folds steps into the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def folding_steps(model: Any) -> Iterator[None]:
    """Let the model's TimeDistributed layers fold open steps into the batch, as tf_keras does."""
    layers = [layer for layer in model._flatten_layers() if _is_broken(layer)]
    for layer in layers:
        object.__setattr__(layer, "call", _folded(layer, layer.call))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _is_broken(layer: Any) -> bool:
    kind = type(layer)
    return kind.__name__ == "TimeDistributed" and kind.__module__.startswith("keras.src.")


def _folded(layer: Any, call: Any) -> Any:
    import tensorflow as tf

    def folding(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if inputs.shape[1] is not None or mask is not None:
            return call(inputs, training=training, mask=mask)
        keywords = {"training": training} if layer.layer._call_has_training_arg else {}
        sizes = tf.shape(inputs)[:2]
        inside = layer.layer.call(tf.reshape(inputs, [-1, *inputs.shape[2:]]), **keywords)
        unfolded = tf.reshape(inside, tf.concat([sizes, tf.shape(inside)[1:]], 0))
        unfolded.set_shape([*inputs.shape[:2], *inside.shape[1:]])
        return unfolded

    return folding
