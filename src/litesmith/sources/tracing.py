"""A loaded model's call as one concrete function over flat inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, LitesmithError
from litesmith.sources.loaded import Loaded
from litesmith.sources.reasons import reason
from litesmith.sources.state import State
from litesmith.sources.structure import unique


def trace(
    loaded: Loaded, specs: Sequence[TensorSpec], states: Sequence[State] = ()
) -> tuple[Any, list[str]]:
    """Return the concrete function over flat inputs and the names of its flat outputs.

    Its outputs end with a read of every state, after all that the call does.
    """
    import tensorflow as tf
    from tensorflow.python.autograph.core.ag_ctx import ControlStatusCtx, Status

    names: list[str] = []
    ours: list[LitesmithError] = []

    def flat(*tensors: Any) -> list[Any]:
        try:
            with ControlStatusCtx(
                Status.ENABLED
            ):  # for layers of the user, which branch on tensors
                named = loaded.call(tensors)
        except LitesmithError as error:
            ours.append(error)  # tf.function would retell it
            raise
        names[:] = [name for name, _ in named]
        # Identity: an output that is an input, a constant or said twice gets a tensor of its own.
        outputs = [tf.identity(tensor) for _, tensor in named]
        return [*outputs, *(tf.identity(state.variable.read_value()) for state in states)]

    labels = unique([re.sub(r"[^A-Za-z0-9_]", "_", spec.name).lstrip("_") or "x" for spec in specs])
    signature = [
        tf.TensorSpec(spec.shape, spec.dtype, label)
        for spec, label in zip(specs, labels, strict=True)
    ]
    try:
        if loaded.legacy:
            function = tf.compat.v1.wrap_function(flat, signature)
        else:
            # Our own code needs no conversion, which takes a second.
            function = tf.function(flat, autograph=False).get_concrete_function(*signature)
    except Exception as error:  # the adapter of tracing, which runs the model's own Python
        if ours:
            raise ours[0] from error
        raise ConversionError(
            f"The model cannot be traced by TensorFlow: {reason(error)}."
        ) from error
    if not names:
        raise ConversionError("The model has no outputs.")
    return function, names
