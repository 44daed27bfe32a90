"""Names for what stateful layers of either Keras keep between calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litesmith.sources.state import PARTS, Named
from litesmith.sources.structure import leaves


def named_states(model: Any) -> list[Named]:
    """Return every variable of a model that may be state, in the order of its layers.

    A stateful recurrent layer `lstm` keeps `lstm_state_h` and `lstm_state_c`; another layer's
    variable is called after both: `buffer_frames`.
    """
    found: dict[int, Named] = {}
    for outer in model._flatten_layers():
        pair = [getattr(outer, side, None) for side in ("forward_layer", "backward_layer")]
        for layer in (*filter(None, pair), outer):
            for named in (*_recurrent(layer), *_own(layer)):
                found.setdefault(id(named.variable.handle), named)
    return list(found.values())


def _recurrent(layer: Any) -> Iterator[Named]:
    if not getattr(layer, "stateful", False) or hasattr(layer, "forward_layer"):
        return
    variables = [v for _, leaf in leaves(getattr(layer, "states", None)) if (v := _variable(leaf))]
    parts = PARTS.get(len(variables), [f"_{i}" for i in range(len(variables))])
    for variable, part in zip(variables, parts, strict=True):
        yield Named(variable[0], f"{layer.name}_state{part}", zeros=True)


def _own(layer: Any) -> Iterator[Named]:
    lists = ("_non_trainable_variables", "_non_trainable_weights")  # Keras 3, tf_keras
    for name in lists:
        for leaf in getattr(layer, name, None) or ():
            if found := _variable(leaf):
                short = str(leaf.name).split("/")[-1].removesuffix(":0")
                yield Named(found[0], f"{layer.name}_{short}", zeros=False)


def _variable(value: Any) -> tuple[Any] | None:
    """Return the `tf.Variable` of a variable of either Keras; None for other things."""
    inner = getattr(value, "_value", None)  # Keras 3 wraps it
    for candidate in (value, inner):
        if hasattr(candidate, "handle"):
            return (candidate,)
    return None
