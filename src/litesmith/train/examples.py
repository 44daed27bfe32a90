"""The user's examples as a graph's inputs take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from litesmith.errors import InputError
from litesmith.graph import Array, Graph, Tensor


def as_inputs(graph: Graph, examples: Array | Sequence[Array] | Mapping[str, Array]) -> list[Array]:
    """Return one array (n, *graph shape) per input of the graph.

    Raises:
        InputError: inputs are missing, differ in number, or do not fit.
    """
    names = graph.input_names()
    if isinstance(examples, Mapping):
        missing = [name for name in names if name not in examples]
        if missing:
            raise InputError(f"There are no examples for the input '{missing[0]}'.")
        given = [np.asarray(examples[name]) for name in names]
    elif isinstance(examples, np.ndarray):
        given = [examples]
    else:
        given = [np.asarray(x) for x in examples]
    if len(given) != len(names):
        raise InputError(f"The model has {len(names)} inputs, but {len(given)} arrays were given.")
    if len({len(x) for x in given}) > 1:
        raise InputError("The inputs have different numbers of examples.")
    return [_fitted(x, t, n) for x, t, n in zip(given, graph.inputs, names, strict=True)]


def _fitted(values: Array, tensor: Tensor, name: str) -> Array:
    wanted = tensor.shape
    shape = values.shape[1:]
    if shape != wanted:
        # The graph's own leading 1, or dimensions that it leaves open.
        if wanted[:1] == (1,) and len(shape) == len(wanted) - 1:
            shape = (1, *shape)
        if not _takes(tensor, shape):
            raise InputError(
                f"Examples of shape {values.shape[1:]} do not fit the input '{name}' of shape "
                f"{wanted}."
            )
    values = values.reshape(len(values), *shape)
    return np.asarray(values, tensor.dtype.numpy)


def _takes(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    signature = tensor.shape_signature or tensor.shape
    if len(signature) != len(shape):
        return False
    return all(s in (-1, d) for s, d in zip(signature, shape, strict=True))
