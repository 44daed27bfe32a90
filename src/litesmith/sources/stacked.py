"""Files for N examples at a time (`--batch N`): what one of the N is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec


def one_each(specs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...] | None:
    """Return inputs or outputs for N examples at a time as those of one example.

    Returns:
        The specs with a first axis of None; None when they do not all begin with the same N > 1.
    """
    sizes = {spec.shape[0] if spec.shape else None for spec in specs}
    if len(sizes) != 1 or sizes & {None, 1}:
        return None
    return tuple(replace(spec, shape=(None, *spec.shape[1:])) for spec in specs)


def as_fed(batch: Sequence[npt.NDArray[Any]], specs: Sequence[TensorSpec]) -> Sequence[TensorSpec]:
    """Return the inputs that a batch is for: of single examples where it holds these.

    Args:
        batch: per input (k, *example_shape), where an example is what one invocation takes or,
            for all inputs, one of the N that it takes.
        specs: of a .tflite.
    """
    single = one_each(specs)
    if single is None or len(batch) != len(specs):
        return specs
    fits = all(np.ndim(x) == len(spec.shape) for x, spec in zip(batch, specs, strict=True))
    return single if fits else specs
