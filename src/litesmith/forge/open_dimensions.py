"""A file that leaves dimensions to the application: does the one that ships keep them open?

The float file was held against the original at several batches and sizes; a step behind it may have
baked one of them in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.data import Array
from litesmith.errors import ConversionError, LoadError
from litesmith.runtime import Port, Session

_BATCHES = (2, 5)
_RATIOS = (0.5, 1.5, 2.0)
_SAME = 1e-3  # of the largest value: same kernels, another batch
_CLOSE = 0.5  # of the largest value: quantized against float, on generated inputs

Batch = Sequence[Array]


def check_open(exact: Session, final: Session, inputs: Batch) -> None:
    """Run the file on other batches and sizes than it assumes.

    Args:
        exact: the float file.
        final: the file that ships.
        inputs: per input a few examples, (k, *example_shape).

    Raises:
        ConversionError: it computes something else there, or nothing.
    """
    if all(port.signature[:1] == (-1,) for port in final.inputs):
        few = [x[: max(_BATCHES)] for x in inputs]
        alone = final.run(few)
        for size in _BATCHES:
            _compare(alone, final, few, size, f"at batch {size}")
    if exact is not final and any(-1 in port.signature[1:] for port in final.inputs):
        _check_sizes(exact, final, [x[:1] for x in inputs])


def _check_sizes(exact: Session, final: Session, inputs: Batch) -> None:
    for ratio in _RATIOS:
        other = [_resized(x, p, ratio) for x, p in zip(inputs, final.inputs, strict=True)]
        try:
            wanted = exact.run(other)
        except LoadError:
            continue  # not a size of this model
        where = ", ".join("x".join(map(str, x.shape[1:])) for x in other)
        _compare(wanted, final, other, None, f"on {where}")


def _resized(values: Array, port: Port, ratio: float) -> Array:
    """Return the values repeated or cut along the open axes."""
    for axis in range(1, values.ndim):
        if len(port.signature) == values.ndim and port.signature[axis] == -1:
            count = max(1, round(values.shape[axis] * ratio))
            values = np.take(values, np.arange(count) % values.shape[axis], axis)
    return values


def _compare(wanted: Batch, final: Session, fed: Batch, size: int | None, where: str) -> None:
    tolerance = _CLOSE if size is None else _SAME
    try:
        found = final.run(fed, size)
    except (LoadError, ValueError) as error:
        raise ConversionError(
            f"The file does not run {where}: {error}", "Use --quantize none, or fix the dimensions."
        ) from error
    for a, b in zip(wanted, found, strict=True):
        if a.shape != b.shape or _error(a, b) > tolerance:
            raise ConversionError(
                f"The file computes something else {where} than it should.",
                "Use --quantize none, or fix the dimensions.",
            )


def _error(a: Array, b: Array) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not a.size or not np.isfinite(a).all():
        return 0.0
    return float(np.abs(a - b).max() / max(float(np.abs(a).max()), 1e-9))
